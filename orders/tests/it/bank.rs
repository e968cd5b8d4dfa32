//! A payment provider of the tests: it keeps books by idempotency key, and misbehaves on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use orders::payments::{Amend, Answer, Authorize, Found, Gateway, Lookup};
use uuid::Uuid;

/// What the bank does with the next calls, in order; then it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Decline,
    /// Does it and does not answer.
    Lost,
    /// Does not do it and does not answer.
    Deaf,
    /// Does it, and the caller dies.
    Kill,
}

#[derive(Debug, Default)]
struct Books {
    moods: Vec<Mood>,
    done: HashMap<Uuid, (&'static str, i64)>,
    calls: Vec<&'static str>,
    lookups: usize,
}

#[derive(Clone, Default)]
pub struct Bank(Arc<Mutex<Books>>);

impl Bank {
    pub fn will(&self, moods: &[Mood]) {
        self.0.lock().unwrap().moods = moods.iter().rev().copied().collect();
    }

    /// What was done in all, by purpose: how often and how much.
    pub fn done(&self, purpose: &str) -> (usize, i64) {
        let books = self.0.lock().unwrap();
        let of: Vec<i64> = books.done.values().filter(|(what, _)| *what == purpose).map(|(_, minor)| *minor).collect();
        (of.len(), of.iter().sum())
    }

    pub fn calls(&self, purpose: &str) -> usize {
        self.0.lock().unwrap().calls.iter().filter(|what| **what == purpose).count()
    }

    pub fn lookups(&self) -> usize {
        self.0.lock().unwrap().lookups
    }

    fn act(&self, purpose: &'static str, key: Uuid, minor: i64) -> Answer {
        let mood = {
            let mut books = self.0.lock().unwrap();
            books.calls.push(purpose);
            let mood = books.moods.pop();
            if matches!(mood, None | Some(Mood::Lost | Mood::Kill)) {
                books.done.entry(key).or_insert((purpose, minor));
            }
            mood
        };
        match mood {
            None => Answer::Done(format!("ref-{key}")),
            Some(Mood::Decline) => Answer::Refused("card_declined".into()),
            Some(Mood::Lost | Mood::Deaf) => Answer::Unknown("no answer in time".into()),
            Some(Mood::Kill) => panic!("the process died between the provider's answer and the commit"),
        }
    }
}

impl Gateway for Bank {
    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act("authorize", wish.key, wish.amount.minor) })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act("capture", wish.key, wish.amount.minor) })
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act("void", wish.key, wish.amount.minor) })
    }

    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act("refund", wish.key, wish.amount.minor) })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move {
            let mut books = self.0.lock().unwrap();
            books.lookups += 1;
            if books.done.contains_key(&call.key) { Found::Done(format!("ref-{}", call.key)) } else { Found::Nothing }
        })
    }
}

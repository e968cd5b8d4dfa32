//! Long lists, page by page.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::state::State;

/// The rest of a list.
#[derive(Debug)]
pub(super) struct Page {
    operation: &'static str,
    rest: Vec<Value>,
    size: usize,
    made_at: DateTime<Utc>,
}

/// A token that is none, or not any more.
#[derive(Debug)]
pub(super) struct BadToken;

impl State {
    /// The first page, and the token of the next.
    pub(super) fn first_page(
        &mut self,
        operation: &'static str,
        mut all: Vec<Value>,
        size: usize,
        now: DateTime<Utc>,
    ) -> (Vec<Value>, Option<String>) {
        let size = size.max(1);
        let rest = all.split_off(size.min(all.len()));
        if rest.is_empty() {
            return (all, None);
        }
        let token = format!("page-{:06}", self.number());
        self.pages.insert(token.clone(), Page { operation, rest, size, made_at: now });
        (all, Some(token))
    }

    /// The page of a token, which may be asked for again.
    pub(super) fn page(
        &mut self,
        operation: &'static str,
        token: &str,
        now: DateTime<Utc>,
        life: Option<TimeDelta>,
    ) -> Result<(Vec<Value>, Option<String>), BadToken> {
        let page = self.pages.get(token).filter(|page| page.operation == operation).ok_or(BadToken)?;
        if life.is_some_and(|life| now - page.made_at > life) {
            return Err(BadToken);
        }
        let (rest, size) = (page.rest.clone(), page.size);
        Ok(self.first_page(operation, rest, size, now))
    }
}

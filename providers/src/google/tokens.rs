//! Access tokens of all mailboxes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use service_kit::config::Secret;

use super::Error;

/// A token is not used in its last minute.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// How many mailboxes are remembered before those that nobody uses are forgotten.
const MANY: usize = 1_000;

/// What is known of one mailbox.
#[derive(Default)]
pub(super) enum Known {
    #[default]
    Nothing,
    Token {
        token: Secret,
        until: DateTime<Utc>,
    },
    /// A refresh token that was taken back does not come back.
    Revoked,
}

impl Known {
    /// A token that can be used, if there is one.
    pub(super) fn good_at(&self, now: DateTime<Utc>) -> Result<Option<Secret>, Error> {
        match self {
            Self::Token { token, until } if now + MARGIN < *until => Ok(Some(token.clone())),
            Self::Revoked => Err(Error::Revoked),
            Self::Token { .. } | Self::Nothing => Ok(None),
        }
    }

    pub(super) fn keep(&mut self, token: Secret, until: DateTime<Utc>) {
        *self = Self::Token { token, until };
    }

    pub(super) fn revoke(&mut self) {
        *self = Self::Revoked;
    }

    pub(super) fn reject(&mut self, rejected: &Secret) {
        if matches!(self, Self::Token { token, .. } if token == rejected) {
            *self = Self::Nothing;
        }
    }
}

/// One mailbox; whoever holds the lock is the one that asks.
type Shared = Arc<tokio::sync::Mutex<Known>>;

/// All mailboxes, by the digest of their refresh tokens: a new consent is a new one.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<[u8; 32], Shared>>);

impl Tokens {
    pub(super) fn of(&self, refresh_token: &Secret) -> Shared {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, refresh_token.expose().as_bytes()).as_ref());
        let mut all = self.0.lock().expect("nothing panics while it holds the tokens");
        if all.len() >= MANY {
            all.retain(|_, shared| Arc::strong_count(shared) > 1);
        }
        Arc::clone(all.entry(key).or_default())
    }
}

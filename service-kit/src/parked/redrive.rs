//! Redriving: parked messages that somebody marked are handed to the ordinary handlers again, one at a time.
//!
//! What was parked because it kills the process or panics may do so again. So an attempt is committed before each, a panic is a failure like any
//! other, and a message after which the process died too often is parked again instead of ending every start.

use std::collections::HashMap;
use std::time::Duration;

use shared_events::Envelope;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::careful::SUSPECT;
use crate::handler::{Failure, Raw, Routes};
use crate::inbox::{dispatch, joined};
use crate::store::Store;

/// Attempts that may end with the process before a marked message is parked again.
const MAX_DEATHS: i32 = 3;

/// Handles parked messages that were marked for redrive, oldest first.
#[derive(Clone)]
pub struct Redriver {
    store: Store,
    routes: Routes,
}

/// A marked message whose turn it is.
struct Marked {
    id: i64,
    message_id: Uuid,
    properties: String,
    payload: Vec<u8>,
}

impl Redriver {
    /// A redriver with the service's own handlers.
    pub fn new(store: Store, routes: Routes) -> Self {
        Self { store, routes }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        // Counted already by this process, which lives: the database was in the way of it.
        let mut counted = None;
        loop {
            match self.turn(&mut counted).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(failure) => tracing::warn!(?failure, "redriving failed"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes the oldest marked message. True when there was one.
    async fn turn(&self, counted: &mut Option<i64>) -> Result<bool, Failure> {
        let Some(marked) = self.next().await? else { return Ok(false) };
        let _alone = SUSPECT.lock().await;
        let (id, message_id) = (marked.id, marked.message_id);
        if *counted != Some(id) {
            let attempts = self.count(message_id).await?;
            if attempts > MAX_DEATHS {
                self.park_again(id, message_id, "the process died each time while this message was redriven").await?;
                return Ok(true);
            }
            *counted = Some(id);
        }
        let redriver = self.clone();
        match joined(tokio::spawn(async move { redriver.apply(&marked).await })).await {
            Ok(true) => self.store.signals().tell_handled(vec![message_id]),
            // Another process has it.
            Ok(false) => return Ok(false),
            Err(failure) if failure.is_infrastructure() => return Err(failure),
            Err(failure) => {
                let error = format!("{failure:?}");
                tracing::warn!(parked.id = id, error, "a redriven message failed again");
                self.park_again(id, message_id, &error).await?;
            }
        }
        *counted = None;
        Ok(true)
    }

    /// A marked message goes only when nothing of its key stands before it. What could not be read has no type and is parked again.
    async fn next(&self) -> Result<Option<Marked>, Failure> {
        let types: Vec<String> = self.routes.types().map(str::to_owned).collect();
        let marked = sqlx::query_as!(
            Marked,
            "SELECT id, message_id, properties, payload FROM parked AS candidate
             WHERE state = 'redrive' AND (type = ANY($1) OR reason = 'malformed') AND NOT EXISTS
                (SELECT 1 FROM parked AS earlier WHERE earlier.topic = candidate.topic AND earlier.key = candidate.key
                 AND earlier.id < candidate.id AND earlier.state IN ('parked', 'redrive'))
             ORDER BY id LIMIT 1",
            &types
        );
        Ok(marked.fetch_optional(self.store.pool()).await?)
    }

    /// Committed before the message is tried, so that one which kills the process is counted too.
    async fn count(&self, message: Uuid) -> Result<i32, Failure> {
        let attempts = sqlx::query_scalar!(
            "INSERT INTO attempts AS tried (message_id, attempts) VALUES ($1, 1)
             ON CONFLICT (message_id) DO UPDATE SET attempts = tried.attempts + 1, updated_at = now() RETURNING attempts",
            message,
        );
        Ok(attempts.fetch_one(self.store.pool()).await?)
    }

    /// False when another process has it or had it meanwhile.
    async fn apply(&self, marked: &Marked) -> Result<bool, Failure> {
        let mut work = self.store.begin().await?;
        let ours = sqlx::query_scalar!(
            "SELECT id FROM parked WHERE id = $1 AND state = 'redrive' FOR UPDATE SKIP LOCKED",
            marked.id
        );
        if ours.fetch_optional(work.conn()).await?.is_none() {
            return Ok(false);
        }
        let properties: HashMap<String, String> =
            serde_json::from_str(&marked.properties).map_err(anyhow::Error::from)?;
        let envelope =
            Envelope::from_properties(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())))
                .map_err(anyhow::Error::from)?;
        let raw = Raw { envelope: &envelope, payload: &marked.payload };
        dispatch(&self.routes, &mut work, std::iter::once(raw)).await?;
        let now = work.now();
        sqlx::query!("UPDATE parked SET state = 'redriven', resolved_at = $2 WHERE id = $1", marked.id, now)
            .execute(work.conn())
            .await?;
        sqlx::query!("DELETE FROM attempts WHERE message_id = $1", marked.message_id).execute(work.conn()).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn park_again(&self, id: i64, message: Uuid, error: &str) -> Result<(), Failure> {
        let mut work = self.store.begin().await?;
        sqlx::query!(
            "UPDATE parked SET state = 'parked', error = $2, attempts = attempts + 1 WHERE id = $1 AND state = 'redrive'",
            id,
            error
        )
        .execute(work.conn())
        .await?;
        sqlx::query!("DELETE FROM attempts WHERE message_id = $1", message).execute(work.conn()).await?;
        work.commit().await?;
        Ok(())
    }
}

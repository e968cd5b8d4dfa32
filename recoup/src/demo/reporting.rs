//! Events as the demo reports them to tracking.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::edge::{Edge, Who};

/// What became of a batch of events.
#[derive(Debug, Default, Deserialize)]
pub struct Recorded {
    /// Stored.
    pub recorded: usize,
    /// Known before.
    pub duplicates: usize,
    /// Not taken.
    pub rejected: usize,
    results: Vec<RecordedOne>,
}

#[derive(Debug, Deserialize)]
struct RecordedOne {
    reason: Option<String>,
}

impl Recorded {
    /// Adds what became of another batch.
    pub fn add(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        self.results.extend(other.results);
    }

    /// The reason of the first event that was not taken.
    pub fn first_reason(&self) -> &str {
        self.results.iter().find_map(|result| result.reason.as_deref()).unwrap_or("no reason given")
    }
}

impl Edge {
    /// Reports events to tracking, as lines of JSON.
    ///
    /// # Errors
    /// When the request as a whole is not taken.
    pub async fn report(&self, events: &[Value]) -> anyhow::Result<Recorded> {
        let (url, bearer) = (format!("{}/api/v1/tracking/events", self.tracking), self.bearer(Who::Operator)?);
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let post = || self.http.post(&url).bearer_auth(&bearer).header("Content-Type", "application/x-ndjson");
        let (status, text) = self.send(&url, || post().body(lines.clone())).await?;
        anyhow::ensure!(status == 200, "POST {url} answered {status}: {text}");
        serde_json::from_str(&text).context("the answer to a batch")
    }

    /// Reports one event by itself; returns its id.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn report_one(&self, event: &Value) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/tracking/events", self.tracking);
        let answer = self.http.post(&url).bearer_auth(self.bearer(Who::Operator)?).json(event).send().await?;
        let (status, body): (_, Value) = (answer.status(), answer.json().await?);
        let id = body["id"].as_str().filter(|_| status.as_u16() == 201);
        id.map(str::to_owned).with_context(|| format!("POST {url} answered {status}: {body}"))
    }
}

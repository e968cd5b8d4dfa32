//! From findings to detections: what is owed now is set against what was known, and every difference is written down.

use std::collections::BTreeMap;

use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::money::{Currency, Money};
use uuid::Uuid;

use crate::books_of::Loaded;
use crate::detection::{Finding, Status, Subject};
use crate::detection_changes::{change, raise, resolve};
use crate::touched;

/// How many detections became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Raised, or owed again.
    pub raised: i64,
    /// Changed.
    pub changed: i64,
    /// Owed no longer.
    pub resolved: i64,
    /// Too late.
    pub expired: i64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.raised += other.raised;
        self.changed += other.changed;
        self.resolved += other.resolved;
        self.expired += other.expired;
    }
}

/// A detection as it is known before.
#[derive(Debug)]
pub struct Known {
    pub(crate) id: Uuid,
    pub(crate) about: String,
    pub(crate) natural_key: String,
    pub(crate) generation: i32,
    pub(crate) status: String,
    pub(crate) units: i64,
    pub(crate) expected_minor: Option<i64>,
    pub(crate) arithmetic: String,
    pub(crate) version: i32,
}

/// Where an evaluation writes to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whose.
    pub connection: ConnectionId,
    /// What it follows from.
    pub cause: &'a Cause,
}

fn is_live(status: &str) -> bool {
    matches!(status, "researching" | "awaiting_auto" | "not_yet_open" | "claimable" | "review")
}

/// The name of a finding's status.
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Researching => "researching",
        Status::AwaitingAuto => "awaiting_auto",
        Status::NotYetOpen => "not_yet_open",
        Status::Claimable => "claimable",
        Status::Expired => "expired",
        Status::Review => "review",
    }
}

/// What is known about subjects, locked: a claim that takes one waits until the evaluation is through, or is seen by it.
///
/// # Errors
/// When the database is away.
pub async fn known(
    work: &mut Work,
    connection: ConnectionId,
    abouts: &[String],
) -> Result<BTreeMap<String, Vec<Known>>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query_as!(
        Known,
        r#"SELECT id, about, natural_key, generation, status::text AS "status!", units, expected_minor, arithmetic, version
           FROM detections WHERE tenant = $1 AND connection_id = $2 AND about = ANY($3) ORDER BY id FOR UPDATE"#,
        tenant.as_str(),
        connection.0,
        abouts,
    )
    .fetch_all(work.conn())
    .await?;
    let mut known: BTreeMap<String, Vec<Known>> = BTreeMap::new();
    for row in rows {
        known.entry(row.about.clone()).or_default().push(row);
    }
    Ok(known)
}

/// Writes what is owed about one subject now, next to what was known.
///
/// # Errors
/// When the database is away.
pub async fn write(
    work: &mut Work,
    place: Place<'_>,
    subject: &Subject,
    findings: Vec<Finding>,
    (known, loaded): (Vec<Known>, &Loaded),
) -> Result<Tally, sqlx::Error> {
    let about = touched::text_of(subject);
    // The newest generation of each natural key.
    let mut by_key: BTreeMap<String, Known> = BTreeMap::new();
    for row in known {
        match by_key.get(&row.natural_key) {
            Some(other) if other.generation > row.generation => {}
            _ => drop(by_key.insert(row.natural_key.clone(), row)),
        }
    }
    let mut tally = Tally::default();
    for finding in findings {
        let key = natural_key(&finding);
        let before = by_key.remove(&key);
        let is_over = finding.status == Status::Expired;
        match before {
            // What was never known in time is not worth telling.
            None if is_over => {}
            None => {
                raise(work, place, (&about, &key, 1), &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if was.status == "claimed" && !is_over => {
                raise(work, place, (&about, &key, was.generation + 1), &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if was.status == "resolved_by_amazon" && !is_over => {
                change(work, place, &was, &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if is_live(&was.status) => {
                let same = was.units == finding.units
                    && was.status == status_name(finding.status)
                    && was.expected_minor == finding.expected_value.map(|money| money.minor)
                    && was.arithmetic == finding.arithmetic.join("\n");
                if !same {
                    change(work, place, &was, &finding, loaded).await?;
                    if is_over { tally.expired += 1 } else { tally.changed += 1 }
                }
            }
            // Dismissed, expired: that stays.
            Some(_) => {}
        }
    }
    for was in by_key.into_values().filter(|was| is_live(&was.status)) {
        resolve(work, place, &was, loaded).await?;
        tally.resolved += 1;
    }
    Ok(tally)
}

fn natural_key(finding: &Finding) -> String {
    let policy = finding.window.as_ref().map_or("", |window| window.policy_version.as_str());
    format!("{}/{policy}", finding.natural_key())
}

/// What is expected, as money.
pub fn expected(minor: Option<i64>, currency: Option<&str>) -> Option<Money> {
    Some(Money::new(minor?, Currency::try_new(currency?).ok()?))
}

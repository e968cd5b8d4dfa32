//! Issues a write-only key with which a tenant's pages send events. Only the key's digest is known here.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::outcome::Rejection;
use shared_events::tracking::{IssuePublishableKey, MOST_ORIGINS, PublishableKeyIssued, is_origin};

const FASTEST: u32 = 100_000;

/// Handles [`IssuePublishableKey`].
pub struct Issue;

impl Handles<IssuePublishableKey> for Issue {
    async fn handle(&self, work: &mut Work, message: &Delivered<IssuePublishableKey>) -> Result<Outcome, Failure> {
        let command = &message.data;
        check(command)?;
        if !insert(work, command).await? {
            return Err(Rejection::new("key_exists", "this key was issued before").at("key_digest").into());
        }
        let IssuePublishableKey { key_digest, label, .. } = command.clone();
        let issued = PublishableKeyIssued { key_digest, label };
        work.emit(&Cause::from(&message.envelope), 1, &issued);
        Ok(Outcome::ids(&issued))
    }
}

fn check(command: &IssuePublishableKey) -> Result<(), Rejection> {
    let refuse = |field: &str, detail: &str| Err(Rejection::new("key_invalid", detail).at(field));
    if !is_digest(&command.key_digest) {
        return refuse("key_digest", "must be a SHA-256 in small hexadecimal digits");
    }
    if command.label.trim().is_empty()
        || command.label.chars().count() > 200
        || command.label.chars().any(char::is_control)
    {
        return refuse("label", "a label has 1 to 200 characters");
    }
    if !(1..=FASTEST).contains(&command.events_per_second) {
        return refuse("events_per_second", "must be 1 to 100,000");
    }
    if command.origins.len() > MOST_ORIGINS {
        return refuse("origins", "must have at most 50 entries");
    }
    match command.origins.iter().position(|origin| !is_origin(origin)) {
        Some(index) => {
            refuse(&format!("origins[{index}]"), "must be an origin as browsers write it, such as https://shop.example")
        }
        None => Ok(()),
    }
}

/// Whether this has the form of a key's digest.
pub fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(is_hex)
}

/// False when it is there already.
async fn insert(work: &mut Work, command: &IssuePublishableKey) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO publishable_keys (key_digest, tenant, label, origins, events_per_second, issued_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key_digest) DO NOTHING",
        command.key_digest,
        tenant.as_str(),
        command.label,
        &command.origins,
        command.events_per_second.cast_signed(),
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

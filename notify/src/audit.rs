//! Who did what to webhooks, templates, suppressions and others' contacts. No addresses, no secrets.

use serde_json::Value;
use service_kit::store::Work;

/// One thing that a person did.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who.
    pub who: &'a str,
    /// What: the command's own word.
    pub what: &'static str,
    /// To what.
    pub subject: String,
    /// How it was.
    pub before: Value,
    /// How it is.
    pub after: Value,
    /// Why, in the words of who did it; empty where nothing was said.
    pub why: &'a str,
}

/// Writes it down.
///
/// # Errors
/// When the database is away.
pub async fn write(work: &mut Work, entry: Entry<'_>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO audit (tenant, at, who, what, subject, before, after, why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.as_str(),
        now,
        entry.who,
        entry.what,
        entry.subject,
        entry.before,
        entry.after,
        entry.why,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

//! What is known about a recipient.

use std::collections::{BTreeMap, BTreeSet};

use service_kit::store::Work;
use shared_events::notify::Channel;

use crate::domain::plan::Recipient;

/// The language that a recipient reads, where it is known.
///
/// # Errors
/// When the database is away.
pub async fn language(work: &mut Work, recipient: &str) -> Result<Option<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found = sqlx::query_scalar!(
        "SELECT language FROM contacts WHERE tenant = $1 AND recipient = $2",
        tenant.as_str(),
        recipient
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(found.flatten())
}

/// Where a recipient is reached, which of that is suppressed, and what it does not want of this kind.
///
/// # Errors
/// When the database is away.
pub async fn read(work: &mut Work, recipient: &str, category: &str) -> Result<Recipient, sqlx::Error> {
    let tenant = work.tenant().clone();
    let points = sqlx::query!(
        r#"SELECT p.channel::text AS "channel!", s.id IS NOT NULL AS "is_suppressed!"
           FROM contact_points p
           LEFT JOIN suppressions s ON s.tenant = p.tenant AND s.channel = p.channel AND s.mark = p.mark
           WHERE p.tenant = $1 AND p.recipient = $2"#,
        tenant.as_str(),
        recipient,
    )
    .fetch_all(work.conn())
    .await?;
    let unwanted = sqlx::query_scalar!(
        r#"SELECT channel::text AS "channel!" FROM preferences
           WHERE tenant = $1 AND recipient = $2 AND category = $3 AND NOT enabled"#,
        tenant.as_str(),
        recipient,
        category,
    )
    .fetch_all(work.conn())
    .await?;
    let points: BTreeMap<Channel, bool> =
        points.into_iter().filter_map(|row| Some((Channel::from_name(&row.channel)?, row.is_suppressed))).collect();
    let unwanted: BTreeSet<Channel> = unwanted.iter().filter_map(|name| Channel::from_name(name)).collect();
    Ok(Recipient { points, unwanted })
}

//! Where somebody is reached, and what they want to be told.

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::notify::{
    Channel, ContactChanged, ContactRemoved, Preference, PreferencesSet, PutContact, RemoveContact, SealedPoint,
    SetPreferences, contact_purpose,
};
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::domain::built_in::CATEGORIES;
use crate::domain::language;

/// Keeps where somebody is reached.
#[derive(Debug, Clone)]
pub struct Put {
    /// Opens what was sealed, to see that it can be opened later.
    pub key: service_kit::sealed::SealingKey,
}

/// Makes or locks the row of a recipient; its next version.
async fn lock(work: &mut Work, recipient: &str, by: &str) -> Result<i32, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query_scalar!(
        "INSERT INTO contacts (tenant, recipient, changed_by, changed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, recipient) DO UPDATE SET version = contacts.version + 1, changed_by = $3, changed_at = $4 RETURNING version",
        tenant.as_str(),
        recipient,
        by,
        now,
    )
    .fetch_one(work.conn())
    .await
}

async fn channels(work: &mut Work, recipient: &str) -> Result<Vec<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT channel::text AS "channel!" FROM contact_points WHERE tenant = $1 AND recipient = $2 ORDER BY channel"#,
        tenant.as_str(),
        recipient
    )
    .fetch_all(work.conn())
    .await
}

impl Handles<PutContact> for Put {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutContact>) -> Result<Outcome, Failure> {
        let PutContact { recipient, points, language, why, by } = &message.data;
        let tenant = work.tenant().clone();
        if let Some(text) = language
            && language::tag(text).as_ref() != Some(text)
        {
            return Err(Rejection::new("bad_language", "is no language tag such as de or de-AT").at("language").into());
        }
        let opens = |point: &SealedPoint| {
            self.key.open(&contact_purpose(&tenant, recipient, point.channel), &point.sealed).is_ok()
        };
        if !points.iter().all(opens) {
            return Err(Failure::reject("not_sealed", "an address was not sealed for this recipient"));
        }
        let before = channels(work, recipient).await?;
        let version = lock(work, recipient, by.as_str()).await?;
        sqlx::query!(
            "UPDATE contacts SET language = $3 WHERE tenant = $1 AND recipient = $2",
            tenant.as_str(),
            recipient,
            *language,
        )
        .execute(work.conn())
        .await?;
        sqlx::query!("DELETE FROM contact_points WHERE tenant = $1 AND recipient = $2", tenant.as_str(), recipient)
            .execute(work.conn())
            .await?;
        for point in points {
            sqlx::query!(
                "INSERT INTO contact_points (tenant, recipient, channel, sealed, mark, masked) VALUES ($1, $2, $3::text::channel, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
                tenant.as_str(),
                recipient,
                point.channel.name(),
                point.sealed,
                point.mark.0,
                point.masked,
            )
            .execute(work.conn())
            .await?;
        }
        let after = channels(work, recipient).await?;
        let entry = Entry {
            who: by.as_str(),
            what: "put_contact",
            subject: recipient.clone(),
            before: json!({"channels": before}),
            after: json!({"channels": after, "language": language}),
            why: why.as_deref().unwrap_or_default(),
        };
        audit::write(work, entry).await?;
        let channels: Vec<Channel> = after.iter().filter_map(|name| Channel::from_name(name)).collect();
        let event = ContactChanged { recipient: recipient.clone(), channels };
        work.emit(&Cause::from(&message.envelope), u64::try_from(version).unwrap_or_default(), &event);
        Ok(Outcome::ids(&json!({"recipient": recipient})))
    }
}

/// Who changed a contact that was learned from an order: nobody's own name.
const FROM_ORDER: &str = "@order";

/// Learns where a customer is reached from an order, unless somebody has said where: that counts, and an order changes nothing of it. The
/// address of a later order takes the place of an earlier one's.
///
/// # Errors
/// When the database is away.
pub async fn learn(work: &mut Work, cause: &Cause, recipient: &str, point: &SealedPoint) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "INSERT INTO contacts (tenant, recipient, changed_by, changed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, recipient) DO UPDATE SET version = contacts.version + 1, changed_at = $4
             WHERE contacts.changed_by = $3 OR NOT EXISTS (SELECT FROM contact_points p WHERE p.tenant = $1 AND p.recipient = $2)
         RETURNING version",
        tenant.as_str(),
        recipient,
        FROM_ORDER,
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(version) = version else { return Ok(()) };
    sqlx::query!(
        "INSERT INTO contact_points (tenant, recipient, channel, sealed, mark, masked) VALUES ($1, $2, $3::text::channel, $4, $5, $6)
         ON CONFLICT (tenant, recipient, channel) DO UPDATE SET sealed = excluded.sealed, mark = excluded.mark, masked = excluded.masked",
        tenant.as_str(),
        recipient,
        point.channel.name(),
        point.sealed,
        point.mark.0,
        point.masked,
    )
    .execute(work.conn())
    .await?;
    let event = ContactChanged { recipient: recipient.to_owned(), channels: vec![point.channel] };
    work.emit(cause, u64::try_from(version).unwrap_or_default(), &event);
    Ok(())
}

/// Forgets somebody.
#[derive(Debug, Clone, Copy)]
pub struct Remove;

impl Handles<RemoveContact> for Remove {
    async fn handle(&self, work: &mut Work, message: &Delivered<RemoveContact>) -> Result<Outcome, Failure> {
        let RemoveContact { recipient, why, by } = &message.data;
        let tenant = work.tenant().clone();
        let version = sqlx::query_scalar!(
            "DELETE FROM contacts WHERE tenant = $1 AND recipient = $2 RETURNING version",
            tenant.as_str(),
            recipient
        )
        .fetch_optional(work.conn())
        .await?;
        let told =
            sqlx::query!("DELETE FROM notifications WHERE tenant = $1 AND recipient = $2", tenant.as_str(), recipient)
                .execute(work.conn())
                .await?
                .rows_affected();
        if version.is_none() && told == 0 {
            return Err(Failure::reject("contact_not_found", "nothing is known about this recipient"));
        }
        let after = json!({"notifications_removed": told});
        let subject = recipient.clone();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "remove_contact", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        let version = u64::try_from(version.unwrap_or_default() + 1).unwrap_or_default();
        work.emit(&Cause::from(&message.envelope), version, &ContactRemoved { recipient: recipient.clone() });
        Ok(Outcome::ids(&json!({"recipient": recipient})))
    }
}

/// Keeps what somebody wants.
#[derive(Debug, Clone, Copy)]
pub struct Prefer;

impl Handles<SetPreferences> for Prefer {
    async fn handle(&self, work: &mut Work, message: &Delivered<SetPreferences>) -> Result<Outcome, Failure> {
        let SetPreferences { recipient, preferences, by } = &message.data;
        prefer(work, &Cause::from(&message.envelope), recipient, preferences, by.as_str()).await?;
        Ok(Outcome::ids(&json!({"recipient": recipient})))
    }
}

/// Keeps what a recipient wants, with who said so.
///
/// # Errors
/// `bad_category`, and when the database is away.
pub async fn prefer(
    work: &mut Work,
    cause: &Cause,
    recipient: &str,
    preferences: &[Preference],
    by: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    for preference in preferences {
        if !CATEGORIES.contains(&preference.category.as_str()) {
            let detail = format!("is none of {}", CATEGORIES.join(", "));
            return Err(Rejection::new("bad_category", detail).at("preferences.category").into());
        }
    }
    let version = lock(work, recipient, by).await?;
    let before = sqlx::query_scalar!(
        r#"SELECT COALESCE(jsonb_agg(jsonb_build_object('category', category, 'channel', channel, 'enabled', enabled) ORDER BY category, channel),
                  '[]') AS "chosen!" FROM preferences WHERE tenant = $1 AND recipient = $2"#,
        tenant.as_str(),
        recipient,
    )
    .fetch_one(work.conn())
    .await?;
    for preference in preferences {
        sqlx::query!(
            "INSERT INTO preferences (tenant, recipient, category, channel, enabled) VALUES ($1, $2, $3, $4::text::channel, $5)
             ON CONFLICT (tenant, recipient, category, channel) DO UPDATE SET enabled = $5",
            tenant.as_str(),
            recipient,
            preference.category,
            preference.channel.name(),
            preference.enabled,
        )
        .execute(work.conn())
        .await?;
    }
    let (subject, after) = (recipient.to_owned(), json!(preferences));
    let entry = Entry { who: by, what: "set_preferences", subject, before, after, why: "their own choice" };
    audit::write(work, entry).await?;
    let event = PreferencesSet { recipient: recipient.to_owned(), preferences: preferences.to_vec() };
    work.emit(cause, u64::try_from(version).unwrap_or_default(), &event);
    Ok(())
}

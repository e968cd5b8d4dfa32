//! Making a notification: once for each dedupe key, in the recipient's language, by the channels that the recipient wants and has.

use std::collections::BTreeMap;

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::NotificationId;
use shared_events::notify::{Channel, NotificationCreated};
use shared_events::outcome::Rejection;
use uuid::Uuid;

use crate::carry;
use crate::domain::language;
use crate::domain::plan::{Recipient, Start, plan};
use crate::domain::template::BadText;
use crate::recipient_row;
use crate::texts;

/// A notification that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its id.
    pub id: NotificationId,
    /// For whom.
    pub recipient: String,
    /// By which template.
    pub template: String,
    /// What its blanks are filled with.
    pub variables: BTreeMap<String, String>,
    /// What makes it the same notification.
    pub dedupe_key: String,
    /// In which language, instead of the recipient's own.
    pub language: Option<String>,
    /// By which channels, instead of the template's.
    pub channels: Option<Vec<Channel>>,
    /// Who wants it.
    pub sent_by: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    New(NotificationId),
    /// It was there, under this id.
    Again(NotificationId),
}

async fn existing(work: &mut Work, key: &str) -> Result<Option<Made>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let id =
        sqlx::query_scalar!("SELECT id FROM notifications WHERE tenant = $1 AND dedupe_key = $2", tenant.as_str(), key)
            .fetch_optional(work.conn())
            .await?;
    Ok(id.map(|id| Made::Again(NotificationId(id))))
}

/// Makes a notification and queues its sendings.
///
/// # Errors
/// When there is no such template or it cannot be filled, and when the database is away.
pub async fn create(
    work: &mut Work,
    cause: &Cause,
    wanted: &Wanted,
    configured: &std::collections::BTreeSet<Channel>,
) -> Result<Made, Failure> {
    if let Some(made) = existing(work, &wanted.dedupe_key).await? {
        return Ok(made);
    }
    let (tenant, now) = (work.tenant().clone(), work.now());
    let own = recipient_row::language(work, &wanted.recipient).await?;
    let asked = wanted.language.clone().or(own).unwrap_or_else(|| language::DEFAULT.to_owned());
    let template = texts::template(work, &wanted.template).await?;
    let template = template.ok_or_else(|| Rejection::new("template_not_found", "there is no such template"))?;
    let chosen = texts::choose(work, &wanted.template, &asked).await?;
    let chosen = chosen.ok_or_else(|| Rejection::new("template_not_found", "the template has no text"))?;
    let filled = chosen.text.filled(&wanted.variables).map_err(|(_, bad)| unfilled(&bad))?;
    let id = wanted.id.0;
    let inserted = sqlx::query!(
        "INSERT INTO notifications (tenant, id, recipient, template, category, language, text_version, subject, text, short, dedupe_key, sent_by,
                                    correlation, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (tenant, dedupe_key) DO NOTHING",
        tenant.as_str(),
        id,
        wanted.recipient,
        wanted.template,
        template.category,
        chosen.language,
        chosen.version,
        filled.subject,
        filled.text,
        filled.short,
        wanted.dedupe_key,
        wanted.sent_by,
        cause.correlation,
        now,
    )
    .execute(work.conn())
    .await?;
    if inserted.rows_affected() == 0 {
        // Somebody else made it in the meantime.
        let made = existing(work, &wanted.dedupe_key).await?;
        return made.ok_or_else(|| Failure::Retry(anyhow::anyhow!("the other notification is not to be seen yet")));
    }
    let channels = wanted.channels.clone().unwrap_or(template.channels);
    let recipient: Recipient = recipient_row::read(work, &wanted.recipient, &template.category).await?;
    let mut going = Vec::new();
    let starts = plan(&channels, &template.category, &recipient, configured);
    insert_sendings(work, id, &starts).await?;
    for (channel, start) in starts {
        match start {
            Start::Queue => {
                work.enqueue(NewJob {
                    kind: carry::KIND,
                    key: format!("{tenant}/{id}/{}", channel.name()),
                    due_at: now,
                    payload: serde_json::json!({"notification_id": id, "channel": channel}),
                    cause: cause.clone(),
                })
                .await?;
                going.push(channel);
            }
            Start::Show => going.push(channel),
            Start::Skip(_) | Start::Suppress => {}
        }
    }
    let event = NotificationCreated {
        notification_id: wanted.id,
        recipient: wanted.recipient.clone(),
        template: wanted.template.clone(),
        category: template.category,
        channels: going,
    };
    work.emit(cause, 1, &event);
    Ok(Made::New(wanted.id))
}

fn unfilled(bad: &BadText) -> Rejection {
    let detail = match bad {
        BadText::Unknown(name) => format!("the template needs the variable {name}"),
        BadText::Malformed | BadText::Unfit => "the template cannot be filled".to_owned(),
    };
    Rejection::new("variable_missing", detail).at("variables")
}

/// How the notification begins on each channel.
async fn insert_sendings(work: &mut Work, id: Uuid, starts: &[(Channel, Start)]) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let channels: Vec<String> = starts.iter().map(|(channel, _)| channel.name().to_owned()).collect();
    let state_of = |start: &Start| match start {
        Start::Queue => ("queued", None),
        Start::Show => ("sent", None),
        Start::Skip(reason) => ("skipped", Some((*reason).to_owned())),
        Start::Suppress => ("suppressed", None),
    };
    let (states, reasons): (Vec<_>, Vec<_>) = starts.iter().map(|(_, start)| state_of(start)).unzip();
    let states: Vec<String> = states.into_iter().map(str::to_owned).collect();
    sqlx::query!(
        "INSERT INTO sendings (tenant, notification_id, channel, state, reason, ended_at)
         SELECT $1, $2, channel::channel, state::sending_state, reason, CASE WHEN state <> 'queued' THEN $6::timestamptz END
         FROM unnest($3::text[], $4::text[], $5::text[]) AS starts (channel, state, reason)",
        tenant.as_str(),
        id,
        &channels,
        &states,
        &reasons as &[Option<String>],
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

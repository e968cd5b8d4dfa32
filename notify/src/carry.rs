//! The job that hands a notification over to whoever carries it by one channel.
//!
//! That it begins is written down before anything is said. Found begun after a crash, nobody knows whether it went out: a mail is then
//! left as unknown and never sent again, a text is looked up at its carrier, and a push message is repeated, which a device shows once.

use chrono::TimeDelta;
use providers::push::{Push, PushText};
use providers::sending::{Receipt, SendError};
use providers::sms::Sms;
use providers::smtp::{Mail, Smtp};
use serde::Deserialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::sealed::SealingKey;
use service_kit::store::Store;
use shared_events::notify::{Channel, contact_purpose};
use uuid::Uuid;

use crate::api::callbacks::status_address;
use crate::carried::{self, End};
use crate::unsubscribe::Link;

/// The kind of the job.
pub const KIND: &str = "carry_notification";
/// Attempts before a sending is given up; the kit's own limit is higher.
const MOST_ATTEMPTS: i32 = 10;
/// A text that its carrier does not know after this time did not reach it.
const SETTLED: TimeDelta = TimeDelta::seconds(60);

/// Who carries what.
#[derive(Debug, Clone, Default)]
pub struct Carriers {
    /// Mails, and who they are from.
    pub smtp: Option<(Smtp, String)>,
    /// Text messages.
    pub sms: Option<Sms>,
    /// Push messages.
    pub push: Option<Push>,
}

/// Carries.
#[derive(Debug, Clone)]
pub struct Carry {
    /// Who carries what.
    pub carriers: Carriers,
    /// Opens addresses.
    pub key: SealingKey,
    /// Where the public reaches us.
    pub public: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Payload {
    notification_id: Uuid,
    channel: Channel,
}

/// A sending that is begun.
struct Begun {
    id: Uuid,
    channel: Channel,
    address: String,
    mark: String,
    masked: String,
    /// By which its reader wants no more of its kind.
    unsubscribe: Option<String>,
    language: String,
    subject: String,
    text: String,
    short: String,
    begun_at: chrono::DateTime<chrono::Utc>,
    created_at: chrono::DateTime<chrono::Utc>,
    /// Whether an earlier attempt began and did not say how it ended.
    is_open: bool,
}

impl RunsJob for Carry {
    const KIND: &'static str = KIND;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Payload { notification_id, channel } =
            serde_json::from_value(job.payload.clone()).map_err(anyhow::Error::from)?;
        let Some(begun) = self.begin(store, job, notification_id, channel).await? else { return Ok(()) };
        service_kit::faults::point("notify.carry.begun");
        let outcome = self.carry(store, job, &begun).await;
        service_kit::faults::point("notify.carry.handed_over");
        let mut work = store.read(&job.tenant).await?;
        let end = match outcome {
            Ok(Receipt { reference }) => End::Sent { reference },
            Err(SendError::Gone { code }) => {
                carried::suppress(&mut work, job, begun.channel, &begun.mark, &begun.masked).await?;
                End::Bounced { reason: code }
            }
            Err(SendError::Refused { code }) => End::Failed { reason: code },
            Err(SendError::Unavailable(problem)) if job.attempt >= MOST_ATTEMPTS => End::Failed { reason: problem },
            Err(SendError::Unavailable(problem)) => {
                // Nothing went out: the next attempt begins anew.
                carried::reopen(&mut work, begun.id, begun.channel).await?;
                work.commit().await?;
                return Err(Failure::Retry(anyhow::anyhow!(problem)));
            }
            Err(SendError::Unknown(problem)) => match begun.channel {
                // It stays begun, and the next attempt looks it up or repeats it.
                Channel::Sms | Channel::Push if job.attempt < MOST_ATTEMPTS => {
                    return Err(Failure::Retry(anyhow::anyhow!(problem)));
                }
                _ => End::Unknown { reason: problem },
            },
        };
        carried::end(&mut work, job, begun.id, begun.channel, end).await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

impl Carry {
    /// Writes down that it begins. `None`: there is nothing to do any more.
    async fn begin(&self, store: &Store, job: &Job, id: Uuid, channel: Channel) -> Result<Option<Begun>, Failure> {
        let mut work = store.read(&job.tenant).await?;
        let (tenant, now) = (job.tenant.clone(), work.now());
        let row = sqlx::query!(
            r#"SELECT s.state::text AS "state!", s.begun_at, n.recipient, n.category, n.language, n.subject, n.text, n.short, n.created_at
               FROM sendings s JOIN notifications n ON n.tenant = s.tenant AND n.id = s.notification_id
               WHERE s.tenant = $1 AND s.notification_id = $2 AND s.channel = $3::text::channel FOR UPDATE OF s"#,
            tenant.as_str(),
            id,
            channel.name(),
        )
        .fetch_optional(work.conn())
        .await?;
        // Forgotten with its recipient, or ended by an earlier attempt.
        let Some(row) = row.filter(|row| row.state == "queued" || row.state == "begun") else {
            job.finish(&mut work).await?;
            work.commit().await?;
            return Ok(None);
        };
        let is_open = row.state == "begun";
        if is_open && channel == Channel::Email {
            let reason = "it was being handed over when the service ended".to_owned();
            carried::end(&mut work, job, id, channel, End::Unknown { reason }).await?;
            job.finish(&mut work).await?;
            work.commit().await?;
            return Ok(None);
        }
        let point = carried::point(&mut work, &row.recipient, channel).await?;
        let usable = match point {
            None => Err(End::Skipped { reason: "no_address" }),
            Some(point) if point.is_suppressed => Err(End::Suppressed),
            Some(point) => Ok(point),
        };
        let point = match usable {
            Ok(point) => point,
            Err(end) => {
                carried::end(&mut work, job, id, channel, end).await?;
                job.finish(&mut work).await?;
                work.commit().await?;
                return Ok(None);
            }
        };
        let purpose = contact_purpose(&tenant, &row.recipient, channel);
        let address = self.key.open(&purpose, &point.sealed).map_err(anyhow::Error::from)?;
        let link = Link { tenant: tenant.clone(), recipient: row.recipient, category: row.category };
        let unsubscribe = match (&self.public, channel) {
            (Some(public), Channel::Email) => {
                let token = link.seal(&self.key).map_err(anyhow::Error::from)?;
                token.map(|token| format!("{public}/unsubscribe/{token}"))
            }
            _ => None,
        };
        let begun_at = if is_open { row.begun_at.unwrap_or(now) } else { now };
        carried::begin(&mut work, id, channel, begun_at).await?;
        work.commit().await?;
        Ok(Some(Begun {
            id,
            channel,
            address,
            mark: point.mark,
            masked: point.masked,
            unsubscribe,
            language: row.language,
            subject: row.subject,
            text: row.text,
            short: row.short,
            begun_at,
            created_at: row.created_at,
            is_open,
        }))
    }

    async fn carry(&self, store: &Store, job: &Job, begun: &Begun) -> Result<Receipt, SendError> {
        let missing = || SendError::Unavailable("nobody carries it: not configured".into());
        match begun.channel {
            Channel::Email => {
                let (smtp, from) = self.carriers.smtp.as_ref().ok_or_else(missing)?;
                smtp.send(&mail(from, begun)).await
            }
            Channel::Sms => {
                let sms = self.carriers.sms.as_ref().ok_or_else(missing)?;
                if begun.is_open {
                    let known = carried::known_references(store, &job.tenant, &begun.mark).await;
                    let known = known.map_err(|_| SendError::Unavailable("the database is away".into()))?;
                    let found = sms.find(&begun.address, &begun.short, begun.begun_at, &known).await;
                    match found {
                        Ok(Some(receipt)) => return Ok(receipt),
                        // It stays open: that it cannot be looked up says nothing about it.
                        Err(error) => return Err(SendError::Unknown(error.to_string())),
                        Ok(None) if store.now() < begun.begun_at + SETTLED => {
                            return Err(SendError::Unknown("its carrier does not know it yet".into()));
                        }
                        // It did not arrive, so it is sent anew, and looked for from now on.
                        Ok(None) => {
                            let again = carried::begin_again(store, &job.tenant, begun.id, begun.channel).await;
                            again.map_err(|_| SendError::Unknown("the database is away".into()))?;
                        }
                    }
                }
                let news = self.public.as_ref().map(|public| status_address(public, job.tenant.as_str()));
                sms.send(&begun.address, &begun.short, news.as_deref()).await
            }
            Channel::Push => {
                let push = self.carriers.push.as_ref().ok_or_else(missing)?;
                let name = begun.id.to_string();
                let text = PushText { title: &begun.subject, body: &begun.short, name: &name };
                push.send(&begun.address, text).await
            }
            Channel::InApp => Ok(Receipt { reference: None }),
        }
    }
}

fn mail(from: &str, begun: &Begun) -> Mail {
    let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>'));
    Mail {
        from: from.to_owned(),
        to: begun.address.clone(),
        reply_to: None,
        subject: begun.subject.clone(),
        text: with_link(begun),
        // The same notification is the same mail, whoever sends it.
        message_id: format!("{}@{domain}", begun.id),
        in_reply_to: None,
        references: vec![],
        unsubscribe: begun.unsubscribe.clone(),
        date: begun.created_at,
        attachments: vec![],
    }
}

/// The text, and how to have no more of its kind: not every mail program shows the header.
fn with_link(begun: &Begun) -> String {
    let Some(address) = &begun.unsubscribe else { return begun.text.clone() };
    let words = match begun.language.split('-').next() {
        Some("de") => "Keine solchen Mails mehr",
        _ => "No more mails like this",
    };
    format!("{}\n\n-- \n{words}: {address}\n", begun.text.trim_end())
}

//! Reads a mailbox from time to time: a durable job. Each mail is taken in by a transaction of its own, together with how far the mailbox
//! is read, so that a job that was killed goes on with the next one.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context;
use chrono::{Days, TimeDelta};
use providers::files::{Files, LARGEST};
use providers::imap::{Error, Inbox};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::sealed::SealingKey;
use service_kit::store::{Cause, Store, Work};
use shared_events::ConnectionId;
use uuid::Uuid;

use crate::connection_row;
use crate::mailboxes::{Mailbox, Mailboxes};
use crate::take_mail::{self, Taken};

/// The kind of the job.
pub const READ_MAILBOX: &str = "claims.read_mailbox";
/// How often a mailbox is looked into.
const EVERY: TimeDelta = TimeDelta::minutes(5);
/// How far back the first look goes: no window for claims that needs papers is longer than the time that papers are kept at hand.
const FIRST_LOOK: Days = Days::new(60);
/// Mails that one job reads at most.
const AT_ONCE: usize = 50;

/// Runs [`READ_MAILBOX`].
pub struct ReadMailbox {
    /// How mailboxes are reached.
    pub mailboxes: Mailboxes,
    /// Where files go.
    pub files: Files,
    /// Seals addresses.
    pub account_key: SealingKey,
}

/// Lets a mailbox be read.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, id: ConnectionId, pause: TimeDelta) -> Result<(), sqlx::Error> {
    let due_at = work.now() + pause;
    let payload = serde_json::json!({ "connection_id": id });
    work.enqueue(NewJob { kind: READ_MAILBOX, key: id.to_string(), due_at, payload, cause: cause.clone() }).await
}

/// Forgets how far a mailbox was read. Mails that are known stay known.
///
/// # Errors
/// When the database is away.
pub async fn begin_again(work: &mut Work, id: ConnectionId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("UPDATE mailboxes SET last_uid = 0 WHERE tenant = $1 AND connection_id = $2", tenant.as_str(), id.0,)
        .execute(work.conn())
        .await?;
    Ok(())
}

impl RunsJob for ReadMailbox {
    const KIND: &'static str = READ_MAILBOX;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["connection_id"].clone()).context("which mailbox")?;
        let id = ConnectionId(id);
        let mut work = store.read(&job.tenant).await?;
        let Some(mailbox) = self.mailboxes.find(&mut work, id).await? else {
            // A new password lets it be read again.
            job.finish(&mut work).await?;
            return Ok(work.commit().await?);
        };
        work.commit().await?;
        let read = match self.mailboxes.open(&mailbox).await {
            Ok(mut inbox) => {
                let read = self.read(store, job, &mailbox, &mut inbox).await?;
                inbox.end().await;
                read
            }
            Err(error) => Err(error),
        };
        let mut work = store.read(&job.tenant).await?;
        job.finish(&mut work).await?;
        match read {
            Ok(more) => enqueue(&mut work, &job.cause, id, if more { TimeDelta::zero() } else { EVERY }).await?,
            Err(error @ (Error::Denied | Error::Inside)) => {
                let problem = error.to_string();
                connection_row::token_failed(&mut work, &job.cause, id, mailbox.kind, &problem).await?;
            }
            Err(Error::Unavailable(problem)) => {
                tracing::warn!(connection.id = %id, problem, "a mailbox cannot be read");
                enqueue(&mut work, &job.cause, id, EVERY).await?;
            }
        }
        Ok(work.commit().await?)
    }
}

impl ReadMailbox {
    /// Reads what is new; whether there is more.
    async fn read(
        &self,
        store: &Store,
        job: &Job,
        mailbox: &Mailbox,
        inbox: &mut Inbox,
    ) -> Result<Result<bool, Error>, Failure> {
        let last = self.last(store, job, mailbox, inbox.validity).await?;
        let since = store.now().date_naive() - FIRST_LOOK;
        let listed = match inbox.after(last, since, AT_ONCE).await {
            Ok(listed) => listed,
            Err(error) => return Ok(Err(error)),
        };
        // Mailboxes on this machine are for development; their servers check nothing.
        let trusting = self.mailboxes.names.may_talk_to(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for mail in &listed {
            let taken = if u64::from(mail.bytes) > LARGEST {
                Taken::of_size(mail.uid)
            } else {
                match inbox.read(mail.uid).await {
                    Ok(Some(bytes)) => {
                        take_mail::look_at(&self.files, &job.tenant, (mail.uid, &bytes), trusting).await?
                    }
                    Ok(None) => continue,
                    Err(error) => return Ok(Err(error)),
                }
            };
            faults::point("claims.mail_stored");
            take_mail::keep(store, job, (mailbox, inbox.validity), &self.account_key, taken, &self.files).await?;
            faults::point("claims.mail_taken");
        }
        Ok(Ok(listed.len() == AT_ONCE))
    }

    /// Up to which number the mailbox is read. After another validity it is read anew; mails that are known stay known.
    async fn last(&self, store: &Store, job: &Job, mailbox: &Mailbox, validity: u32) -> Result<u32, Failure> {
        let mut work = store.read(&job.tenant).await?;
        let now = work.now();
        let last = sqlx::query_scalar!(
            "INSERT INTO mailboxes (tenant, connection_id, uid_validity, read_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, connection_id) DO UPDATE SET read_at = excluded.read_at, uid_validity = excluded.uid_validity,
                 last_uid = CASE WHEN mailboxes.uid_validity = excluded.uid_validity THEN mailboxes.last_uid ELSE 0 END
             RETURNING last_uid",
            job.tenant.as_str(),
            mailbox.connection,
            i64::from(validity),
            now,
        )
        .fetch_one(work.conn())
        .await?;
        work.commit().await?;
        Ok(u32::try_from(last).unwrap_or_default())
    }
}

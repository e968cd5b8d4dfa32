//! Sends one claim once: a durable job. What it knows it writes down before and after it calls the channel, so that a job that was
//! killed in between finds out, or asks, and never just sends again.

use anyhow::Context;
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::ClaimId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::channel::{ASSISTED, Channel, Channels, Known, MAIL_THREAD, Parcel, Sent};
use crate::claim_row::{self, Claim};
use crate::claiming::letter::{self, Letter};
use crate::claiming::pace::{self, Turn};
use crate::claiming::state::{State, Step};
use crate::drop_claim::{Why, drop_it};
use crate::queue_claim::{SEND_CLAIM, key_of};
use crate::sending_ends::{HANDED_OVER, Sending, ended};
use crate::{by_mail_thread, claim_settings, detection_row};

/// Runs the job.
pub struct SendClaim {
    /// The ways to send.
    pub channels: Channels,
}

/// What to do after the first transaction.
enum Plan {
    Nothing,
    Send(Box<Parcel>, Sending),
    LookUp(Box<Parcel>, Sending),
}

impl RunsJob for SendClaim {
    const KIND: &'static str = SEND_CLAIM;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        match self.plan(store, job).await? {
            Plan::Nothing => Ok(()),
            Plan::Send(parcel, sending) => {
                faults::point("claims.before_send");
                let channel = self.channels.find(&sending.channel).context("the channel is gone")?;
                let sent = match channel.send(&parcel).await {
                    Sent::Unknown(reason) => known(self.channels.find(&sending.channel), &parcel, reason).await,
                    sent => sent,
                };
                faults::point("claims.after_send");
                finish(store, job, &sending, sent).await
            }
            Plan::LookUp(parcel, sending) => {
                let reason = "it was interrupted while it was sent".to_owned();
                let sent = known(self.channels.find(&sending.channel), &parcel, reason).await;
                finish(store, job, &sending, sent).await
            }
        }
    }
}

/// What its channel knows of a sending whose end nobody saw.
async fn known(channel: Option<&dyn Channel>, parcel: &Parcel, reason: String) -> Sent {
    let known = match channel {
        Some(channel) => channel.look_up(parcel).await,
        None => Known::CannotTell,
    };
    match known {
        Known::Arrived(case) => Sent::Accepted(case),
        Known::NeverArrived => Sent::NotSent(reason),
        Known::CannotTell => Sent::Unknown(reason),
    }
}

async fn finish(store: &Store, job: &Job, sending: &Sending, sent: Sent) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    job.finish(&mut work).await?;
    ended(&mut work, &job.cause, sending, sent).await?;
    work.commit().await?;
    faults::point("claims.after_outcome");
    Ok(())
}

impl SendClaim {
    /// Decides in one transaction what is to be done, and writes down that it is about to be.
    async fn plan(&self, store: &Store, job: &Job) -> Result<Plan, Failure> {
        let id: Uuid = serde_json::from_value(job.payload["claim_id"].clone()).context("which claim")?;
        let attempt: i32 = serde_json::from_value(job.payload["attempt"].clone()).context("which sending")?;
        let mut work = store.read(&job.tenant).await?;
        let mut claim = claim_row::lock(&mut work, ClaimId(id)).await?;
        let tenant = work.tenant().clone();
        let key = key_of(claim.id, attempt);
        let row = sqlx::query!(
            r#"SELECT channel, automatic, is_appeal, state, tries, letter AS "letter: Json<Letter>" FROM claim_submissions
               WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
            tenant.as_str(),
            key,
        )
        .fetch_one(work.conn())
        .await?;
        let mut sending = Sending {
            claim: claim.claim_id(),
            attempt,
            key,
            channel: row.channel,
            is_appeal: row.is_appeal,
            tries: row.tries,
        };
        let current = claim.attempt == attempt;
        match (row.state.as_str(), claim.state()) {
            ("queued", State::Queued) if current => {}
            // It was about to be sent, and nobody wrote down how that ended.
            ("sending", State::Submitting) if current => {
                let letter = row.letter.map_or_else(|| letter_of(&claim), |letter| letter.0);
                return Ok(Plan::LookUp(Box::new(parcel(&work, &claim, &sending, letter)), sending));
            }
            _ => return done(work, job).await,
        }
        let now = work.now();
        // What is stopped, or cannot go by its channel, waits for no turn of it: a person has it at once.
        let by_hand = sending.channel == ASSISTED;
        let obstacle = if by_hand { None } else { self.obstacle(&mut work, &claim, &sending).await? };
        let falls_back = obstacle.is_some() && !claim.bounds().is_over(now);
        let turn = if sending.is_appeal || falls_back {
            Turn::Now
        } else {
            let sent = sent_today(&mut work, &claim).await?;
            let settings = claim_settings::settings(&mut work).await?;
            pace::turn(claim.bounds(), claim.place(), now, sent, settings.per_day)
        };
        match turn {
            Turn::Now => {}
            Turn::At(due_at) => {
                job.finish(&mut work).await?;
                let payload = job.payload.clone();
                work.enqueue(NewJob {
                    kind: SEND_CLAIM,
                    key: job.key.clone(),
                    due_at,
                    payload,
                    cause: job.cause.clone(),
                })
                .await?;
                work.commit().await?;
                return Ok(Plan::Nothing);
            }
            Turn::Over => {
                drop_it(&mut work, &job.cause, &mut claim, Why::Expired).await?;
                return done(work, job).await;
            }
        }
        let by_hand = by_hand || obstacle.is_some();
        if by_hand {
            sending.channel = ASSISTED.to_owned();
        }
        claim.channel.clone_from(&sending.channel);
        claim.step(Step::Send)?;
        sending.tries += 1;
        let letter = letter_of(&claim);
        sqlx::query!(
            "UPDATE claim_submissions SET state = $3, channel = $4, tries = $5, letter = $6, sent_on = $7, problem = coalesce($8, problem),
                 packet_id = $9
             WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            key,
            if by_hand { HANDED_OVER } else { "sending" },
            sending.channel,
            sending.tries,
            Json(&letter) as _,
            pace::day_of(claim.place(), now),
            obstacle,
            by_hand.then(|| sending.packet().0),
        )
        .execute(work.conn())
        .await?;
        // From now on its units count as claimed, whatever becomes of it.
        let case = claim.case_id.clone();
        detection_row::claim(&mut work, &job.cause, claim.detection(), claim.claim_id(), case.as_deref()).await?;
        sending.attempted(&mut work, &job.cause, &mut claim, if by_hand { HANDED_OVER } else { "begun" }).await?;
        if by_hand {
            return done(work, job).await;
        }
        let parcel = parcel(&work, &claim, &sending, letter);
        work.commit().await?;
        Ok(Plan::Send(Box::new(parcel), sending))
    }

    /// Why a claim cannot go by its channel now; a person sends it then. Asked here and not when it was queued: the switch stops what
    /// waits, too.
    async fn obstacle(
        &self,
        work: &mut Work,
        claim: &Claim,
        sending: &Sending,
    ) -> Result<Option<&'static str>, sqlx::Error> {
        if claim_settings::is_stopped(work).await? {
            return Ok(Some("sending is stopped"));
        }
        if self.channels.find(&sending.channel).is_none() {
            return Ok(Some("the channel is not set up"));
        }
        if sending.channel == MAIL_THREAD { by_mail_thread::obstacle(work, claim).await } else { Ok(None) }
    }
}

async fn done(mut work: Work, job: &Job) -> Result<Plan, Failure> {
    job.finish(&mut work).await?;
    work.commit().await?;
    Ok(Plan::Nothing)
}

/// How many claims of the tenant went out on this day of the marketplace. Counted under a lock of the tenant, so that two jobs side
/// by side do not both take the last place.
async fn sent_today(work: &mut Work, claim: &Claim) -> Result<i64, sqlx::Error> {
    let (tenant, day) = (work.tenant().clone(), pace::day_of(claim.place(), work.now()));
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('claims.pace/' || $1, 0))", tenant.as_str())
        .execute(work.conn())
        .await?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "sent!" FROM claim_submissions WHERE tenant = $1 AND sent_on = $2 AND NOT is_appeal AND claim_id <> $3"#,
        tenant.as_str(),
        day,
        claim.id,
    )
    .fetch_one(work.conn())
    .await
}

/// What a claim says as it is now.
pub fn letter_of(claim: &Claim) -> Letter {
    let reference = claim.id.to_string();
    let facts = letter::Facts {
        reference: &reference,
        claim_type: &claim.claim_type,
        marketplace: &claim.marketplace,
        subject: &claim.subject,
        units: claim.units,
        amount: claim.amount(),
        arithmetic: &claim.arithmetic,
        policy_version: &claim.policy_version,
        clock_start: claim.clock_start,
        rows: &claim.rows,
        checklist: &claim.checklist,
        case_id: claim.case_id.as_deref(),
    };
    let mut letter = letter::write(&facts);
    if let Some(note) = &claim.note {
        letter.body = format!("{note}\n\n{}", letter.body);
    }
    letter
}

fn parcel(work: &Work, claim: &Claim, sending: &Sending, letter: Letter) -> Parcel {
    Parcel {
        tenant: work.tenant().clone(),
        connection: claim.connection_id,
        key: sending.key,
        claim: claim.id,
        marketplace: claim.marketplace.clone(),
        subject: claim.subject.0.clone(),
        amount: claim.amount(),
        letter,
        case_id: claim.case_id.clone(),
    }
}

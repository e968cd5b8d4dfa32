//! Moves the money of one row of `fee_moves`: a durable job. That it is about to ask is written down before it asks, so that a job that
//! was killed in between, or got no answer, looks it up first. Whatever happens, the same idempotency key is used for the same row, and
//! a row that ended is never asked for again: what was declined is bundled anew, under another key.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use providers::stripe::{Charge, Error, PaymentIntent, PaymentStatus, Refund, RefundOf, RefundStatus, Stripe};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::Store;
use shared_events::money::Money;
use sqlx::types::Json;
use uuid::Uuid;

use crate::claim_row::currency;
use crate::fee_moved::{self, Moved};
use crate::secrets::{Sealed, Vault};

/// The kind of the job.
pub const MOVE_FEE: &str = "claims.move_fee";
/// Under this name our id is written on Stripe's payments and refunds.
const NAME: &str = "recoup_fee_move";
/// How long before we think that we asked it may have been, by Stripe's clock. Ours may have jumped, and what is overlooked is charged
/// twice; a customer's payments of three months are a few pages.
const CLOCKS: TimeDelta = TimeDelta::days(92);
/// How long Stripe keeps idempotency keys at least.
const KEYS_KEPT: TimeDelta = TimeDelta::hours(24);
/// Why a move that nobody ever did is given up.
pub(crate) const UNANSWERED: &str = "unanswered";
/// Pauses between tries while nobody knows how it ended, the last one for ever.
const PAUSES: [i64; 6] = [10, 30, 120, 300, 900, 3_600];

/// Runs [`MOVE_FEE`].
pub struct MoveFee {
    /// Stripe; none: no key is configured.
    pub stripe: Option<Stripe>,
    /// What saved cards are in.
    pub vault: Vault,
}

/// A move that is not over, as it is stored.
pub(crate) struct Move {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    state: String,
    pub(crate) amount: Money,
    pub(crate) connection: Uuid,
    customer: String,
    card: Option<Json<Sealed>>,
    pub(crate) claim: Option<Uuid>,
    /// The payment that a refund is of.
    payment: Option<String>,
    tries: i32,
    planned_at: DateTime<Utc>,
}

/// What is known after asking.
enum Known {
    Ended(Moved),
    /// It is with the bank, under this number.
    Processing(String),
    /// Nobody knows, or nothing was done: it is looked up later.
    Open(String),
    /// It is not there.
    Missing,
}

impl RunsJob for MoveFee {
    const KIND: &'static str = MOVE_FEE;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["move_id"].clone()).context("which move")?;
        let Some(it) = about_to_ask(store, job, id).await? else { return Ok(()) };
        let Some(stripe) = &self.stripe else {
            return later(store, job, &it, "asked", "no key of Stripe is configured").await;
        };
        faults::point("claims.before_charge");
        let mut known = if it.state == "planned" { Known::Missing } else { look_up(stripe, &it).await };
        if matches!(known, Known::Missing) {
            // A key that was answered with an error of the server's is answered so from then on. What is not there after such a time
            // was never done: it is bundled anew, under another key.
            let given_up = it.state != "planned" && store.now() - it.planned_at > KEYS_KEPT;
            known = match given_up {
                true => Known::Ended(Moved::Declined(UNANSWERED.to_owned())),
                false => self.ask(stripe, job, &it).await?,
            };
        }
        faults::point("claims.after_charge");
        match known {
            Known::Ended(moved) => {
                let mut work = store.read(&job.tenant).await?;
                fee_moved::ended(&mut work, &job.cause, &it, moved).await?;
                job.finish(&mut work).await?;
                work.commit().await?;
            }
            Known::Processing(reference) => later(store, job, &it, "processing", &reference).await?,
            Known::Open(problem) => later(store, job, &it, "asked", &problem).await?,
            Known::Missing => later(store, job, &it, "asked", "it cannot be found").await?,
        }
        faults::point("claims.after_charge_outcome");
        Ok(())
    }
}

/// Reads a move and writes down that it may be asked for from now on; none when it is over.
async fn about_to_ask(store: &Store, job: &Job, id: Uuid) -> Result<Option<Move>, Failure> {
    let mut work = store.read(&job.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT m.id, m.kind, m.state, m.amount_minor, m.currency, m.connection_id, m.customer, m.secret AS "secret: Json<Sealed>",
                  m.claim_id, m.tries, m.planned_at, o.provider_ref AS "payment?"
           FROM fee_moves m LEFT JOIN fee_moves o ON o.tenant = m.tenant AND o.id = m.of_move
           WHERE m.tenant = $1 AND m.id = $2 AND m.state IN ('planned', 'asked', 'processing') FOR UPDATE OF m"#,
        job.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else {
        job.finish(&mut work).await?;
        work.commit().await?;
        return Ok(None);
    };
    sqlx::query!(
        "UPDATE fee_moves SET tries = tries + 1, state = CASE state WHEN 'planned' THEN 'asked' ELSE state END WHERE tenant = $1 AND id = $2",
        job.tenant.as_str(),
        id,
    )
    .execute(work.conn())
    .await?;
    work.commit().await?;
    Ok(Some(Move {
        id,
        kind: row.kind,
        state: row.state,
        amount: Money::new(row.amount_minor, currency(&row.currency)),
        connection: row.connection_id,
        customer: row.customer,
        card: row.secret,
        claim: row.claim_id,
        payment: row.payment,
        tries: row.tries,
        planned_at: row.planned_at,
    }))
}

/// Writes down what is known, and asks again later.
async fn later(store: &Store, job: &Job, it: &Move, state: &str, words: &str) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let is_processing = state == "processing";
    sqlx::query!(
        "UPDATE fee_moves SET state = $3, provider_ref = coalesce($4, provider_ref), problem = $5
         WHERE tenant = $1 AND id = $2 AND state IN ('asked', 'processing')",
        job.tenant.as_str(),
        it.id,
        state,
        is_processing.then_some(words),
        (!is_processing).then_some(words),
    )
    .execute(work.conn())
    .await?;
    job.finish(&mut work).await?;
    let index = usize::try_from(it.tries).unwrap_or(0).min(PAUSES.len() - 1);
    let due_at = work.now() + TimeDelta::seconds(PAUSES[index]);
    let (key, payload) = (job.key.clone(), job.payload.clone());
    work.enqueue(NewJob { kind: MOVE_FEE, key, due_at, payload, cause: job.cause.clone() }).await?;
    Ok(work.commit().await?)
}

fn written(it: &Move) -> BTreeMap<String, String> {
    BTreeMap::from([(NAME.to_owned(), it.id.to_string())])
}

async fn look_up(stripe: &Stripe, it: &Move) -> Known {
    let (id, since) = (it.id.to_string(), it.planned_at - CLOCKS);
    let found = match &it.payment {
        None => stripe.find_charge(&it.customer, since, (NAME, &id)).await.map(|found| found.map(charged)),
        Some(payment) => stripe.find_refund(payment, (NAME, &id)).await.map(|found| found.map(given_back)),
    };
    match found {
        Ok(found) => found.unwrap_or(Known::Missing),
        // Asking for the money while it cannot be looked up could move it twice.
        Err(error) => Known::Open(error.to_string()),
    }
}

fn charged(payment: PaymentIntent) -> Known {
    match payment.status {
        PaymentStatus::Succeeded => Known::Ended(Moved::Done(payment.id)),
        PaymentStatus::Processing | PaymentStatus::Other(_) => Known::Processing(payment.id),
        PaymentStatus::RequiresAction => Known::Ended(Moved::Declined("authentication_required".to_owned())),
        PaymentStatus::RequiresPaymentMethod
        | PaymentStatus::RequiresConfirmation
        | PaymentStatus::RequiresCapture
        | PaymentStatus::Canceled => Known::Ended(Moved::Declined("card_declined".to_owned())),
    }
}

fn given_back(refund: Refund) -> Known {
    match refund.status {
        Some(RefundStatus::Succeeded) => Known::Ended(Moved::Done(refund.id)),
        Some(RefundStatus::Failed | RefundStatus::Canceled) => {
            Known::Ended(Moved::Declined("refund_failed".to_owned()))
        }
        _ => Known::Processing(refund.id),
    }
}

fn failed(error: Error) -> Known {
    match error {
        Error::Declined { code, decline_code, .. } => Known::Ended(Moved::Declined(decline_code.unwrap_or(code))),
        Error::Refused { code, .. } => Known::Ended(Moved::Declined(code)),
        Error::UnsupportedCurrency(_) => Known::Ended(Moved::Declined("unsupported_currency".to_owned())),
        other @ (Error::KeyReused | Error::Unavailable(_) | Error::Unknown { .. }) => Known::Open(other.to_string()),
    }
}

impl MoveFee {
    async fn ask(&self, stripe: &Stripe, job: &Job, it: &Move) -> Result<Known, Failure> {
        let idempotency_key = format!("recoup-fee-move-{}", it.id);
        if let Some(payment_intent) = it.payment.clone() {
            let refund = RefundOf { payment_intent, amount: it.amount, metadata: written(it), idempotency_key };
            return Ok(stripe.refund(&refund).await.map_or_else(failed, given_back));
        }
        let card = it.card.as_ref().context("a charge without a card")?;
        let payment_method =
            self.vault.open(job.tenant.as_str(), it.connection, &card.0).map_err(anyhow::Error::from)?;
        let charge = Charge {
            customer: it.customer.clone(),
            payment_method: payment_method.expose().to_owned(),
            amount: it.amount,
            description: "Recoup success fee".to_owned(),
            metadata: written(it),
            idempotency_key,
        };
        Ok(stripe.charge(&charge).await.map_or_else(failed, charged))
    }
}

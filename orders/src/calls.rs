//! Calls to payment gateways: written down before they are made, looked up before they are made again.

use chrono::{DateTime, Utc};
use service_kit::faults;
use service_kit::store::Work;
use shared_events::ids::derive;
use shared_events::{Currency, Money, PaymentId};
use uuid::Uuid;

use crate::payments::{Amend, Answer, Authorize, Found, Lookup, Providers, Purpose};

/// One effect at a provider.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its idempotency key.
    pub id: Uuid,
    /// The payment.
    pub payment: PaymentId,
    /// By which provider.
    pub gateway: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The payment, shipment or refund that it is for.
    pub subject: Uuid,
    /// How much.
    pub amount: Money,
    /// The gateway's name of the payment.
    pub reference: Option<String>,
    /// What was made at the gateway before money was asked for.
    pub draft: Option<String>,
    /// For captures: whether nothing more will be taken.
    pub is_last: bool,
    /// When the payment was begun.
    pub since: DateTime<Utc>,
    /// What was captured before, in minor units.
    pub captured_before_minor: i64,
}

/// A payment as calls need it.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The payment.
    pub id: PaymentId,
    /// By which provider.
    pub gateway: String,
    /// Its currency.
    pub currency: Currency,
    /// How much was to be promised, in minor units.
    pub amount_minor: i64,
    /// What was taken, in minor units.
    pub captured_minor: i64,
    /// Where it stands.
    pub state: String,
    /// The gateway's name of it.
    pub reference: Option<String>,
    /// What was made at the gateway before money was asked for.
    pub draft: Option<String>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When the money was promised, or promised anew.
    pub promised_at: Option<DateTime<Utc>>,
}

/// What is known of a call before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It was never made.
    First,
    /// It may have been made.
    Again,
    /// It ended, so.
    Ended(Answer),
}

impl Payment {
    /// A call about this payment. The same purpose and subject are the same call.
    pub fn call(&self, purpose: Purpose, subject: Uuid, minor: i64) -> Call {
        let id = derive(&["payment-call", &self.id.to_string(), purpose.name(), &subject.to_string()]);
        Call {
            id,
            payment: self.id,
            gateway: self.gateway.clone(),
            purpose,
            subject,
            amount: Money::new(minor, self.currency),
            reference: self.reference.clone(),
            draft: self.draft.clone(),
            is_last: true,
            since: self.created_at,
            captured_before_minor: self.captured_minor,
        }
    }
}

/// Writes down that a call is about to be made. Commit before making it.
///
/// # Errors
/// When the database is away.
pub async fn begin(work: &mut Work, call: &Call) -> Result<Begun, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let written = sqlx::query!(
        "INSERT INTO payment_calls (tenant, id, payment_id, purpose, subject, amount_minor, state, begun_at) VALUES ($1, $2, $3, $4, $5, $6, 'begun', $7)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        call.id,
        call.payment.0,
        call.purpose.name(),
        call.subject,
        call.amount.minor,
        now,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 1 {
        return Ok(Begun::First);
    }
    let row = sqlx::query!(
        r#"SELECT state::text AS "state!", provider_ref, detail FROM payment_calls WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        call.id,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(match row.state.as_str() {
        "done" => Begun::Ended(Answer::Done(row.provider_ref.unwrap_or_default())),
        "refused" => Begun::Ended(Answer::Refused(row.detail.unwrap_or_default().into())),
        _ => Begun::Again,
    })
}

/// The key of the next try of a call that was refused: a new one after each refusal, and the same until it is refused, too.
///
/// # Errors
/// When the database is away.
pub async fn next_try(work: &mut Work, call: &Call) -> Result<Uuid, sqlx::Error> {
    let tenant = work.tenant().clone();
    let refused = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM payment_calls
           WHERE tenant = $1 AND payment_id = $2 AND purpose = $3 AND subject = $4 AND state = 'refused'"#,
        tenant.as_str(),
        call.payment.0,
        call.purpose.name(),
        call.subject,
    )
    .fetch_one(work.conn())
    .await?;
    let (payment, subject) = (call.payment.to_string(), call.subject.to_string());
    Ok(derive(&["payment-call", &payment, call.purpose.name(), &subject, &refused.to_string()]))
}

/// Makes a call; one that may have been made is looked up first. `token` is needed to authorise.
pub async fn make(providers: &Providers, call: &Call, begun: Begun, token: Option<&str>) -> Answer {
    faults::point_of("orders.before_call", call.purpose.name());
    let answer = answer(providers, call, begun, token).await;
    faults::point_of("orders.after_call", call.purpose.name());
    answer
}

async fn answer(providers: &Providers, call: &Call, begun: Begun, token: Option<&str>) -> Answer {
    let Some(provider) = providers.get(&call.gateway) else {
        return Answer::Unknown(format!("{} is not connected any more", call.gateway));
    };
    match begun {
        Begun::Ended(answer) => return answer,
        Begun::First => {}
        Begun::Again => {
            let lookup = Lookup {
                key: call.id,
                payment: call.payment.0,
                reference: call.reference.as_deref(),
                draft: call.draft.as_deref(),
                purpose: call.purpose,
                amount: call.amount,
                since: call.since,
                captured_before_minor: call.captured_before_minor,
            };
            match provider.lookup(lookup).await {
                Found::Done(reference) => return Answer::Done(reference),
                Found::Refused(refusal) => return Answer::Refused(refusal),
                Found::Unknown(why) => return Answer::Unknown(why),
                Found::Nothing => {}
            }
        }
    }
    let reference = call.reference.as_deref();
    match (call.purpose, token, reference) {
        (Purpose::Authorize, Some(token), _) => {
            let draft = call.draft.as_deref();
            let wish = Authorize { key: call.id, payment: call.payment.0, amount: call.amount, token, draft };
            provider.authorize(wish).await
        }
        (Purpose::Authorize, None, _) => Answer::Refused("no_payment_token".into()),
        (_, _, None) => Answer::Refused("no_reference".into()),
        (purpose, _, Some(reference)) => {
            let amend = Amend { key: call.id, reference, amount: call.amount, is_last: call.is_last };
            match purpose {
                Purpose::Renew => provider.renew(amend).await,
                Purpose::Capture => provider.capture(amend).await,
                Purpose::Void => provider.void(amend).await,
                _ => provider.refund(amend).await,
            }
        }
    }
}

/// Writes down what came of a call; an unknown end leaves it open.
///
/// # Errors
/// When the database is away.
pub async fn record(work: &mut Work, call: &Call, answer: &Answer) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let (state, reference, detail) = match answer {
        Answer::Done(reference) => ("done", Some(reference), None),
        Answer::Refused(refusal) => ("refused", None, Some(&refusal.code)),
        Answer::Unknown(why) => ("begun", None, Some(why)),
    };
    sqlx::query!(
        "UPDATE payment_calls SET state = $3::text::call_state, provider_ref = $4, detail = $5, ended_at = CASE WHEN $3 <> 'begun' THEN $6::timestamptz END
         WHERE tenant = $1 AND id = $2 AND state = 'begun'",
        tenant.as_str(),
        call.id,
        state,
        reference,
        detail,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The payment of an order that may hold money.
///
/// # Errors
/// When the database is away.
pub async fn open_payment(work: &mut Work, order: shared_events::OrderId) -> Result<Option<Payment>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT id, gateway, currency, amount_minor, captured_minor, state::text AS "state!", provider_ref, provider_draft, created_at,
                  COALESCE(renewed_at, authorized_at) AS promised_at FROM payments
           WHERE tenant = $1 AND order_id = $2 AND state IN ('created', 'unknown', 'authorized')"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| Payment {
        id: PaymentId(row.id),
        gateway: row.gateway,
        currency: crate::order_row::stored_currency(&row.currency),
        amount_minor: row.amount_minor,
        captured_minor: row.captured_minor,
        state: row.state,
        reference: row.provider_ref,
        draft: row.provider_draft,
        created_at: row.created_at,
        promised_at: row.promised_at,
    }))
}

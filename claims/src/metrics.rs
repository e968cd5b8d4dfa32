//! `GET /api/metrics/...`: figures about claims and their money, computed from the tables whenever somebody asks.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use service_kit::store::Work;
use utoipa::ToSchema;

use crate::recovery_money::AmountView;
use crate::{READERS, State as App, claim_settings};

/// Claims of one currency. Currencies are never added up.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfCurrency {
    /// Which.
    #[schema(example = "USD")]
    pub currency: String,
    /// Claims, without those that were withdrawn or too late before they were sent.
    pub claims: i64,
    /// Those that were granted or paid.
    pub approved: i64,
    /// What all of them claim.
    pub total: AmountView,
    /// What one claims on average.
    pub average: AmountView,
}

/// Figures about claims.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryFigures {
    /// Claims, without those that were withdrawn or too late before they were sent.
    #[schema(example = 45)]
    pub total_claims: i64,
    /// Those that were granted or paid.
    #[schema(example = 38)]
    pub approved_claims: i64,
    /// Those that were refused.
    pub denied_claims: i64,
    /// Granted of all, with three decimals; absent without claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.844)]
    pub success_rate: Option<f64>,
    /// What all of them claim, in the currency with the most claims; the others stand in `by_currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_amount: Option<AmountView>,
    /// What one claims on average, in that currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_amount: Option<AmountView>,
    /// Claims that were sent.
    pub submitted_claims: i64,
    /// Those among them that no person had a hand in.
    pub submitted_automatically: i64,
    /// Their share, with three decimals: measured, and no promise. Absent while nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic_share: Option<f64>,
    /// Those that the service decided by itself to send, whoever carried them.
    pub decided_automatically: i64,
    /// By currency.
    pub by_currency: Vec<OfCurrency>,
}

/// Money of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentFigures {
    /// What came and was confirmed to the cent.
    pub confirmed: AmountView,
    /// What was taken back.
    pub reversed: AmountView,
    /// What is reimbursed and not posted yet.
    pub not_posted: AmountView,
    /// What was granted and has not come.
    pub awaited: AmountView,
    /// Fees that are owed and not charged yet.
    pub fees_accrued: AmountView,
    /// Fees that were charged.
    pub fees_charged: AmountView,
    /// Credits: fees on money that was taken back.
    pub fees_credited: AmountView,
    /// What the card was charged with, in all.
    pub card_charged: AmountView,
    /// What was given back to the card.
    pub card_refunded: AmountView,
    /// What is on its way: asked for, and not known to have ended.
    pub card_pending: AmountView,
    /// What the card was asked for last and declined, and was not charged since.
    pub card_declined: AmountView,
}

/// Claims in one state.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfState {
    /// Which.
    pub status: String,
    /// How many.
    pub claims: i64,
}

/// Everything at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dashboard {
    /// Figures about claims.
    pub recoveries: RecoveryFigures,
    /// Money, by currency.
    pub payments: Vec<PaymentFigures>,
    /// Claims by state.
    pub states: Vec<OfState>,
    /// Claims that a second person has to allow.
    pub waiting_for_approval: i64,
    /// Claims that a person has to send.
    pub waiting_for_a_person: i64,
    /// Claims of which nobody knows whether they arrived.
    pub unknown: i64,
    /// Granted and not paid within five business days.
    pub overdue: i64,
    /// Whether sending is stopped.
    pub stopped: bool,
    /// As of when.
    pub at: DateTime<Utc>,
}

/// Figures about claims.
#[utoipa::path(get, path = "/api/metrics/recoveries", tag = "claims", operation_id = "recovery_metrics", security(("bearer" = [])),
    responses((status = 200, description = "The figures", body = RecoveryFigures)))]
pub async fn recovery_metrics(State(app): State<App>, caller: Caller) -> Result<Json<RecoveryFigures>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    Ok(Json(recoveries(&mut work).await?))
}

/// Figures about money, by currency.
#[utoipa::path(get, path = "/api/metrics/payments", tag = "claims", operation_id = "payment_metrics", security(("bearer" = [])),
    responses((status = 200, description = "The figures", body = Vec<PaymentFigures>)))]
pub async fn payment_metrics(State(app): State<App>, caller: Caller) -> Result<Json<Vec<PaymentFigures>>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    Ok(Json(payments(&mut work).await?))
}

/// Everything at a glance.
#[utoipa::path(get, path = "/api/metrics/dashboard", tag = "claims", operation_id = "dashboard", security(("bearer" = [])),
    responses((status = 200, description = "The figures", body = Dashboard)))]
pub async fn dashboard(State(app): State<App>, caller: Caller) -> Result<Json<Dashboard>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let tenant = caller.tenant.as_str();
    let states = sqlx::query_as!(
        OfState,
        r#"SELECT state::text AS "status!", count(*) AS "claims!" FROM claims WHERE tenant = $1 GROUP BY state ORDER BY state"#,
        tenant,
    )
    .fetch_all(work.conn())
    .await?;
    let waiting = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM claim_submissions WHERE tenant = $1 AND state = 'handed_over') AS "handed!",
                  (SELECT count(DISTINCT e.claim_id) FROM claim_events e JOIN claims c ON c.tenant = e.tenant AND c.id = e.claim_id
                   WHERE e.tenant = $1 AND e.kind = 'payout_overdue' AND c.state IN ('approved', 'partially_approved')) AS "overdue!""#,
        tenant,
    )
    .fetch_one(work.conn())
    .await?;
    let of = |name: &str| states.iter().find(|state| state.status == name).map_or(0, |state| state.claims);
    Ok(Json(Dashboard {
        recoveries: recoveries(&mut work).await?,
        payments: payments(&mut work).await?,
        waiting_for_approval: of("approval"),
        waiting_for_a_person: of("ready") + waiting.handed,
        unknown: of("submit_unknown"),
        overdue: waiting.overdue,
        stopped: claim_settings::is_stopped(&mut work).await?,
        at: work.now(),
        states,
    }))
}

async fn recoveries(work: &mut Work) -> Result<RecoveryFigures, sqlx::Error> {
    let tenant = work.tenant().clone();
    let all = sqlx::query!(
        r#"SELECT count(*) AS "claims!", count(approved_at) AS "approved!", count(*) FILTER (WHERE state = 'denied') AS "denied!",
                  round(count(approved_at)::numeric / nullif(count(*), 0), 3)::float8 AS success,
                  count(submitted_at) AS "submitted!",
                  count(submitted_at) FILTER (WHERE automatic AND channel <> 'assisted') AS "by_itself!",
                  round(count(submitted_at) FILTER (WHERE automatic AND channel <> 'assisted')::numeric / nullif(count(submitted_at), 0),
                        3)::float8 AS share,
                  count(*) FILTER (WHERE automatic) AS "decided!"
           FROM claims WHERE tenant = $1 AND state NOT IN ('withdrawn', 'expired')"#,
        tenant.as_str(),
    )
    .fetch_one(work.conn())
    .await?;
    let rows = sqlx::query!(
        r#"SELECT currency, count(*) AS "claims!", count(approved_at) AS "approved!", sum(amount_minor)::bigint AS "total!",
                  round(avg(amount_minor))::bigint AS "average!"
           FROM claims WHERE tenant = $1 AND state NOT IN ('withdrawn', 'expired')
           GROUP BY currency ORDER BY count(*) DESC, currency"#,
        tenant.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    let by_currency: Vec<OfCurrency> = rows
        .into_iter()
        .map(|row| OfCurrency {
            claims: row.claims,
            approved: row.approved,
            total: AmountView::of(row.total, &row.currency),
            average: AmountView::of(row.average, &row.currency),
            currency: row.currency,
        })
        .collect();
    Ok(RecoveryFigures {
        total_claims: all.claims,
        approved_claims: all.approved,
        denied_claims: all.denied,
        success_rate: all.success,
        total_amount: by_currency.first().map(|of| of.total.clone()),
        average_amount: by_currency.first().map(|of| of.average.clone()),
        submitted_claims: all.submitted,
        submitted_automatically: all.by_itself,
        automatic_share: all.share,
        decided_automatically: all.decided,
        by_currency,
    })
}

async fn payments(work: &mut Work) -> Result<Vec<PaymentFigures>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"WITH moved AS (
               SELECT currency, CASE WHEN amount_minor < 0 THEN 'reversed' WHEN confirmed_at IS NULL THEN 'not_posted' ELSE 'confirmed' END AS what,
                      abs(amount_minor) AS minor
               FROM claim_payouts WHERE tenant = $1
               UNION ALL SELECT currency, kind || '_' || CASE WHEN state IN ('done', 'declined') THEN state ELSE 'pending' END, amount_minor
                   FROM fee_moves m WHERE tenant = $1 AND (state <> 'declined' OR NOT EXISTS (
                       SELECT FROM fee_moves n WHERE n.tenant = $1 AND n.currency = m.currency AND n.kind = m.kind AND n.seq > m.seq))
               UNION ALL SELECT currency, 'fee_' || state, abs(amount_minor) FROM claim_fees WHERE tenant = $1
               UNION ALL SELECT currency, 'awaited', approved_minor FROM claims
                   WHERE tenant = $1 AND state IN ('approved', 'partially_approved') AND approved_minor IS NOT NULL)
           SELECT currency AS "currency!",
                  coalesce(sum(minor) FILTER (WHERE what = 'confirmed'), 0)::bigint AS "confirmed!",
                  coalesce(sum(minor) FILTER (WHERE what = 'reversed'), 0)::bigint AS "reversed!",
                  coalesce(sum(minor) FILTER (WHERE what = 'not_posted'), 0)::bigint AS "not_posted!",
                  coalesce(sum(minor) FILTER (WHERE what = 'awaited'), 0)::bigint AS "awaited!",
                  coalesce(sum(minor) FILTER (WHERE what = 'fee_accrued'), 0)::bigint AS "accrued!",
                  coalesce(sum(minor) FILTER (WHERE what = 'fee_charged'), 0)::bigint AS "charged!",
                  coalesce(sum(minor) FILTER (WHERE what = 'fee_credited'), 0)::bigint AS "credited!",
                  coalesce(sum(minor) FILTER (WHERE what = 'charge_done'), 0)::bigint AS "card_charged!",
                  coalesce(sum(minor) FILTER (WHERE what = 'refund_done'), 0)::bigint AS "card_refunded!",
                  coalesce(sum(minor) FILTER (WHERE what IN ('charge_pending', 'refund_pending')), 0)::bigint AS "card_pending!",
                  coalesce(sum(minor) FILTER (WHERE what = 'charge_declined'), 0)::bigint AS "card_declined!"
           FROM moved GROUP BY currency ORDER BY currency"#,
        tenant.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    let payments = rows.into_iter().map(|row| {
        let money = |minor| AmountView::of(minor, &row.currency);
        PaymentFigures {
            confirmed: money(row.confirmed),
            reversed: money(row.reversed),
            not_posted: money(row.not_posted),
            awaited: money(row.awaited),
            fees_accrued: money(row.accrued),
            fees_charged: money(row.charged),
            fees_credited: money(row.credited),
            card_charged: money(row.card_charged),
            card_refunded: money(row.card_refunded),
            card_pending: money(row.card_pending),
            card_declined: money(row.card_declined),
        }
    });
    Ok(payments.collect())
}

//! A partner asks to be paid: the amount is set aside under the lock of its balance, so that two requests cannot spend the same money.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{PaymentMethod, PayoutApproved, PayoutRequested, RequestPayment};
use shared_events::{Currency, PartnerId};

use crate::accounts::{self, Entry, Owner};
use crate::allocate::allocate;
use crate::domain::ledger::Movement;
use crate::domain::payout::{PATIENCE, State, check_request, needs_approval};
use crate::escalate_payout;

/// Handles [`RequestPayment`].
pub struct Request {
    /// Above this somebody else has to approve.
    pub approval_limit_minor: i64,
}

impl Handles<RequestPayment> for Request {
    async fn handle(&self, work: &mut Work, message: &Delivered<RequestPayment>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let minimum = minimum(work, &data.partner, data.amount.currency).await?;
        let owner: Owner = (data.partner.to_string(), data.amount.currency.to_string());
        let balance = accounts::lock(work, [owner.clone()]).await?.remove(&owner).unwrap_or_default();
        check_request(data.amount, &balance, minimum)?;
        let needs_approval = needs_approval(data.amount, self.approval_limit_minor);
        insert(work, message, if needs_approval { State::Requested } else { State::Approved }).await?;
        let owed = -balance.clawback_receivable;
        allocate(work, data, owed).await?;
        let entry = |movement, minor| Entry {
            owner: owner.clone(),
            movement,
            minor,
            commission: None,
            payout: Some(data.payout_id.0),
            cause: Some(message.envelope.id.0),
        };
        let entries = [entry(Movement::Netted, owed), entry(Movement::Requested, data.amount.minor)];
        accounts::post(work, &entries).await?;
        let requested = PayoutRequested {
            payout_id: data.payout_id,
            partner: data.partner.clone(),
            amount: data.amount,
            needs_approval,
        };
        work.emit(&cause, 1, &requested);
        if needs_approval {
            escalate_payout::plan(work, &cause, data.payout_id).await?;
        } else {
            let approved_by = "rule: not above the approval limit".to_owned();
            work.emit(
                &cause,
                1,
                &PayoutApproved { payout_id: data.payout_id, partner: data.partner.clone(), approved_by },
            );
        }
        Ok(Outcome::ids(&serde_json::json!({ "payout_id": data.payout_id, "needs_approval": needs_approval })))
    }
}

/// The largest minimum among the campaigns by which this partner has something payable.
async fn minimum(work: &mut Work, partner: &PartnerId, currency: Currency) -> Result<i64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let minimum = sqlx::query_scalar!(
        r#"SELECT COALESCE(max((rule ->> 'min_payout_minor')::bigint), 0) AS "minimum!"
           FROM (SELECT DISTINCT campaign_id FROM partner_months WHERE tenant = $1 AND partner = $2) p
           CROSS JOIN LATERAL (SELECT rules FROM reward_rules r WHERE r.tenant = $1 AND r.campaign_id = p.campaign_id AND r.currency = $3
                               ORDER BY version DESC LIMIT 1) latest
           CROSS JOIN LATERAL jsonb_array_elements(latest.rules) rule
           WHERE EXISTS (SELECT 1 FROM commissions c WHERE c.tenant = $1 AND c.partner = $2 AND c.currency = $3 AND c.state = 'approved'
                         AND c.campaign_id = p.campaign_id AND c.earned_minor > 0)"#,
        tenant.as_str(),
        partner.as_str(),
        currency.code(),
    )
    .fetch_one(work.conn())
    .await?;
    Ok(minimum)
}

const fn method_name(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::Paypal => "paypal",
        PaymentMethod::Bank => "bank",
        PaymentMethod::StripeConnect => "stripe_connect",
    }
}

async fn insert(work: &mut Work, message: &Delivered<RequestPayment>, state: State) -> Result<(), Failure> {
    let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
    let written = sqlx::query!(
        "INSERT INTO payouts (tenant, id, partner, currency, amount_minor, method, account_sealed, account_masked, state, needs_approval,
                requested_by, requested_at, approved_at, cause, correlation, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::payout_state, $10, $11, $12, CASE WHEN $10 THEN NULL ELSE $12::timestamptz END, $13, $14,
                 CASE WHEN $10 THEN $15::timestamptz END)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        data.payout_id.0,
        data.partner.as_str(),
        data.amount.currency.code(),
        data.amount.minor,
        method_name(data.method),
        data.account.sealed,
        data.account.masked,
        state.name(),
        state == State::Requested,
        data.requested_by.as_str(),
        now,
        message.envelope.id.0,
        message.envelope.correlation,
        now + PATIENCE,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::reject("payout_state_conflict", "this payout was asked for before"));
    }
    Ok(())
}

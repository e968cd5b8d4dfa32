//! Which commissions a payout pays: the oldest first, after what claw-backs owe is set off.

use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::commission::RequestPayment;
use uuid::Uuid;

use crate::domain::payout::take;
use crate::domain::state::Amounts;

/// Commissions looked at in one statement.
const PAGE: i64 = 1_000;

/// One commission's part in a payout.
struct Part {
    id: Uuid,
    amounts: Amounts,
    netted: i64,
    paid_out: i64,
}

/// Sets `owed` off against claw-backs and the requested amount aside, from the oldest commissions. The balance is locked and checked.
///
/// # Errors
/// When the commissions do not hold what the balance says (a defect), or the database is away.
pub async fn allocate(work: &mut Work, request: &RequestPayment, owed: i64) -> Result<(), Failure> {
    if owed > 0 {
        settle_claw_backs(work, request, owed).await?;
    }
    let (mut to_net, mut to_pay, mut after) = (owed, request.amount.minor, 0);
    while to_net + to_pay > 0 {
        let page = page(work, request, after).await?;
        let Some(last) = page.last() else {
            return Err(Failure::Retry(anyhow::anyhow!(
                "the commissions of {} hold less than its balance",
                request.partner
            )));
        };
        after = last.0;
        let mut parts: Vec<Part> = Vec::new();
        for (index, minor) in take(page.iter().map(|(_, _, amounts)| amounts.free()), to_net + to_pay) {
            let (_, id, amounts) = page[index];
            let netted = minor.min(to_net);
            let paid_out = minor - netted;
            (to_net, to_pay) = (to_net - netted, to_pay - paid_out);
            parts.push(Part { id, amounts, netted, paid_out });
        }
        write(work, request, &parts).await?;
    }
    Ok(())
}

async fn page(work: &mut Work, request: &RequestPayment, after: i64) -> Result<Vec<(i64, Uuid, Amounts)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT seq, id, earned_minor, reversed_minor, allocated_minor, paid_minor FROM commissions
         WHERE tenant = $1 AND partner = $2 AND currency = $3 AND state = 'approved' AND earned_minor > 0 AND seq > $4
         ORDER BY seq LIMIT $5 FOR UPDATE",
        tenant.as_str(),
        request.partner.as_str(),
        request.amount.currency.code(),
        after,
        PAGE,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let amounts = Amounts {
                earned: row.earned_minor,
                reversed: row.reversed_minor,
                allocated: row.allocated_minor,
                paid: row.paid_minor,
            };
            (row.seq, row.id, amounts)
        })
        .collect())
}

async fn write(work: &mut Work, request: &RequestPayment, parts: &[Part]) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let after: Vec<Amounts> = parts
        .iter()
        .map(|part| Amounts {
            allocated: part.amounts.allocated + part.netted + part.paid_out,
            paid: part.amounts.paid + part.netted,
            ..part.amounts
        })
        .collect();
    let ids: Vec<Uuid> = parts.iter().map(|part| part.id).collect();
    sqlx::query!(
        "UPDATE commissions c SET allocated_minor = n.allocated, paid_minor = n.paid, state = n.state, version = c.version + 1
         FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::commission_state[]) AS n (id, allocated, paid, state)
         WHERE c.tenant = $1 AND c.id = n.id",
        tenant.as_str(),
        &ids,
        &after.iter().map(|amounts| amounts.allocated).collect::<Vec<_>>(),
        &after.iter().map(|amounts| amounts.paid).collect::<Vec<_>>(),
        &after.iter().map(Amounts::state).collect::<Vec<_>>() as _,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO payout_allocations (tenant, payout_id, commission_id, netted, minor)
         SELECT $1, $2, p.id, n.netted, n.minor
         FROM unnest($3::uuid[], $4::bigint[], $5::bigint[]) AS p (id, netted, paid_out)
         CROSS JOIN LATERAL (VALUES (true, p.netted), (false, p.paid_out)) AS n (netted, minor)
         WHERE n.minor <> 0",
        tenant.as_str(),
        request.payout_id.0,
        &ids,
        &parts.iter().map(|part| part.netted).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.paid_out).collect::<Vec<_>>(),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Marks every open claw-back as set off; together they are `owed`.
async fn settle_claw_backs(work: &mut Work, request: &RequestPayment, owed: i64) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let settled = sqlx::query_scalar!(
        r#"WITH settled AS (
               UPDATE commissions SET allocated_minor = earned_minor, paid_minor = earned_minor, state = 'paid', version = version + 1
               WHERE tenant = $1 AND partner = $2 AND currency = $3 AND state = 'approved' AND earned_minor < 0
               RETURNING id, earned_minor
           ), written AS (
               INSERT INTO payout_allocations (tenant, payout_id, commission_id, netted, minor)
               SELECT $1, $4, id, true, earned_minor FROM settled
           )
           SELECT COALESCE(sum(earned_minor), 0)::bigint AS "minor!" FROM settled"#,
        tenant.as_str(),
        request.partner.as_str(),
        request.amount.currency.code(),
        request.payout_id.0,
    )
    .fetch_one(work.conn())
    .await?;
    if settled != -owed {
        return Err(Failure::Retry(anyhow::anyhow!(
            "open claw-backs of {} do not add up to what it owes",
            request.partner
        )));
    }
    Ok(())
}

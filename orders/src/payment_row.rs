//! Payments in the database: where they stand, and what their gateway calls them.

use service_kit::store::Work;
use shared_events::PaymentId;

use crate::domain::refusal::Refusal;

/// Writes where a payment stands.
///
/// # Errors
/// When the database is away.
pub async fn set_state(
    work: &mut Work,
    payment: PaymentId,
    state: &str,
    reference: Option<&str>,
    refusal: Option<&Refusal>,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE payments SET state = $3::text::payment_state, provider_ref = COALESCE($4, provider_ref), decline_code = COALESCE($5, decline_code),
                decline_class = COALESCE($7, decline_class),
                authorized_at = CASE WHEN $3 = 'authorized' THEN COALESCE(authorized_at, $6) ELSE authorized_at END
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        payment.0,
        state,
        reference,
        refusal.map(|refusal| refusal.code.as_str()),
        now,
        refusal.map(|refusal| refusal.class.name()),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Keeps what was made at the gateway before money is asked for.
///
/// # Errors
/// When the database is away.
pub async fn set_draft(work: &mut Work, payment: PaymentId, draft: &str) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE payments SET provider_draft = $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        payment.0,
        draft,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The promise was renewed: the gateway calls it otherwise from now on, and it is as good as new.
///
/// # Errors
/// When the database is away.
pub async fn set_renewed(work: &mut Work, payment: PaymentId, reference: &str) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE payments SET provider_ref = $3, renewed_at = $4 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        payment.0,
        reference,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

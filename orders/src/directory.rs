//! Whose payment a gateway's number is. Webhooks name no tenant, and a number that a customer brings must pay one order only.

use service_kit::store::{Store, Work};
use shared_events::{OrderId, PaymentId, TenantId};

/// Whose payment it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Whose.
    pub tenant: TenantId,
    /// The order.
    pub order: OrderId,
    /// The payment.
    pub payment: PaymentId,
}

/// Writes down that a number belongs to a payment; false when it belongs to another order already.
///
/// # Errors
/// When the database is away.
pub async fn enter(
    work: &mut Work,
    gateway: &str,
    reference: &str,
    order: OrderId,
    payment: PaymentId,
) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    let written = sqlx::query!(
        "INSERT INTO payment_directory AS d (gateway, reference, tenant, order_id, payment_id) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (gateway, reference) DO UPDATE SET payment_id = excluded.payment_id
         WHERE d.tenant = excluded.tenant AND d.order_id = excluded.order_id",
        gateway,
        reference,
        tenant.as_str(),
        order.0,
        payment.0,
    )
    .execute(work.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Whose payment one of these numbers is; the first that is known counts.
///
/// # Errors
/// When the database is away.
pub async fn owner(store: &Store, gateway: &str, references: &[String]) -> Result<Option<Owner>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT tenant, order_id, payment_id FROM payment_directory WHERE gateway = $1 AND reference = ANY($2)
         ORDER BY array_position($2, reference) LIMIT 1",
        gateway,
        references,
    )
    .fetch_optional(store.pool())
    .await?;
    Ok(row.and_then(|row| {
        let tenant = TenantId::try_new(row.tenant).ok()?;
        Some(Owner { tenant, order: OrderId(row.order_id), payment: PaymentId(row.payment_id) })
    }))
}

//! The job that looks for payouts of claims after reimbursements, finance or settlement rows came in.

use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;

/// The kind of the job; its payload is `{"connection_id": ...}`.
pub const KIND: &str = "claims.confirm_payouts";

/// Lets payouts of a seller be looked for, once the transaction commits.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, connection: ConnectionId) -> Result<(), sqlx::Error> {
    let key = format!("{connection}/{}", service_kit::store::new_id(work.now()));
    let payload = serde_json::json!({ "connection_id": connection });
    work.enqueue(NewJob { kind: KIND, key, due_at: work.now(), payload, cause: cause.clone() }).await
}

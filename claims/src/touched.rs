//! Which subjects have to be looked at again: rows touch them, and an evaluation answers the touches that it saw.

use std::collections::BTreeSet;

use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work, new_id};
use shared_events::ConnectionId;

use crate::detection::Subject;
use crate::evaluate::EVALUATE;

/// The text of a subject, as it is stored.
pub fn text_of(subject: &Subject) -> String {
    serde_json::to_string(subject).expect("a subject is texts")
}

/// Kind and name of a subject, for those who look for all of an article or an order.
fn names_of(subject: &Subject) -> (&'static str, &str) {
    match subject {
        Subject::Stock(name, _) => ("stock", name),
        Subject::Order(name) => ("order", name),
        Subject::Returns(name) => ("returns", name),
        Subject::Removals(name) => ("removals", name),
        Subject::Inbound(name) => ("inbound", name),
        Subject::Payments(name, _) => ("payments", name),
        Subject::Storage(name) => ("storage", name),
        Subject::Parcel(name) => ("parcel", name),
    }
}

/// Notes that rows about these subjects came or changed.
///
/// # Errors
/// When the database is away.
pub async fn mark(work: &mut Work, connection: ConnectionId, subjects: &BTreeSet<Subject>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    // In one order, so that two transactions never wait for each other.
    let texts: BTreeSet<(String, &'static str, &str)> =
        subjects.iter().map(|subject| (text_of(subject), names_of(subject).0, names_of(subject).1)).collect();
    let (mut all, mut kinds, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (text, kind, name) in texts {
        all.push(text);
        kinds.push(kind.to_owned());
        names.push(name.to_owned());
    }
    sqlx::query!(
        "INSERT INTO subjects (tenant, connection_id, subject, kind, name, touched)
         SELECT $1, $2, subject, kind, name, 1 FROM unnest($3::text[], $4::text[], $5::text[]) AS u (subject, kind, name)
         ON CONFLICT (tenant, connection_id, subject) DO UPDATE SET touched = subjects.touched + 1",
        tenant.as_str(),
        connection.0,
        &all,
        &kinds,
        &names,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Touches what is known already of some kinds: those with these names, or all of them.
///
/// # Errors
/// When the database is away.
pub async fn mark_known(
    work: &mut Work,
    connection: ConnectionId,
    kinds: &[&str],
    names: Option<&[String]>,
) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let marked = sqlx::query!(
        "UPDATE subjects SET touched = touched + 1
         WHERE (tenant, connection_id, subject) IN (
             SELECT tenant, connection_id, subject FROM subjects
             WHERE tenant = $1 AND connection_id = $2 AND kind = ANY($3) AND ($4::text[] IS NULL OR name = ANY($4))
             ORDER BY subject FOR UPDATE)",
        tenant.as_str(),
        connection.0,
        &kinds,
        names,
    )
    .execute(work.conn())
    .await?;
    Ok(marked.rows_affected())
}

/// Has subjects looked at again that are known already.
///
/// # Errors
/// When the database is away.
pub async fn again(
    work: &mut Work,
    cause: &Cause,
    connection: ConnectionId,
    subjects: &[String],
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE subjects SET touched = touched + 1 WHERE tenant = $1 AND connection_id = $2 AND subject = ANY($3)",
        tenant.as_str(),
        connection.0,
        subjects,
    )
    .execute(work.conn())
    .await?;
    evaluate_soon(work, cause, connection).await
}

/// Has what was touched looked at, once the transaction commits.
///
/// # Errors
/// When the database is away.
pub async fn evaluate_soon(work: &mut Work, cause: &Cause, connection: ConnectionId) -> Result<(), sqlx::Error> {
    // An evaluation that runs already may be past these subjects, so each touch has a job of its own; one that finds nothing to do ends.
    let key = format!("{connection}/{}", new_id(work.now()));
    let payload = serde_json::json!({ "connection_id": connection });
    work.enqueue(NewJob { kind: EVALUATE, key, due_at: work.now(), payload, cause: cause.clone() }).await
}

//! Which judge decides, which one watches, and whether the first may act by itself.

use service_kit::store::Work;
use shared_events::ModelId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::match_judge::{Judge, RULES_VERSION};
use crate::match_metrics::Metrics;
use crate::matching::decision::Gate;

/// A judge at work.
#[derive(Debug)]
pub struct Decider {
    /// The model; none = the fixed rules.
    pub id: Option<Uuid>,
    /// Names it in every decision.
    pub version: String,
    /// The judge.
    pub judge: Judge,
    /// Whether it may act by itself.
    pub gate: Gate,
}

impl Decider {
    /// The fixed rules, before anything is known about them.
    pub fn fixed_rules() -> Self {
        Self { id: None, version: RULES_VERSION.to_owned(), judge: Judge::fixed_rules(), gate: unknown_gate() }
    }
}

/// A gate of which nothing is known is closed.
pub fn unknown_gate() -> Gate {
    Gate::of(0, 0, 0.0, 0)
}

/// How a model is named in decisions.
pub fn version_of(id: Uuid) -> String {
    format!("model-{}", &id.simple().to_string()[20..])
}

/// The judge that decides about a kind of claim, and the one in shadow, if there is one.
///
/// # Errors
/// When the database is away, or a stored model cannot be read.
pub async fn deciders(work: &mut Work, claim_type: &str) -> Result<(Decider, Option<Decider>), sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT id, version, state = 'active' AS "active!", body AS "body!" FROM models
           WHERE tenant = $1 AND claim_type = $2 AND state IN ('active', 'shadow') AND body IS NOT NULL"#,
        tenant.as_str(),
        claim_type,
    )
    .fetch_all(work.conn())
    .await?;
    let gates = sqlx::query!(
        r#"SELECT model_version, gate AS "gate: Json<Gate>" FROM gates WHERE tenant = $1 AND claim_type = $2
           ORDER BY judged_at DESC LIMIT 1000"#,
        tenant.as_str(),
        claim_type,
    )
    .fetch_all(work.conn())
    .await?;
    let gate_of = |version: &str| {
        let known = gates.iter().find(|row| row.model_version == version);
        known.map_or_else(unknown_gate, |row| row.gate.0)
    };
    let (mut active, mut shadow) = (Decider { gate: gate_of(RULES_VERSION), ..Decider::fixed_rules() }, None);
    for row in rows {
        let judge: Judge = serde_json::from_slice(&row.body).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let decider = Decider { id: Some(row.id), gate: gate_of(&row.version), version: row.version, judge };
        if row.active {
            active = decider;
        } else {
            shadow = Some(decider);
        }
    }
    Ok((active, shadow))
}

/// Changes of a kind of claim's models come one after the other.
///
/// # Errors
/// When the database is away.
pub async fn lock(work: &mut Work, claim_type: &str) -> Result<(), sqlx::Error> {
    let name = format!("models/{}/{claim_type}", work.tenant());
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(work.conn()).await?;
    Ok(())
}

/// Writes down whether a judge may act by itself, and the figures behind that.
///
/// # Errors
/// When the database is away.
pub async fn set_gate(
    work: &mut Work,
    claim_type: &str,
    version: &str,
    gate: &Gate,
    metrics: &Metrics,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO gates (tenant, claim_type, model_version, gate, metrics, judged_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant, claim_type, model_version)
         DO UPDATE SET gate = excluded.gate, metrics = excluded.metrics, judged_at = excluded.judged_at",
        tenant.as_str(),
        claim_type,
        version,
        Json(gate) as _,
        Json(metrics) as _,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Lets a model decide from now on, instead of `before`. Returns how many events there are about it with the next one.
///
/// # Errors
/// When the database is away.
pub async fn promote(work: &mut Work, model: ModelId, before: Option<Uuid>) -> Result<u64, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    if let Some(before) = before {
        retire(work, before).await?;
    }
    let events = sqlx::query_scalar!(
        "UPDATE models SET state = 'active', previous = $3, promoted_at = $4, events = events + 1 WHERE tenant = $1 AND id = $2
         RETURNING events",
        tenant.as_str(),
        model.0,
        before,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(events.unsigned_abs()))
}

/// A model decides no more, and watches no more. It can come back.
///
/// # Errors
/// When the database is away.
pub async fn retire(work: &mut Work, model: Uuid) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE models SET state = 'retired', retired_at = $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        model,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

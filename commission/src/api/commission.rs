//! One commission: why it is what it is, what became of it, and what it follows from.

use axum::extract::State;
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::tracking::Signals;
use shared_events::{Money, PartnerId};
use sqlx::types::Json as FromJson;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::commissions::{COLUMNS, Commission, Row};
use super::history::{self, Event};
use crate::domain::explain::{Story, lines};
use crate::domain::payout::stored_currency;
use crate::domain::rewards::Facts;
use crate::domain::signals::findings;

/// A commission with everything that explains it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explained {
    /// The commission.
    #[serde(flatten)]
    pub commission: Commission,
    /// Attribution, rule, base and arithmetic, sentence by sentence.
    #[schema(example = json!(["attribution: last click, 3 h before", "base: 100.00 USD; 10 % of it is 10.00 USD", "earned: 10.00 USD"]))]
    pub explanation: Vec<String>,
    /// What a reviewer was shown.
    pub evidence: Vec<Evidence>,
    /// What became of it, oldest first.
    pub history: Vec<Event>,
    /// What it follows from.
    pub causes: Causes,
}

/// A signal and what was seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// The signal's name.
    #[schema(example = "fast_conversion")]
    pub signal: String,
    /// What was seen.
    #[schema(example = "the conversion came 350 ms after the click; under 2000 ms is suspicious")]
    pub evidence: String,
}

/// Ids with which a commission can be traced.
#[derive(Debug, Serialize, ToSchema)]
pub struct Causes {
    /// The conversion, which is the id of the tracked event.
    pub conversion_id: Uuid,
    /// The credited click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<Uuid>,
    /// The message by which it was worked out.
    pub message_id: Uuid,
    /// Shared by everything that follows from the same request.
    pub correlation_id: Uuid,
}

/// Shows a commission with its explanation and history. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/commission/commissions/{id}", tag = "commissions", params(("id" = Uuid, Path, description = "The commission")),
    security(("bearer" = [])), responses((status = 200, description = "The commission", body = Explained)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Explained>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let mut query = sqlx::QueryBuilder::new(format!("SELECT {COLUMNS} FROM commissions WHERE tenant = "));
    query.push_bind(caller.tenant.as_str().to_owned()).push(" AND id = ").push_bind(id);
    let row: Row = query.build_query_as().fetch_optional(work.conn()).await?.ok_or_else(Problem::not_found)?;
    let partner = PartnerId::try_new(row.partner.clone()).map_err(|_| Problem::not_found())?;
    if !caller.may_see(&partner) {
        return Err(Problem::not_found());
    }
    let why = why(&mut work, id).await?;
    let history = history::read(&mut work, &row, why.message_id).await?;
    let explanation = explain(&row, &why);
    let signals = why.signals.unwrap_or_default();
    let shown = if row.review.is_empty() { Vec::new() } else { findings(&signals, &partner, row.order_id.as_deref()) };
    let evidence = shown
        .into_iter()
        .map(|finding| Evidence { signal: finding.code.to_owned(), evidence: finding.evidence })
        .collect();
    let causes = Causes {
        conversion_id: row.conversion_id,
        click_id: why.click_id,
        message_id: why.message_id,
        correlation_id: why.correlation,
    };
    Ok(Json(Explained { commission: row.into(), explanation, evidence, history, causes }))
}

/// What only the explanation needs.
struct Why {
    facts: Facts,
    signals: Option<Signals>,
    reason: String,
    month: String,
    click_id: Option<Uuid>,
    message_id: Uuid,
    correlation: Uuid,
    campaign: String,
}

async fn why(work: &mut Work, id: Uuid) -> Result<Why, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT facts AS "facts: FromJson<Facts>", signals AS "signals: FromJson<Signals>", reason, to_char(month, 'YYYY-MM') AS "month!",
                  click_id, cause, correlation, (SELECT r.campaign_code FROM reward_rules r WHERE r.tenant = $1 AND r.campaign_id = c.campaign_id
                                                 AND r.version = c.rules_version) AS campaign
           FROM commissions c WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        id,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(Why {
        facts: row.facts.0,
        signals: row.signals.map(|signals| signals.0),
        reason: row.reason,
        month: row.month,
        click_id: row.click_id,
        message_id: row.cause,
        correlation: row.correlation,
        campaign: row.campaign.unwrap_or_default(),
    })
}

fn explain(row: &Row, why: &Why) -> Vec<String> {
    let currency = stored_currency(&row.currency);
    if let Some(original) = row.reverses {
        let decision = row.decision.as_deref().unwrap_or("refund");
        if row.earned_minor > 0 {
            // What was clawed back may be set off already; this stands against it.
            return vec![format!("stands against claw-back {original}: {decision}")];
        }
        return vec![
            format!("claw-back of commission {original}: {decision}"),
            format!(
                "that commission was already in a payout, so {} is owed and set off against later earnings",
                Money::new(-row.earned_minor, currency)
            ),
        ];
    }
    let story = Story {
        campaign: &why.campaign,
        rules_version: row.rules_version,
        rewarded_on: &row.rewarded_on,
        base: Money::new(row.base_minor, currency),
        weight_bps: row.weight_bps,
        earned: Money::new(row.earned_minor, currency),
        taken_minor: row.reversed_minor + row.clawed_back_minor,
        facts: &why.facts,
        attribution: &why.reason,
        month: &why.month,
    };
    lines(&story)
}

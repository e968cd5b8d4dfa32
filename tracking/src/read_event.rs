//! `GET /api/v1/tracking/events/{id}`: one event, with whose it is and why.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_kit::auth::Caller;
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::domain::event::{EventKind, State as Standing, Touchpoint};
use crate::domain::incoming::{DEFAULT_SOURCE, id_of};
use crate::read_campaign::viewer;

/// An event as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Our id of it; for conversions also the conversion's.
    pub id: Uuid,
    /// The caller's id of it.
    pub event_id: Option<String>,
    /// Which of the caller's systems sent it.
    pub source: String,
    /// What happened.
    pub event_type: EventKind,
    /// Digest of the visitor's id.
    pub visitor: Option<Uuid>,
    /// The campaign that was named.
    pub campaign: Option<Uuid>,
    /// The partner that was named.
    pub partner: Option<String>,
    /// The click that was named, or the caller's id of this click.
    pub click_id: Option<String>,
    /// The coupon that was entered.
    pub coupon: Option<String>,
    /// The shop's order.
    pub order_id: Option<String>,
    /// Minor units.
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// Whatever else was sent.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// Of a refund: the purchase.
    pub refers_to: Option<Uuid>,
    /// Of a purchase: what went back so far, in minor units.
    pub refunded_minor: i64,
    /// Of a purchase: the earlier one under the same order id.
    pub duplicate_of: Option<Uuid>,
    /// Where it stands, whose it is, and why.
    pub attribution: AttributionView,
    /// Earlier attributions, which late events replaced; newest first, at most 100.
    pub history: Vec<AttributionView>,
}

/// Whose an event is, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributionView {
    /// Counted from 1; 0 = nothing to decide.
    pub revision: i32,
    /// Where it stands.
    pub state: Standing,
    /// The campaign that pays.
    pub campaign_id: Option<Uuid>,
    /// The version of its rules.
    pub rules_version: Option<i32>,
    /// What was looked at, with shares in basis points; they add up to 10,000.
    pub touchpoints: Vec<Touchpoint>,
    /// Why, in one sentence.
    pub reason: Option<String>,
    /// When a later one replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<DateTime<Utc>>,
}

/// Parameters of the query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The source of an event that is named by the caller's own id; `api` if absent.
    source: Option<String>,
}

/// An event with its attribution: touchpoints, shares, the reason in words, and what was decided before.
///
/// The last revision is what follows from everything that is known by now. Where it came after the commission's hold, commission left it: who is paid is
/// then whom an earlier revision names, and the commission's history says so.
#[utoipa::path(
    get,
    path = "/api/v1/tracking/events/{id}",
    tag = "tracking",
    operation_id = "read_event",
    params(("id" = String, Path, description = "Our id, or the event_id that it was sent with"), Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "The event", body = EventView)),
)]
pub async fn read_event(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<EventView>, Problem> {
    let viewer = viewer(&caller)?;
    let source = parameters.source.unwrap_or_else(|| DEFAULT_SOURCE.into());
    let by_their_id = id_of(&caller.tenant, &source, &id);
    let by_our_id = Uuid::try_parse(&id).unwrap_or(by_their_id);
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT id, event_id, source, type AS kind, visitor, campaign, partner, click_id, coupon, order_id, amount_minor, currency, occurred_at,
                  received_at, metadata AS "metadata: Jsonb<Box<RawValue>>", refers_to, refunded_minor, duplicate_of, revision, state,
                  campaign_id, rules_version, touchpoints AS "touchpoints: Jsonb<Vec<Touchpoint>>", reason
           FROM events WHERE id IN ($1, $2) ORDER BY id = $1 DESC LIMIT 1"#,
        by_our_id,
        by_their_id,
    );
    let row = row.fetch_optional(work.conn()).await?.ok_or_else(Problem::not_found)?;
    let touchpoints = row.touchpoints.map(|Jsonb(touchpoints)| touchpoints).unwrap_or_default();
    // A partner sees the events that it brought or was named in.
    let concerns = |partner: &str| {
        row.partner.as_deref() == Some(partner) || touchpoints.iter().any(|touch| touch.partner.as_str() == partner)
    };
    if !viewer.is_none_or(|partner| concerns(partner.as_str())) {
        return Err(Problem::not_found());
    }
    let mut event = EventView {
        id: row.id,
        event_id: row.event_id,
        source: row.source,
        event_type: EventKind::from_name(&row.kind)
            .ok_or_else(|| anyhow::anyhow!("unknown event type {}", row.kind))?,
        visitor: row.visitor,
        campaign: row.campaign,
        partner: row.partner,
        click_id: row.click_id,
        coupon: row.coupon,
        order_id: row.order_id,
        amount_minor: row.amount_minor,
        currency: row.currency,
        occurred_at: row.occurred_at,
        received_at: row.received_at,
        metadata: row.metadata.map(|Jsonb(json)| json),
        refers_to: row.refers_to,
        refunded_minor: row.refunded_minor,
        duplicate_of: row.duplicate_of,
        attribution: AttributionView {
            revision: row.revision,
            state: state(&row.state)?,
            campaign_id: row.campaign_id,
            rules_version: row.rules_version,
            touchpoints,
            reason: row.reason,
            replaced_at: None,
        },
        history: history(&mut work, row.id).await?,
    };
    if let Some(partner) = viewer {
        hide_others(&mut event, partner.as_str());
    }
    Ok(Json(event))
}

/// A partner sees its own touchpoints, not who else was there.
fn hide_others(event: &mut EventView, partner: &str) {
    for attribution in event.history.iter_mut().chain(std::iter::once(&mut event.attribution)) {
        attribution.touchpoints.retain(|touch| touch.partner.as_str() == partner);
    }
    event.history.retain(|attribution| !attribution.touchpoints.is_empty());
    event.metadata = None;
}

fn state(name: &str) -> Result<Standing, Problem> {
    Standing::from_name(name).ok_or_else(|| Problem::internal(anyhow::anyhow!("unknown state {name}")))
}

async fn history(work: &mut Work, id: Uuid) -> Result<Vec<AttributionView>, Problem> {
    let rows = sqlx::query!(
        r#"SELECT revision, state, campaign_id, rules_version, touchpoints AS "touchpoints: Jsonb<Vec<Touchpoint>>", reason, replaced_at
           FROM attribution_history WHERE id = $1 ORDER BY revision DESC LIMIT 100"#,
        id
    );
    let shown = rows.fetch_all(work.conn()).await?.into_iter().map(|row| {
        Ok(AttributionView {
            revision: row.revision,
            state: state(&row.state)?,
            campaign_id: row.campaign_id,
            rules_version: row.rules_version,
            touchpoints: row.touchpoints.map(|Jsonb(touchpoints)| touchpoints).unwrap_or_default(),
            reason: row.reason,
            replaced_at: Some(row.replaced_at),
        })
    });
    shown.collect()
}

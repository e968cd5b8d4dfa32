//! `GET /t/{code}`: a partner's link. Records the click and leads on, with the click's id.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use service_kit::http::{Path, Query};
use service_kit::problem::{Body, Problem};
use service_kit::store::{Store, new_id};
use shared_events::{CampaignId, PartnerId, TenantId, TrackingEventId};
use utoipa::IntoParams;

use crate::State as App;
use crate::domain::event::{EventKind, NewEvent, Tracked};
use crate::ingest::group::Request;
use crate::ingest::route::cause;

/// Links remembered at a time; beyond that all are looked up again.
const REMEMBERED: usize = 10_000;
/// The source of clicks that came in here.
const SOURCE: &str = "link";

/// A partner's link. Nothing about it ever changes, so that it may be remembered.
#[derive(Debug)]
struct Link {
    tenant: TenantId,
    campaign: CampaignId,
    partner: PartnerId,
    destination: String,
    destinations: Vec<String>,
}

/// Finds links by their codes.
pub struct Links {
    store: Store,
    known: Mutex<HashMap<String, Arc<Link>>>,
}

impl Links {
    /// Looks links up in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    async fn find(&self, code: &str) -> Result<Option<Arc<Link>>, Problem> {
        if code.len() > 64 || code.contains('\0') {
            return Ok(None);
        }
        if let Some(link) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(code) {
            return Ok(Some(Arc::clone(link)));
        }
        let Some(link) = self.look_up(code).await?.map(Arc::new) else { return Ok(None) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(code.to_owned(), Arc::clone(&link));
        Ok(Some(link))
    }

    /// The code comes before the tenant: row-level security shows the row whose code is asked for.
    async fn look_up(&self, code: &str) -> Result<Option<Link>, Problem> {
        let mut work = self.store.begin().await?;
        sqlx::query!("SELECT set_config('recoup.lookup', $1, true)", code).fetch_one(work.conn()).await?;
        let row = sqlx::query!(
            "SELECT tenant, campaign_id, partner, destination, destinations FROM links WHERE code = $1",
            code
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Link {
            tenant: TenantId::try_new(row.tenant).map_err(Problem::internal)?,
            campaign: CampaignId(row.campaign_id),
            partner: PartnerId::try_new(row.partner).map_err(Problem::internal)?,
            destination: row.destination,
            destinations: row.destinations,
        }))
    }
}

/// Parameters of the query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Another of the campaign's destinations.
    to: Option<String>,
}

/// Follows a partner's link: records the click and redirects to the campaign's destination with `click_id` added.
///
/// HEAD requests, prefetches and robots are led on without a click.
#[utoipa::path(
    get,
    path = "/t/{code}",
    tag = "tracking",
    operation_id = "follow_link",
    params(("code" = String, Path, description = "The link's code"), Parameters),
    responses(
        (status = 302, description = "To the destination, with the click's id", headers(("location" = String, description = "Where to"))),
        (status = 422, description = "`to` is none of the campaign's destinations", body = Body, content_type = "application/problem+json"),
    ),
)]
pub async fn follow_link(
    State(app): State<App>,
    method: Method,
    Path(code): Path<String>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let link = app.links.find(&code).await?.ok_or_else(Problem::not_found)?;
    let destination = match &parameters.to {
        Some(to) if !link.destinations.contains(to) => {
            return Err(Problem::invalid_field("to", "must be one of the campaign's destinations"));
        }
        Some(to) => to,
        None => &link.destination,
    };
    let counts = method == Method::GET && !is_machine(&headers);
    let peer = extensions.get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer);
    let click = if counts { record_click(&app, &link, &code, &headers, peer).await } else { None };
    let location = click.map_or_else(|| destination.clone(), |click| with_click(destination, click));
    let location = HeaderValue::from_str(&location).map_err(Problem::internal)?;
    Ok((
        StatusCode::FOUND,
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
    )
        .into_response())
}

/// A customer on the way to a shop is not held up because we cannot write: then the click is lost, and said so in the log.
async fn record_click(
    app: &App,
    link: &Link,
    code: &str,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Option<TrackingEventId> {
    let now = app.store.now();
    // A click without a visitor is still a click.
    let visitor = app.visitors.of(&link.tenant, headers, peer, now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the visitor of a link cannot be told");
        None
    });
    let id = TrackingEventId(new_id(now));
    let facts = Tracked {
        id,
        kind: EventKind::Click,
        visitor,
        click_id: None,
        partner: Some(link.partner.clone()),
        campaign: Some(link.campaign),
        coupon: None,
        order_id: None,
        amount: None,
        occurred_at: now,
        received_at: now,
        refers_to: None,
    };
    let click = NewEvent { facts, event_id: None, source: SOURCE.into(), link: Some(code.to_owned()), metadata: None };
    let request = Request { tenant: link.tenant.clone(), events: vec![click], cause: cause(None, now) };
    match app.queue.record(request).await {
        Ok(_) => Some(id),
        Err(error) => {
            metrics::counter!("recoup_tracking_clicks_lost_total").increment(1);
            tracing::error!(%error, link.code = code, "the click on link {code} is lost");
            None
        }
    }
}

/// Robots that say so, and browsers that only look ahead.
fn is_machine(headers: &HeaderMap) -> bool {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let looks_ahead = ["purpose", "sec-purpose", "x-purpose"]
        .iter()
        .any(|name| text(name).contains("prefetch") || text(name).contains("preview"));
    let agent = text("user-agent");
    looks_ahead || ["bot", "crawl", "spider", "preview", "facebookexternalhit"].iter().any(|mark| agent.contains(mark))
}

/// The parameter goes before a fragment and after what is there.
fn with_click(destination: &str, click: TrackingEventId) -> String {
    let (url, fragment) =
        destination.split_once('#').map_or((destination, None), |(url, fragment)| (url, Some(fragment)));
    let between = if url.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{url}{between}click_id={click}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_click_id_goes_before_the_fragment() {
        let click = TrackingEventId(uuid::Uuid::nil());
        let added = format!("click_id={click}");
        assert_eq!(with_click("https://a.example/b", click), format!("https://a.example/b?{added}"));
        assert_eq!(with_click("https://a.example/?x=1#top", click), format!("https://a.example/?x=1&{added}#top"));
    }
}

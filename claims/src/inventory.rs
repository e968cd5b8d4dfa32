//! `GET /api/v1/inventory` and `/api/v1/inventory/reconciliation`: what lies in the warehouses as three sources say it, side by side for
//! each article and place, and where they differ. They tell of different moments, so a difference is named, not judged.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use shared_events::ConnectionId;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::inventory_lines::{Line, lines};
use crate::{READERS, State as App};

/// Most sellers of a tenant that are looked at.
const MOST: i64 = 200;

/// Which articles.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The seller; all of yours unless said
    connection_id: Option<Uuid>,
    /// Only this article
    fnsku: Option<String>,
    /// Only articles whose sources differ; for the reconciliation
    only_differences: Option<bool>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
    /// Articles at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of articles.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inventory {
    /// By seller, article and place.
    pub items: Vec<Line>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What lies in the warehouses.
#[utoipa::path(get, path = "/api/v1/inventory", tag = "inventory", operation_id = "read_inventory", params(Parameters),
    security(("bearer" = [])), responses(
        (status = 200, description = "A page of articles", body = Inventory),
        (status = 404, description = "No such seller of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn inventory(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Inventory>, Problem> {
    let mut page = page(&app, &caller, &parameters).await?;
    page.items.retain(|line| line.current_units.is_some() || line.detail_moved.is_some());
    Ok(Json(page))
}

/// The sources beside one another, and their differences by name.
#[utoipa::path(get, path = "/api/v1/inventory/reconciliation", tag = "inventory", operation_id = "reconcile_inventory", params(Parameters),
    security(("bearer" = [])), responses(
        (status = 200, description = "A page of articles", body = Inventory),
        (status = 404, description = "No such seller of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn reconciliation(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Inventory>, Problem> {
    let mut page = page(&app, &caller, &parameters).await?;
    if parameters.only_differences.unwrap_or_default() {
        page.items.retain(|line| !line.differences.is_empty());
    }
    Ok(Json(page))
}

async fn page(app: &App, caller: &Caller, parameters: &Parameters) -> Result<Inventory, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let after = parameters.cursor.as_deref().map(cursor).transpose()?;
    let (of, since) = after.unzip();
    let mut work = app.store.read(&caller.tenant).await?;
    let sellers = sqlx::query_scalar!(
        "SELECT id FROM connections WHERE tenant = $1 AND kind = 'amazon' AND ($2::uuid IS NULL OR id = $2) ORDER BY seq LIMIT $3",
        caller.tenant.as_str(),
        parameters.connection_id,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    if sellers.is_empty() && parameters.connection_id.is_some() {
        return Err(Problem::not_found());
    }
    let mut articles = sqlx::query!(
        r#"SELECT connection_id AS "seller!", fnsku AS "fnsku!" FROM (
               SELECT connection_id, fnsku FROM stock_moves WHERE tenant = $1 AND connection_id = ANY($2)
               UNION SELECT connection_id, fnsku FROM report_rows
                     WHERE tenant = $1 AND connection_id = ANY($2) AND report IN ('stock', 'ledger_day') AND fnsku IS NOT NULL) AS known
           WHERE ($3::text IS NULL OR fnsku = $3)
             AND ($4::uuid IS NULL OR (connection_id, fnsku) > ($4, $5::text))
           ORDER BY connection_id, fnsku LIMIT $6"#,
        caller.tenant.as_str(),
        &sellers,
        parameters.fnsku,
        of,
        since,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut articles, |last| format!("{}/{}", last.seller, last.fnsku));
    let mut items = Vec::with_capacity(articles.len());
    for of_seller in articles.chunk_by(|one, other| one.seller == other.seller) {
        let fnskus: Vec<String> = of_seller.iter().map(|article| article.fnsku.clone()).collect();
        items.extend(lines(&mut work, ConnectionId(of_seller[0].seller), &fnskus).await?);
    }
    Ok(Inventory { items, next_cursor })
}

/// The seller and the article after which a page begins.
fn cursor(text: &str) -> Result<(Uuid, String), Problem> {
    let parts = text.split_once('/').and_then(|(seller, fnsku)| Some((seller.parse().ok()?, fnsku.to_owned())));
    parts.ok_or_else(|| Problem::invalid_field("cursor", "must be the next_cursor of a page"))
}

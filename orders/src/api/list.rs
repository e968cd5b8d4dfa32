//! Orders in lists: a caller's own, and all of them for staff. Newest first, by cursor.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use sqlx::QueryBuilder;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, reach};
use crate::domain::status::Status;
use crate::read_order::{self, COLUMNS, Order, Row};

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// In this status.
    status: Option<String>,
    /// Of this customer; for staff and selling systems.
    customer_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Orders of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Newest first.
    pub orders: Vec<Order>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Whose orders a page shows.
enum Whose {
    /// Everybody's.
    Anybodys,
    /// This customer's.
    Of(String),
    /// What the caller placed for others, and its own; of this customer where one is named.
    Placed(Option<String>),
}

/// Lists the caller's own orders, newest first; for a selling system those that it placed, too.
#[utoipa::path(get, path = "/orders", operation_id = "list_orders", tag = "orders", params(Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page of orders", body = Page)))]
pub async fn own(State(api): State<Api>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Page>, Problem> {
    if caller.has_any(&[Role::Seller]) {
        let whose = Whose::Placed(filter.customer_id.clone());
        return page(&api, &caller, whose, filter).await;
    }
    if filter.customer_id.as_deref().is_some_and(|customer| customer != caller.subject.as_str()) {
        return Err(Problem::forbidden("lists of others' orders are at /admin/orders"));
    }
    page(&api, &caller, Whose::Of(caller.subject.to_string()), filter).await
}

/// Lists everybody's orders, newest first. For staff; an operator sees what leaves from its warehouses.
#[utoipa::path(get, path = "/admin/orders", operation_id = "list_all_orders", tag = "orders", params(Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page of orders", body = Page)))]
pub async fn all(State(api): State<Api>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Page>, Problem> {
    caller.require(&Role::STAFF)?;
    let whose = filter.customer_id.clone().map_or(Whose::Anybodys, Whose::Of);
    page(&api, &caller, whose, filter).await
}

/// A page of the orders that a caller may see through the workflow: staff everybody's, selling systems what they placed, others their own.
pub async fn visible(api: &Api, caller: &Caller, filter: Filter) -> Result<Json<Page>, Problem> {
    let whose = match &filter.customer_id {
        asked if caller.is_staff() => asked.clone().map_or(Whose::Anybodys, Whose::Of),
        asked if caller.has_any(&[Role::Seller]) => Whose::Placed(asked.clone()),
        Some(asked) if asked != caller.subject.as_str() => return Err(Problem::not_found()),
        _ => Whose::Of(caller.subject.to_string()),
    };
    page(api, caller, whose, filter).await
}

async fn page(api: &Api, caller: &Caller, whose: Whose, filter: Filter) -> Result<Json<Page>, Problem> {
    let at = Paging::of(filter.limit, filter.cursor.as_deref())?;
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM orders WHERE tenant = "));
    query.push_bind(caller.tenant.to_string());
    let mut work = api.store.read(&caller.tenant).await?;
    let subject = caller.subject.as_str();
    let is_own = matches!(&whose, Whose::Of(customer) if customer == subject);
    if !is_own && let Some(own) = reach::warehouses(&mut work, caller).await? {
        query.push(" AND (order_is_in(tenant, id, ").push_bind(own);
        query.push(") OR placed_by = ").push_bind(subject).push(")");
    }
    let customer = match whose {
        Whose::Anybodys => None,
        Whose::Of(customer) => Some(customer),
        Whose::Placed(customer) => {
            // The second half is what the index of orders for others holds.
            query.push(" AND (customer_id = ").push_bind(subject);
            query.push(" OR (placed_by = ").push_bind(subject).push(" AND placed_by <> customer_id))");
            customer
        }
    };
    if let Some(customer) = customer {
        query.push(" AND customer_id = ").push_bind(customer);
    }
    if let Some(status) = &filter.status {
        let status =
            Status::from_name(status).ok_or_else(|| Problem::invalid_field("status", "is no status of an order"))?;
        query.push(" AND status = ").push_bind(status.name()).push("::text::order_status");
    }
    if let Some(seq) = at.seen() {
        query.push(" AND seq < ").push_bind(seq);
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(at.rows());
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(work.conn()).await?;
    let next_cursor = at.cut(&mut rows, |row| row.seq);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let is_staff = caller.is_staff();
    let mut items = read_order::items(&mut work, &ids).await?;
    let orders = rows.into_iter().map(|row| {
        let own = items.extract_if(.., |(order, _)| *order == row.id).map(|(_, item)| item).collect();
        let shown = row.show(own);
        if is_staff { shown } else { shown.for_customer() }
    });
    Ok(Json(Page { orders: orders.collect(), next_cursor }))
}

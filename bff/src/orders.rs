//! Orders over the BFF, under the paths of seeds 002 and 003: passed on to the orders service as they come in. That service turns wishes
//! into commands itself, since it seals addresses for the order and answers in the seeds' own shapes.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::any;
use service_kit::auth::Caller;
use service_kit::http::unread_body;
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::proxy::{self, Question};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    let documented = OpenApiRouter::new()
        .routes(routes!(list_orders, place_order))
        .routes(routes!(read_order, update_order, cancel_order))
        .routes(routes!(list_all_orders))
        .routes(routes!(order_stats))
        .routes(routes!(order_audit))
        .routes(routes!(change_order_status))
        .routes(routes!(retry_order_step))
        .routes(routes!(skip_order_step))
        .routes(routes!(list_workflow_orders, place_workflow_order))
        .routes(routes!(read_workflow_order))
        .routes(routes!(change_workflow_status))
        .routes(routes!(fulfil_order))
        .routes(routes!(refund_order))
        .routes(routes!(return_order))
        .routes(routes!(track_order))
        .routes(routes!(order_performance))
        .routes(routes!(order_inventory))
        .routes(routes!(claim_approval))
        .routes(routes!(decide_approval))
        .routes(routes!(put_product))
        .routes(routes!(read_label))
        .routes(routes!(put_customer))
        .routes(routes!(put_cart))
        .routes(routes!(put_warehouse))
        .routes(routes!(change_stock))
        .routes(routes!(stock_ledger))
        .routes(routes!(read_order_payments))
        .routes(routes!(raise_problem, list_problems))
        .routes(routes!(give_up_rest))
        .routes(routes!(ask_stock_override))
        .routes(routes!(assign_operators, list_operators))
        .routes(routes!(create_api_key, list_api_keys))
        .routes(routes!(read_own_api_key))
        .routes(routes!(rotate_api_key))
        .routes(routes!(revoke_api_key))
        .routes(routes!(health_of_orders));
    other_spellings().into_iter().fold(documented, |router, path| router.route(&path, any(pass_on)))
}

/// The same in their other spellings: with a slash at the end, and under `/api/v1`.
fn other_spellings() -> Vec<String> {
    let shop = [
        "/orders",
        "/orders/{id}",
        "/admin/orders",
        "/admin/orders/stats",
        "/admin/orders/{id}/status",
        "/orders/{id}/steps/{step}/retry",
        "/orders/{id}/steps/{step}/skip",
        "/orders/{id}/payments",
        "/orders/{id}/problems",
        "/orders/{id}/give-up-rest",
        "/orders/{id}/stock-override",
        "/admin/orders/audit",
    ];
    let workflow = [
        "/api/order-workflow/orders/",
        "/api/order-workflow/orders/{id}/",
        "/api/order-workflow/orders/{id}/status/",
        "/api/order-workflow/orders/{id}/fulfill/",
        "/api/order-workflow/orders/{id}/refund/",
        "/api/order-workflow/orders/{id}/return/",
        "/api/order-workflow/orders/{id}/tracking/",
        "/api/order-workflow/analytics/performance/",
        "/api/order-workflow/analytics/inventory/",
    ];
    let spelled = |path: &str| [format!("{path}/"), format!("/api/v1{path}"), format!("/api/v1{path}/")];
    shop.into_iter().flat_map(spelled).chain(workflow.map(str::to_owned)).collect()
}

async fn pass_on(State(app): State<Shared>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let orders = app.upstream(Service::Orders);
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET {
        return orders.answer(&caller, &parts.uri).await;
    }
    let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
    let body = Bytes::from_request(Request::from_parts(parts, body), &app).await.map_err(unread_body)?;
    orders.hand_on(&caller, method, &uri, &headers, body).await
}

/// How the order service and what it depends on fare: `connectivity`, `postgres`, `redis`, `user-service`, `cart-service`,
/// `product-service`, `search-service` or `info`.
#[utoipa::path(get, path = "/health/{name}", operation_id = "health_of_orders", tag = "health",
    params(("name" = String, Path, description = "Which")), responses(
        (status = 200, description = "How it fares", body = serde_json::Value), (status = 503, description = "It does not answer", body = serde_json::Value)))]
async fn health_of_orders(State(app): State<Shared>, uri: Uri) -> Result<Response, Problem> {
    let patience = std::time::Duration::from_secs(2);
    let question = Question { target: proxy::target(&uri), caller: None, accept: None, patience, file: None };
    app.upstream(Service::Orders).pass_on(question).await
}

/// Declares routes that are passed on: what they are, name, method, path, tag, parameters, and the body of a wish.
macro_rules! passed_on {
    ($($doc:literal $name:ident $method:ident $path:tt $tag:tt [$($params:tt)*] [$($body:tt)*];)+) => {$(
        #[doc = $doc]
        #[utoipa::path($method, path = $path, tag = $tag, params($($params)*), $($body)*
            security(("bearer" = [])), responses(
                (status = 200, description = "Done", body = serde_json::Value),
                (status = 201, description = "Made", body = serde_json::Value),
                (status = 202, description = "Accepted; the Location tells how it ends", body = serde_json::Value),
                (status = 404, description = "It is not there, or not the caller's", body = service_kit::problem::Body, content_type = "application/problem+json"),
                (status = 409, description = "The state does not allow it", body = service_kit::problem::Body, content_type = "application/problem+json")))]
        async fn $name(state: State<Shared>, caller: Caller, request: Request) -> Result<Response, Problem> {
            pass_on(state, caller, request).await
        }
    )+};
}

passed_on! {
    "Lists the caller's own orders, newest first." list_orders get "/orders" "orders"
        [("status" = Option<String>, Query, description = "In this status"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "Takes an order. Prices are the catalogue's; with an `Idempotency-Key` a repeat is the same order." place_order post "/orders" "orders"
        [("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same order")] [request_body = serde_json::Value,];
    "Shows an order. A customer sees its own." read_order get "/orders/{id}" "orders" [("id" = uuid::Uuid, Path, description = "The order")] [];
    "Changes where and how an order is sent, before it is confirmed." update_order put "/orders/{id}" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Cancels an order before anything of it left." cancel_order delete "/orders/{id}" "orders" [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Lists everybody's orders, newest first. For staff." list_all_orders get "/admin/orders" "orders"
        [("status" = Option<String>, Query, description = "In this status"), ("customer_id" = Option<String>, Query, description = "Of this customer"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "Orders in numbers. For managers." order_stats get "/admin/orders/stats" "orders" [] [];
    "Who did what, and why. For managers." order_audit get "/admin/orders/audit" "orders"
        [("subject" = Option<String>, Query, description = "About this"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "Moves an order on, through the same states as its process. For managers." change_order_status put "/admin/orders/{id}/status" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Runs the step again that an order waits at. For staff." retry_order_step post "/orders/{id}/steps/{step}/retry" "orders"
        [("id" = uuid::Uuid, Path, description = "The order"), ("step" = String, Path, description = "The step")] [request_body = serde_json::Value,];
    "Goes on without the step that an order waits at. For managers." skip_order_step post "/orders/{id}/steps/{step}/skip" "orders"
        [("id" = uuid::Uuid, Path, description = "The order"), ("step" = String, Path, description = "The step")] [request_body = serde_json::Value,];
    "Lists orders: staff sees everybody's, a customer its own." list_workflow_orders get "/api/order-workflow/orders" "orders"
        [("status" = Option<String>, Query, description = "In this status"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "Takes an order of a selling system." place_workflow_order post "/api/order-workflow/orders" "orders"
        [("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same order")] [request_body = serde_json::Value,];
    "Shows an order." read_workflow_order get "/api/order-workflow/orders/{id}" "orders" [("id" = uuid::Uuid, Path, description = "The order")] [];
    "Moves an order on. For managers." change_workflow_status put "/api/order-workflow/orders/{id}/status" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Names the labels of an order's shipments, so that they leave. For staff." fulfil_order post "/api/order-workflow/orders/{id}/fulfill" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Pays back what was captured: all of it, by line, or an amount. For managers." refund_order post "/api/order-workflow/orders/{id}/refund" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Takes goods in that came back: into stock or not, with the money or without it. For managers." return_order post "/api/order-workflow/orders/{id}/return" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Where an order's shipments are." track_order get "/api/order-workflow/orders/{id}/tracking" "orders" [("id" = uuid::Uuid, Path, description = "The order")] [];
    "How the process fares. For managers." order_performance get "/api/order-workflow/analytics/performance" "orders" [] [];
    "What is in stock, and what should be reordered. For staff." order_inventory get "/api/order-workflow/analytics/inventory" "orders"
        [("sku" = Option<String>, Query, description = "Of this article"), ("warehouse_id" = Option<String>, Query, description = "In this warehouse"), ("low" = Option<bool>, Query, description = "Only what should be reordered"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "Takes a task on. For staff." claim_approval post "/api/v1/approvals/{id}/claim" "orders" [("id" = uuid::Uuid, Path, description = "The task")] [];
    "Decides a task; never one's own. For managers." decide_approval post "/api/v1/approvals/{id}/decide" "orders"
        [("id" = uuid::Uuid, Path, description = "The task")] [request_body = serde_json::Value,];
    "Puts an article into the catalogue, or changes it. For managers." put_product put "/api/v1/products/{id}" "orders"
        [("id" = String, Path, description = "The article")] [request_body = serde_json::Value,];
    "A shipment's label, as the carrier made it. For staff." read_label get "/api/v1/shipments/{id}/label" "orders"
        [("id" = uuid::Uuid, Path, description = "The shipment")] [];
    "Enters a customer, or shuts one out. For managers." put_customer put "/api/v1/customers/{id}" "orders"
        [("id" = String, Path, description = "The customer")] [request_body = serde_json::Value,];
    "Says what lies in the caller's cart." put_cart put "/api/v1/carts/{id}" "orders"
        [("id" = String, Path, description = "The caller's name of the cart")] [request_body = serde_json::Value,];
    "Makes a warehouse, or changes it. For managers." put_warehouse put "/api/v1/warehouses/{id}" "orders"
        [("id" = String, Path, description = "The warehouse")] [request_body = serde_json::Value,];
    "Goods came in, were counted, or their rules change. For staff." change_stock post "/api/v1/stock" "orders" [] [request_body = serde_json::Value,];
    "Each movement of stock with its cause. For staff." stock_ledger get "/api/v1/stock/ledger" "orders"
        [("sku" = Option<String>, Query, description = "Of this article"), ("warehouse_id" = Option<String>, Query, description = "In this warehouse"), ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "How an order is paid, in detail: choices of a gateway, calls, webhooks, disputes. For staff." read_order_payments get "/orders/{id}/payments" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [];
    "Raises a problem with an order; somebody answers in the inbox." raise_problem post "/orders/{id}/problems" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Shows the problems of an order, and what was answered." list_problems get "/orders/{id}/problems" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [];
    "Gives up what has not left of an order of which a part has. For managers." give_up_rest post "/orders/{id}/give-up-rest" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Asks that an order may be served from stock that is kept back; another person decides. For staff." ask_stock_override post "/orders/{id}/stock-override" "orders"
        [("id" = uuid::Uuid, Path, description = "The order")] [request_body = serde_json::Value,];
    "Says who works in a warehouse. For managers." assign_operators put "/api/v1/warehouses/{id}/operators" "orders"
        [("id" = String, Path, description = "The warehouse")] [request_body = serde_json::Value,];
    "Shows who works in a warehouse. For managers." list_operators get "/api/v1/warehouses/{id}/operators" "orders"
        [("id" = String, Path, description = "The warehouse")] [];
    "Makes a key for a machine; the answer is the only place that shows it. For managers." create_api_key post "/api/v1/api-keys" "orders" [] [request_body = serde_json::Value,];
    "Lists the keys of machines. For managers." list_api_keys get "/api/v1/api-keys" "orders"
        [("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")] [];
    "What the key is that the request is made with." read_own_api_key get "/api/v1/api-keys/self" "orders" [] [];
    "Gives a key a new secret; the one before works on for a while. For managers." rotate_api_key post "/api/v1/api-keys/{id}/rotate" "orders"
        [("id" = uuid::Uuid, Path, description = "The key")] [request_body = serde_json::Value,];
    "Ends a key at once. For managers." revoke_api_key delete "/api/v1/api-keys/{id}" "orders"
        [("id" = uuid::Uuid, Path, description = "The key")] [request_body = serde_json::Value,];
}

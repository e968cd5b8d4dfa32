//! What payment gateways and carriers call back, and where links in mails lead: handed on to the service that knows them as it came, byte
//! for byte, since a signature or a sealed link is the proof. That service checks it; nobody has to be logged in.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use service_kit::http::unread_body;
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    let documented = OpenApiRouter::new()
        .routes(routes!(take_payment_webhook))
        .routes(routes!(take_carrier_webhook))
        .routes(routes!(take_text_status))
        .routes(routes!(ask_to_unsubscribe, unsubscribe));
    let spellings = [
        "/webhooks/payments/{provider}/",
        "/api/v1/webhooks/payments/{provider}",
        "/api/v1/webhooks/payments/{provider}/",
    ];
    spellings.into_iter().fold(documented, |router, path| router.route(path, axum::routing::post(take_payment_webhook)))
}

/// A body, or why it cannot be read.
type Sent = Result<Bytes, axum::extract::rejection::BytesRejection>;

/// Declares routes that are handed on: what they are, name, method, path, tag, service, parameters, the body they take, and what they
/// answer.
macro_rules! handed_on {
    ($($doc:literal $name:ident $method:ident $path:tt $tag:tt $service:ident [$($params:tt)*] [$($body:tt)*] [$($responses:tt)*];)+) => {$(
        #[doc = $doc]
        #[utoipa::path($method, path = $path, tag = $tag, security(()), params($($params)*), $($body)* responses($($responses)*))]
        async fn $name(State(app): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Sent) -> Result<Response, Problem> {
            let body = body.map_err(unread_body)?;
            app.upstream(Service::$service).hand_on_as_it_is(method, &uri, &headers, body).await
        }
    )+};
}

handed_on! {
    "A payment gateway tells what happened: `stripe`, `paypal`, `razorpay` or `payu`. Its signature is the proof."
        take_payment_webhook post "/webhooks/payments/{provider}" "orders" Orders
        [("provider" = String, Path, description = "`stripe`, `paypal`, `razorpay` or `payu`")]
        [request_body(content = String, content_type = "*/*", description = "As the gateway sends it; at most 256 kB"),]
        [(status = 204, description = "Taken, now or before, or of no interest"),
         (status = 401, description = "Its sender is not proved", body = service_kit::problem::Body, content_type = "application/problem+json"),
         (status = 404, description = "No such gateway takes webhooks here", body = service_kit::problem::Body, content_type = "application/problem+json")];
    "A carrier tells where a parcel is. Its signature is the proof."
        take_carrier_webhook post "/webhooks/carriers/easypost" "orders" Orders
        [] [request_body = serde_json::Value,] [(status = 200, description = "Heard", body = serde_json::Value)];
    "The carrier of texts tells how one fares. Its signature is the proof."
        take_text_status post "/callbacks/twilio/{tenant}" "notifications" Notify
        [("tenant" = String, Path, description = "Whose text it is")]
        [request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "As Twilio sends it"),]
        [(status = 204, description = "Heard, or of no interest")];
    "Asks whether no more mails of a kind are wanted. The link in the mail is the proof."
        ask_to_unsubscribe get "/unsubscribe/{token}" "notifications" Notify
        [("token" = String, Path, description = "From the mail")] []
        [(status = 200, description = "A page with a button", body = String, content_type = "text/html")];
    "Sends no more mails of a kind. The link in the mail is the proof."
        unsubscribe post "/unsubscribe/{token}" "notifications" Notify
        [("token" = String, Path, description = "From the mail")] []
        [(status = 200, description = "A page that says so", body = String, content_type = "text/html")];
}

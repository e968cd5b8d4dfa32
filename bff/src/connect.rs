//! Consents at other people's pages: of sellers at Amazon, of owners of mailboxes at Google, and of whoever saves a card at Stripe. What
//! comes back is sealed here and used by the claims service.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use providers::amazon::Region;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Query;
use service_kit::problem::Problem;
use shared_events::claims::{ConnectAccount, ConnectionKind};
use shared_events::{ConnectionId, MessageId, ids};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::Ticket;
use crate::checks;
use crate::consent::{self, Begun};
use crate::integrations::SELLERS;
use crate::send::{Answers, Ids};

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(connect, connect_by_post))
        .routes(routes!(come_back))
        .route("/api/v1/integrations/connect", get(connect).post(connect_by_post))
}

/// What to connect.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wish {
    /// `amazon`, `gmail` or `stripe`
    integration_type: String,
    /// Amazon's region: `na`, `eu` or `fe`; `na` unless said
    region: Option<String>,
    /// The mailbox's address, for `gmail`, where there are several; without it there is one, which a new consent takes the place of
    address: Option<String>,
}

/// Where consent is given.
#[derive(Debug, Serialize, ToSchema)]
struct Consent {
    /// What is connected.
    integration_type: String,
    /// The page to be opened in the browser that asked.
    auth_url: String,
    /// What comes back from there.
    state: String,
    /// The consent has to be back before.
    expires_at: DateTime<Utc>,
}

async fn consent_page(app: &Shared, caller: &Caller, wish: Wish) -> Result<Response, Problem> {
    caller.require(&SELLERS)?;
    let region = wish.region.as_deref().unwrap_or("na");
    let at: Region = region.parse().map_err(|problem: &str| Problem::invalid_field("region", problem))?;
    let address = wish.address.as_deref().unwrap_or_default();
    if wish.address.is_some() {
        checks::email("address", address)?;
    }
    let begin = |kind| consent::begin(&app.account_key, caller, (kind, region, address), app.clock.now());
    let (begun, auth_url) = match wish.integration_type.as_str() {
        "amazon" => {
            let begun = begin(ConnectionKind::Amazon)?;
            let Some((application, endpoints)) = &app.consents.amazon else {
                return Err(Problem::unavailable("no application with Amazon is configured"));
            };
            let page = endpoints.consent(at, application, &begun.sealed, &app.consents.redirect_uri);
            let page = page.map_err(Problem::internal)?.into();
            (begun, page)
        }
        "stripe" => {
            let begun = begin(ConnectionKind::Stripe)?;
            let page = card_page(app, caller, &begun).await?;
            (begun, page)
        }
        "gmail" => {
            let Some(google) = &app.consents.google else {
                return Err(Problem::unavailable("no application with Google is configured"));
            };
            let begun = begin(ConnectionKind::Gmail)?;
            let page = google.consent(&begun.sealed, &app.consents.redirect_uri, wish.address.as_deref());
            let page = page.map_err(Problem::internal)?.into();
            (begun, page)
        }
        _ => return Err(Problem::invalid_field("integration_type", "must be amazon, gmail or stripe")),
    };
    let answer = Consent {
        integration_type: wish.integration_type,
        auth_url,
        state: begun.sealed,
        expires_at: begun.expires_at,
    };
    Ok(([(header::SET_COOKIE, begun.cookie)], Json(answer)).into_response())
}

/// Makes the page at Stripe where a card is saved. Card numbers are typed there and never come here.
async fn card_page(app: &Shared, caller: &Caller, begun: &Begun) -> Result<String, Problem> {
    let Some(stripe) = &app.consents.stripe else {
        return Err(Problem::unavailable("no key of Stripe is configured"));
    };
    let failed = |error: providers::stripe::Error| {
        Problem::unavailable("Stripe gives no page to save a card at: try again later").caused_by(error)
    };
    let tenant = caller.tenant.as_str();
    let metadata = [("tenant".to_owned(), tenant.to_owned())].into();
    // Asked again within a day, Stripe answers with the same customer.
    let customer = stripe.create_customer(&metadata, &format!("recoup-customer-{tenant}")).await.map_err(failed)?;
    let state = [("state", begun.sealed.as_str())];
    let back = url::Url::parse_with_params(&app.consents.redirect_uri, state).map_err(Problem::internal)?;
    // Stripe looks for these signs as they are.
    let urls = (format!("{back}&session_id={{CHECKOUT_SESSION_ID}}"), format!("{back}&error=cancelled"));
    let page = stripe.create_setup_page(&customer.id, (&urls.0, &urls.1), &begun.nonce).await.map_err(failed)?;
    page.url.ok_or_else(|| Problem::unavailable("Stripe gives no page to save a card at: try again later"))
}

/// Where consent is given to connect something.
#[utoipa::path(get, path = "/api/integrations/connect", operation_id = "begin_consent", tag = "claims", params(Wish),
    security(("bearer" = [])), responses((status = 200, description = "The page where consent is given", body = Consent)))]
async fn connect(State(app): State<Shared>, caller: Caller, Query(wish): Query<Wish>) -> Result<Response, Problem> {
    consent_page(&app, &caller, wish).await
}

/// The same, asked by POST.
#[utoipa::path(post, path = "/api/integrations/connect", operation_id = "begin_consent_by_post", tag = "claims", params(Wish),
    security(("bearer" = [])), responses((status = 200, description = "The page where consent is given", body = Consent)))]
async fn connect_by_post(
    State(app): State<Shared>,
    caller: Caller,
    Query(wish): Query<Wish>,
) -> Result<Response, Problem> {
    consent_page(&app, &caller, wish).await
}

/// What a consent page sends back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Back {
    /// What went there
    state: String,
    /// Amazon's code, good for some minutes and once
    spapi_oauth_code: Option<String>,
    /// Amazon's id of the seller
    selling_partner_id: Option<String>,
    /// Stripe's id of the page where a card was saved
    session_id: Option<String>,
    /// Google's code, good for some minutes and once
    code: Option<String>,
}

/// What came back, by what is connected: how the connection is named, its account and its secret.
fn brought(back: &Back, state: &consent::State) -> Result<(ConnectionId, String, String), Problem> {
    let tenant = state.tenant.as_str();
    let fits = |text: &&String| (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let needed = |name: &str, value: &Option<String>| {
        let missing =
            || Problem::invalid_field(name, "is missing, or not as it is written there: consent was not given");
        value.as_ref().filter(fits).cloned().ok_or_else(missing)
    };
    match state.kind {
        ConnectionKind::Amazon => {
            let code = needed("spapi_oauth_code", &back.spapi_oauth_code)?;
            let seller = needed("selling_partner_id", &back.selling_partner_id)?;
            let id = ids::derive(&["connection", tenant, "amazon", &state.region, &seller]);
            Ok((ConnectionId(id), seller, code))
        }
        // One payer for a tenant: a new card takes the place of the old one.
        ConnectionKind::Stripe => {
            let page = needed("session_id", &back.session_id)?;
            Ok((ConnectionId(ids::derive(&["connection", tenant, "stripe"])), String::new(), page))
        }
        ConnectionKind::Gmail => {
            let code = needed("code", &back.code)?;
            let id = ids::derive(&["connection", tenant, "gmail", &state.account.to_ascii_lowercase()]);
            Ok((ConnectionId(id), state.account.clone(), code))
        }
        ConnectionKind::Imap => Err(Problem::invalid_field("state", "is none of ours")),
    }
}

/// Where consent pages send people back to. The code is sealed here and exchanged by the claims service.
#[utoipa::path(get, path = "/api/integrations/callback", operation_id = "end_consent", tag = "claims", params(Back),
    security(("bearer" = []), ()), responses(Answers))]
async fn come_back(
    State(app): State<Shared>,
    caller: Option<Caller>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let state = consent::come_back(&app.account_key, &back.state, caller.as_ref(), &headers, now)?;
    let (connection_id, account, secret) = brought(&back, &state)?;
    let tenant = state.tenant.as_str();
    let command = ConnectAccount {
        connection_id,
        kind: state.kind,
        region: if state.kind == ConnectionKind::Amazon { state.region } else { String::new() },
        account,
        sealed_secret: seal(&app, tenant, &state.nonce, &secret)?,
        nonce: state.nonce.clone(),
        redirect_uri: app.consents.redirect_uri.clone(),
        host: None,
        smtp_host: None,
        expires_at: state.expires_at,
        connected_by: state.subject.clone(),
    };
    // Coming back twice is one command; with another code it is refused.
    let digest = app.account_key.digest(secret.as_bytes());
    let id = MessageId(ids::derive(&["consent", tenant, &state.nonce]));
    let ticket = Ticket { id, keyed: false, digest, wait: None };
    let tenant = state.tenant.clone();
    let (roles, token) = (Vec::new(), String::new());
    let began = Caller { tenant, subject: state.subject, roles, partner: None, token, expires_at: None };
    let caller = caller.unwrap_or(began);
    app.send(&caller, ticket, &command, Ids::from([("connection_id", connection_id.to_string())])).await
}

/// Seals a code or password for its one use; see `claims::connect_account::purpose`.
pub fn seal(app: &Shared, tenant: &str, nonce: &str, secret: &str) -> Result<String, Problem> {
    app.account_key.seal(&format!("consent/{tenant}/{nonce}"), secret).map_err(Problem::internal)
}

//! Consents at other people's pages. The state that goes there and comes back is sealed, runs out, and is bound to the caller twice: by
//! name, and by a cookie of the browser that began. So nobody can have a seller's account connected to somebody else's tenant by
//! sending them a link.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, TimeDelta, Utc};
use providers::amazon::Endpoints;
use providers::google::GoogleConfig;
use providers::stripe::Stripe;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::config::{Reader, Var};
use service_kit::problem::Problem;
use service_kit::sealed::{SealingKey, random_hex};
use shared_events::claims::ConnectionKind;
use shared_events::{Subject, TenantId};

const APPLICATION: Var =
    Var::new("AMAZON_APPLICATION_ID", "id of our application with Amazon: amzn1.sp.solution...; absent: no sellers");
const SANDBOX: Var = Var::new("AMAZON_SANDBOX_URL", "address of our own sandbox; absent: Amazon itself");
const REDIRECT: Var = Var::or(
    "OAUTH_REDIRECT_URI",
    "http://127.0.0.1:8002/api/integrations/callback",
    "where consent pages send people back to: the BFF's callback, as it is registered there",
);

/// What the state is sealed for.
const PURPOSE: &str = "state of a consent";
/// How long a consent may take.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);
/// How long Stripe may take to give a page.
const PATIENCE: Duration = Duration::from_secs(10);
/// The cookie of the browser that began.
const COOKIE: &str = "recoup_consent";

/// Where consents are given.
#[derive(Debug, Clone)]
pub struct Consents {
    /// The application's id, and where Amazon is; none: no sellers.
    pub amazon: Option<(String, Endpoints)>,
    /// Where cards are saved; none: no payers.
    pub stripe: Option<Stripe>,
    /// Our application with Google, and where Google is; none: no mailboxes by consent.
    pub google: Option<GoogleConfig>,
    /// Where people are sent back to.
    pub redirect_uri: String,
}

impl Consents {
    /// What [`Consents::read`] reads.
    pub fn vars() -> Vec<Var> {
        let mut vars = vec![APPLICATION, SANDBOX, REDIRECT];
        vars.extend(Stripe::vars());
        vars.extend(GoogleConfig::vars());
        vars
    }

    /// Reads it.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let application = reader.optional::<String>(&APPLICATION).filter(|id| !id.is_empty());
        let sandbox = reader.optional::<String>(&SANDBOX).filter(|base| !base.is_empty());
        let endpoints = sandbox.map_or_else(Endpoints::amazon, |base| Endpoints::sandbox(&base));
        // Somebody waits for the page.
        let stripe = Stripe::read(reader).map(|stripe| stripe.with_timeout(PATIENCE));
        let google = GoogleConfig::read(reader);
        let redirect_uri = reader.required(&REDIRECT)?;
        Some(Self { amazon: application.map(|id| (id, endpoints)), stripe, google, redirect_uri })
    }
}

/// What goes to the consent page and comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// For which tenant.
    pub tenant: TenantId,
    /// Who began.
    pub subject: Subject,
    /// What is connected.
    #[serde(default = "amazon")]
    pub kind: ConnectionKind,
    /// In which of Amazon's regions.
    pub region: String,
    /// Which mailbox; empty: any.
    #[serde(default)]
    pub account: String,
    /// Names the consent.
    pub nonce: String,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Digest of the cookie of the browser that began.
    browser: String,
}

/// What states were about before they said it.
const fn amazon() -> ConnectionKind {
    ConnectionKind::Amazon
}

/// A state on its way out.
pub struct Begun {
    /// Names the consent.
    pub nonce: String,
    /// As it goes to the consent page.
    pub sealed: String,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// The cookie for the browser.
    pub cookie: HeaderValue,
}

/// Begins a consent.
///
/// # Errors
/// 500 without randomness.
pub fn begin(
    key: &SealingKey,
    caller: &Caller,
    (kind, region, account): (ConnectionKind, &str, &str),
    now: DateTime<Utc>,
) -> Result<Begun, Problem> {
    let browser = random_hex(32).map_err(Problem::internal)?;
    let expires_at = now + GOOD_FOR;
    let state = State {
        tenant: caller.tenant.clone(),
        subject: caller.subject.clone(),
        kind,
        region: region.to_owned(),
        account: account.to_owned(),
        nonce: random_hex(16).map_err(Problem::internal)?,
        expires_at,
        browser: key.digest(browser.as_bytes()),
    };
    let text = serde_json::to_string(&state).map_err(Problem::internal)?;
    let sealed = key.seal(PURPOSE, &text).map_err(Problem::internal)?;
    let seconds = GOOD_FOR.num_seconds();
    let cookie = format!("{COOKIE}={browser}; Max-Age={seconds}; Path=/api/integrations; HttpOnly; SameSite=Lax");
    Ok(Begun {
        nonce: state.nonce,
        sealed,
        expires_at,
        cookie: HeaderValue::from_str(&cookie).map_err(Problem::internal)?,
    })
}

/// Reads a state that came back, and makes sure that it is the caller's own.
///
/// # Errors
/// 422 for a state that is none or too old, 403 when somebody else began.
pub fn come_back(
    key: &SealingKey,
    sealed: &str,
    caller: Option<&Caller>,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<State, Problem> {
    let refused = || Problem::invalid_field("state", "is none of ours, or was altered");
    let text = key.open(PURPOSE, sealed).map_err(|_| refused())?;
    let state: State = serde_json::from_str(&text).map_err(|_| refused())?;
    if now > state.expires_at {
        return Err(Problem::invalid_field("state", "is too old: begin anew"));
    }
    let is_caller = caller.map(|caller| caller.tenant == state.tenant && caller.subject == state.subject);
    let is_browser = || cookie(headers).is_some_and(|cookie| key.digest(cookie.as_bytes()) == state.browser);
    // A token decides; without one, as browsers come back from a consent page, the cookie does.
    match is_caller {
        Some(true) => Ok(state),
        None if is_browser() => Ok(state),
        _ => Err(Problem::forbidden("the consent was begun by somebody else, or in another browser")),
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use service_kit::auth::Role;

    use super::*;

    fn caller(tenant: &str, subject: &str) -> Caller {
        Caller {
            tenant: TenantId::try_new(tenant).expect("valid"),
            subject: Subject::try_new(subject).expect("valid"),
            roles: vec![Role::Seller],
            partner: None,
            token: String::new(),
            expires_at: None,
        }
    }

    #[test]
    fn a_state_comes_back_to_its_caller_or_its_browser_and_in_time() {
        let key: SealingKey = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI=".parse().expect("a key");
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("in range");
        let ann = caller("demo", "ann");
        let begun = begin(&key, &ann, (ConnectionKind::Amazon, "na", ""), now).expect("begun");
        let none = HeaderMap::new();
        let back =
            |caller: Option<&Caller>, headers: &HeaderMap, at| come_back(&key, &begun.sealed, caller, headers, at);
        assert_eq!(back(Some(&ann), &none, now).expect("ann's own").region, "na");
        for other in [caller("demo", "bob"), caller("other", "ann")] {
            assert_eq!(back(Some(&other), &none, now).expect_err("another's").status().as_u16(), 403);
        }
        assert_eq!(back(None, &none, now).expect_err("no proof").status().as_u16(), 403);
        let mut browser = HeaderMap::new();
        let pair = begun.cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned();
        browser.insert(header::COOKIE, HeaderValue::from_str(&format!("theme=dark; {pair}")).expect("a header"));
        assert!(back(None, &browser, now).is_ok());
        assert!(back(Some(&caller("demo", "bob")), &browser, now).is_err(), "bob's token, whatever the browser");
        assert_eq!(back(Some(&ann), &none, now + TimeDelta::minutes(11)).expect_err("late").status().as_u16(), 422);
        assert!(come_back(&key, "AAAA", Some(&ann), &none, now).is_err());
    }
}

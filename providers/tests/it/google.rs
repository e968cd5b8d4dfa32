//! Google's login: a consent becomes a mailbox, many share one token, and what was taken back is not asked for again.

use std::sync::Arc;

use futures::future::join_all;
use providers::google::{Application, Endpoints, Error, Google, GoogleConfig};
use reqwest::Url;
use service_kit::clock::DevClock;
use service_kit::config::Secret;
use service_kit::http_client;
use tokio::net::TcpListener;

const BACK: &str = "https://recoup.example/callback";

struct Bed {
    sandbox: sandbox::google::Google,
    clock: Arc<DevClock>,
    google: Google,
}

impl Bed {
    async fn new() -> Self {
        let clock = Arc::new(DevClock::default());
        let sandbox = sandbox::google::Google::new(clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = GoogleConfig {
            application: Application { client_id: "ours".into(), client_secret: Secret::new("client-secret-of-ours") },
            endpoints: Endpoints { accounts: base.clone(), token: base, imap: String::new(), smtp: String::new() },
        };
        Self { sandbox, clock: clock.clone(), google: Google::new(config, clock) }
    }

    async fn code(&self, address: Option<&str>) -> Secret {
        let page = self.google.config().consent("a state", BACK, address).unwrap();
        let http = http_client::client(std::time::Duration::from_secs(10));
        let answer = http.get(page).send().await.unwrap();
        let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let of = |name: &str| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!(of("state"), "a state");
        Secret::new(of("code"))
    }

    async fn consented(&self) -> Secret {
        self.google.exchange_code(&self.code(None).await, BACK).await.unwrap().refresh_token
    }
}

#[tokio::test]
async fn a_consent_names_its_mailbox_and_its_code_is_good_once() {
    let bed = Bed::new().await;
    let code = bed.code(Some("depot@gmail.example")).await;
    let grant = bed.google.exchange_code(&code, BACK).await.unwrap();
    assert_eq!(grant.address, "depot@gmail.example");
    assert!(!format!("{grant:?}").contains("1//"), "tokens are never printed");
    let again = bed.google.exchange_code(&code, BACK).await;
    assert_eq!(again.unwrap_err(), Error::Refused("invalid_grant".into()));
    let elsewhere = bed.google.exchange_code(&bed.code(None).await, "https://evil.example").await;
    assert!(matches!(elsewhere, Err(Error::Refused(_))), "another redirect_uri than before");
    let late = bed.code(None).await;
    bed.clock.advance(601).unwrap();
    assert!(matches!(bed.google.exchange_code(&late, BACK).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn many_share_one_token_until_it_runs_out() {
    let bed = Bed::new().await;
    let refresh = bed.consented().await;
    let before = bed.sandbox.asked();
    let all = join_all((0..12).map(|_| bed.google.access(&refresh))).await;
    assert!(all.iter().all(|token| token.is_ok() && token == &all[0]));
    assert_eq!(bed.sandbox.asked() - before, 1, "one of them asked, the others waited");
    // Not in its last minute.
    bed.clock.advance(3_540).unwrap();
    let next = bed.google.access(&refresh).await.unwrap();
    assert_ne!(Ok(&next), all[0].as_ref());
    // A server did not take it: it is replaced once, however many say so.
    for _ in 0..3 {
        bed.google.reject(&refresh, &next).await;
        bed.google.access(&refresh).await.unwrap();
    }
    assert_eq!(bed.sandbox.asked() - before, 3);
}

#[tokio::test]
async fn what_was_taken_back_is_not_asked_for_again_and_what_is_busy_is() {
    let bed = Bed::new().await;
    let refresh = bed.consented().await;
    bed.sandbox.fail("error");
    assert!(matches!(bed.google.access(&refresh).await, Err(Error::Unavailable(_))));
    bed.google.access(&refresh).await.unwrap();
    bed.sandbox.fail("revoke");
    bed.clock.advance(3_600).unwrap();
    let before = bed.sandbox.asked();
    for _ in 0..3 {
        assert_eq!(bed.google.access(&refresh).await.unwrap_err(), Error::Revoked);
    }
    assert_eq!(bed.sandbox.asked() - before, 1);
    bed.google.access(&bed.consented().await).await.unwrap();
}

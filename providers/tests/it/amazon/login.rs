//! Signing in: once for all, again when it is time, and never with what was taken back.

use futures::future::join_all;
use providers::amazon::{Error, Region};
use reqwest::Url;
use service_kit::config::Secret;

use super::bed::{Bed, application};

/// What a seller's browser brings back from the consent page.
async fn consented(bed: &Bed, state: &str) -> (String, String) {
    let page = bed.partner.endpoints().consent(Region::Na, &application().id, state, "https://recoup.example/callback");
    let answer = bed.http.get(page.unwrap()).send().await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(back.host_str(), Some("recoup.example"));
    let of = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap();
    assert_eq!(of("state"), state);
    (of("spapi_oauth_code"), of("selling_partner_id"))
}

#[tokio::test]
async fn a_consent_becomes_a_connection_and_its_code_is_good_once() {
    let bed = Bed::new().await;
    let (code, seller) = consented(&bed, "state &1").await;
    assert_eq!(seller, "A2SANDBOX00007");
    let code = Secret::new(code);
    let grant = bed.partner.exchange_code(&code, "https://recoup.example/callback").await.unwrap();
    let session = bed.partner.session(Region::Na, &seller, grant.refresh_token);
    assert_eq!(session.get_marketplace_participations().await.unwrap().len(), 1);
    let again = bed.partner.exchange_code(&code, "https://recoup.example/callback").await;
    assert!(matches!(&again, Err(Error::Login { code, .. }) if code == "invalid_grant"), "{again:?}");
    let (late, _) = consented(&bed, "2").await;
    bed.advance(301);
    let late = bed.partner.exchange_code(&Secret::new(late), "https://recoup.example/callback").await;
    assert!(matches!(late, Err(Error::Login { .. })));
}

#[tokio::test]
async fn many_calls_share_one_token_until_it_runs_out() {
    let bed = Bed::new().await;
    bed.fault("token", "slow", 1).await;
    let asked = (0..12).map(|_| async { bed.us().get_report("ID323").await.map(|report| report.report_id) });
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), "ReportId1");
    }
    assert_eq!(bed.calls("token").await, 1, "one of them asked, the others waited");
    // Not in its last minute.
    bed.advance(3_541);
    bed.us().get_report("ID323").await.unwrap();
    assert_eq!(bed.calls("token").await, 2);
    // Another consent is another connection.
    let other = bed.partner.session(Region::Na, "A2SANDBOX00007", Secret::new("Atzr|another"));
    other.get_report("ID323").await.unwrap();
    assert_eq!(bed.calls("token").await, 3);
}

#[tokio::test]
async fn a_token_that_amazon_drops_early_is_replaced_once() {
    let bed = Bed::new().await;
    bed.us().get_report("ID323").await.unwrap();
    bed.fault("*", "expire_token", 1).await;
    bed.us().get_report("ID323").await.unwrap();
    assert_eq!((bed.calls("token").await, bed.calls("getReport").await), (2, 3));
}

#[tokio::test]
async fn what_was_revoked_is_not_asked_for_again() {
    let bed = Bed::new().await;
    let session = bed.us();
    session.get_report("ID323").await.unwrap();
    bed.fault("*", "revoke", 1).await;
    for _ in 0..3 {
        let answer = session.get_report("ID323").await;
        assert!(matches!(answer, Err(Error::Revoked)), "{answer:?}");
        assert!(!answer.unwrap_err().is_temporary());
    }
    assert!(matches!(bed.us().get_report("ID323").await, Err(Error::Revoked)));
    assert_eq!(bed.calls("token").await, 2, "one refusal is enough");
    let (code, seller) = consented(&bed, "again").await;
    let grant = bed.partner.exchange_code(&Secret::new(code), "https://recoup.example/callback").await.unwrap();
    let session = bed.partner.session(Region::Na, &seller, grant.refresh_token);
    session.get_report("ID323").await.unwrap();
}

#[tokio::test]
async fn a_busy_login_is_asked_again_and_a_wrong_secret_is_not() {
    let bed = Bed::new().await;
    bed.fault("token", "error", 1).await;
    bed.fault("token", "throttle", 1).await;
    bed.us().get_report("ID323").await.unwrap();
    assert_eq!(bed.calls("token").await, 3);
    let nonsense = bed.partner.session(Region::Na, "A1", Secret::new("nonsense"));
    assert!(matches!(nonsense.get_report("ID323").await, Err(Error::Revoked)));
    assert_eq!(bed.calls("token").await, 4);
}

#[tokio::test]
async fn tokens_and_links_are_never_printed() {
    let bed = Bed::new().await;
    let session = bed.us();
    let document = session.get_report_document("0356cf79-b8b0-4226-b4b9-0ee058ea5760").await.unwrap();
    let (code, _) = consented(&bed, "1").await;
    let grant = bed.partner.exchange_code(&Secret::new(code), "https://recoup.example/callback").await.unwrap();
    let printed = format!("{session:?} {:?} {document:?} {grant:?} {:?}", bed.partner, application());
    for secret in ["Atzr|", "Atza|", "client-secret", "cloudfront"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

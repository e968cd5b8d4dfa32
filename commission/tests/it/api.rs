//! What can be asked over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use commission::api::{Api, router};
use serde_json::Value;
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use shared_events::TenantId;
use shared_events::tracking::Signals;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use crate::bed::{Bed, partner, ten_percent};
use crate::payouts::{confirm, earned, submit};

fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")])
}

fn app(bed: &Bed, open: Option<&str>) -> Router {
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "commission").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let api = Api {
        store: bed.store.clone(),
        config: bed.config.clone(),
        open_tenant: open.map(|name| TenantId::try_new(name).unwrap()),
    };
    Server::new(Health::new("commission"), config, verifier)
        .health_path("/api/v1/commission/health")
        .app(router(api), Router::new())
}

fn token(tenant: &str, role: Role, partner_name: Option<&str>) -> String {
    let claims = Claims {
        sub: "someone".into(),
        tenant: tenant.into(),
        roles: vec![role],
        partner: partner_name.map(str::to_owned),
    };
    mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap()
}

struct Asked {
    status: u16,
    text: String,
}

impl Asked {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn get(app: &Router, path: &str, token: Option<&str>) -> Asked {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    Asked { status, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_partner_sees_its_own_and_nothing_else(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let (ann, bob) = (bed.sale("ann", 10_000), bed.sale("bob", 20_000));
    bed.attribute_all(vec![ann.clone(), bob.clone()]).await.unwrap();
    let app = app(&bed, None);
    let (own, manager, stranger) = (
        token("demo", Role::Partner, Some("ann")),
        token("demo", Role::Manager, None),
        token("other", Role::Manager, None),
    );
    let list = "/api/v1/commission/commissions";
    let listed = get(&app, list, Some(&own)).await.json();
    assert_eq!(listed["commissions"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["commissions"][0]["earned"], &listed["commissions"][0]["currency"]),
        (&"10.00".into(), &"USD".into())
    );
    assert_eq!(get(&app, list, Some(&manager)).await.json()["commissions"].as_array().unwrap().len(), 2);
    assert_eq!(get(&app, list, Some(&stranger)).await.json()["commissions"].as_array().unwrap().len(), 0);
    let id = |sale: &shared_events::tracking::ConversionAttributed, name| {
        format!("{list}/{}", shared_events::CommissionId::of(sale.conversion_id, &partner(name), 1))
    };
    for (path, token, status) in [
        (id(&ann, "ann"), &own, 200),
        (id(&bob, "bob"), &own, 404),
        (id(&bob, "bob"), &manager, 200),
        (id(&bob, "bob"), &stranger, 404),
        (format!("{list}?partner=bob"), &own, 404),
        ("/api/v1/partners/bob/balance".to_owned(), &own, 404),
        ("/api/v1/partners/bob/statement?month=2026-11".to_owned(), &own, 404),
        ("/api/v1/partners/ann/balance".to_owned(), &own, 200),
        (format!("/api/v1/payout-batches/{}/file", uuid::Uuid::nil()), &own, 403),
        (format!("/api/v1/payout-batches/{}/file", uuid::Uuid::nil()), &manager, 404),
        (format!("/api/v1/payouts/{}", uuid::Uuid::nil()), &manager, 404),
        (list.to_owned(), &token("demo", Role::Customer, None), 403),
    ] {
        assert_eq!(get(&app, &path, Some(token)).await.status, status, "{path}");
    }
    assert_eq!(get(&app, list, None).await.status, 401);
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn without_a_token_the_open_tenants_list_is_shown(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    bed.attribute(&bed.sale("ann", 10_000)).await;
    let app = app(&bed, Some("demo"));
    let listed = get(&app, "/api/v1/commission/commissions", None).await.json();
    assert_eq!(listed["commissions"][0]["earned"], "10.00");
    assert_eq!(get(&app, "/api/v1/partners/ann/balance", None).await.status, 401, "the list alone is open");
    assert_eq!(get(&app, "/api/v1/commission/commissions", Some("nonsense")).await.status, 401);
    assert_eq!(get(&app, "/api/v1/commission/health", None).await.status, 200);
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn lists_are_filtered_and_paged(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sales: Vec<_> = (1..=5).map(|n| bed.sale("ann", n * 1_000)).collect();
    sales[2].order_id = Some("o-3".into());
    sales[3].signals = Signals { clicks_last_hour: 40, ..Signals::default() };
    bed.attribute_all(sales.clone()).await.unwrap();
    let (app, manager) = (app(&bed, None), token("demo", Role::Manager, None));
    let mut seen = Vec::new();
    let mut path = "/api/v1/commission/commissions?limit=2".to_owned();
    loop {
        let page = get(&app, &path, Some(&manager)).await.json();
        seen.extend(page["commissions"].as_array().unwrap().iter().map(|row| row["base"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/commission/commissions?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["50.00", "40.00", "30.00", "20.00", "10.00"]);
    let conversion = format!("conversion={}", sales[0].conversion_id);
    for (query, bases) in [
        ("order=o-3", vec!["30.00"]),
        ("review=true", vec!["40.00"]),
        (conversion.as_str(), vec!["10.00"]),
        ("state=approved", vec![]),
        ("campaign=camp123&state=pending&limit=1", vec!["50.00"]),
        ("campaign=other", vec![]),
        ("from=2026-11-10T00:00:00Z", vec![]),
        ("to=2026-11-10T00:00:00Z&order=o-3", vec!["30.00"]),
    ] {
        let page = get(&app, &format!("/api/v1/commission/commissions?{query}"), Some(&manager)).await.json();
        let found: Vec<&str> =
            page["commissions"].as_array().unwrap().iter().map(|row| row["base"].as_str().unwrap()).collect();
        assert_eq!(found, bases, "{query}");
    }
    for (query, status) in [
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=x", 400),
        ("cursor=x", 422),
        ("state=nonsense", 400),
        ("what=1", 400),
    ] {
        let asked = get(&app, &format!("/api/v1/commission/commissions?{query}"), Some(&manager)).await;
        assert_eq!(asked.status, status, "{query}: {}", asked.text);
    }
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_commission_explains_itself(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sale = bed.sale("ann", 10_000);
    sale.signals = Signals { millis_from_click: Some(350), ..Signals::default() };
    let second = || bed.clock.advance(chrono::TimeDelta::seconds(1));
    bed.attribute(&sale).await;
    second();
    let id = shared_events::CommissionId::of(sale.conversion_id, &partner("ann"), 1);
    let command = shared_events::commission::ApproveCommission { commission_id: id, reason: "looked at".into() };
    bed.handle(&commission::approve::Approve, command, Some("max")).await.unwrap();
    second();
    let payout = bed.ask("ann", 1_000).await.unwrap();
    second();
    submit(&bed).await;
    confirm(&bed, payout).await.unwrap();
    bed.refund(&sale, 5_000, 5_000).await;
    let (app, manager) = (app(&bed, None), token("demo", Role::Manager, None));
    let shown = get(&app, &format!("/api/v1/commission/commissions/{id}"), Some(&manager)).await.json();
    let explanation: Vec<&str> =
        shown["explanation"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(
        explanation,
        [
            "attribution: last click",
            "rule: campaign camp123, rules version 1: 10 % of the amount for each sale",
            "base: 100.00 USD; 10 % of it is 10.00 USD",
            "earned: 10.00 USD",
            "taken back: 5.00 USD; left: 5.00 USD",
        ]
    );
    assert!(shown["evidence"][0]["evidence"].as_str().unwrap().contains("350 ms"));
    let history: Vec<&str> =
        shown["history"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
    assert_eq!(history, ["calculated", "approved", "in_payout", "refund", "clawed_back"]);
    assert_eq!(shown["causes"]["conversion_id"], sale.conversion_id.to_string());
    let clawback = shown["history"][4]["clawback_id"].as_str().unwrap();
    let negative = get(&app, &format!("/api/v1/commission/commissions/{clawback}"), Some(&manager)).await.json();
    assert_eq!((&negative["earned"], &negative["reverses"]), (&"-5.00".into(), &id.to_string().into()));
    assert!(negative["explanation"][0].as_str().unwrap().contains("claw-back of commission"));
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn statements_add_up_in_both_forms(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 2_000).await; // worked out on 10 November, approved on 11 December
    let payout = bed.ask("ann", 1_500).await.unwrap();
    submit(&bed).await;
    confirm(&bed, payout).await.unwrap();
    let (app, own) = (app(&bed, None), token("demo", Role::Partner, Some("ann")));
    let path = "/api/v1/partners/ann/statement?month=";
    let november = get(&app, &format!("{path}2026-11"), Some(&own)).await.json();
    let december = get(&app, &format!("{path}2026-12"), Some(&own)).await.json();
    assert_eq!(november["accounts"][0]["opening"]["accrued"], "0.00");
    assert_eq!(november["accounts"][0]["closing"], december["accounts"][0]["opening"]);
    assert_eq!(november["accounts"][0]["closing"]["accrued"], "20.00");
    let closing = &december["accounts"][0]["closing"];
    assert_eq!(
        (&closing["payable"], &closing["paid"], &december["accounts"][0]["carry_forward"]),
        (&"5.00".into(), &"15.00".into(), &"5.00".into())
    );
    let kinds: Vec<&str> =
        december["movements"].as_array().unwrap().iter().map(|row| row["movement"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["approved", "approved", "requested", "completed"]);
    assert!(
        december["movements"][2]["cause"].is_string() && december["movements"][2]["payout_id"] == payout.to_string()
    );

    let first = get(&app, &format!("{path}2026-12&limit=3"), Some(&own)).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = get(&app, &format!("{path}2026-12&limit=3&cursor={cursor}"), Some(&own)).await.json();
    assert_eq!(
        (rest["movements"].as_array().unwrap().len(), &rest["movements"][0]["movement"]),
        (1, &"completed".into())
    );

    let csv = get(&app, &format!("{path}2026-12&format=csv"), Some(&own)).await.text;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "line,at,currency,amount,movement,from_account,to_account,commission_id,payout_id,cause");
    assert_eq!(lines.len(), 1 + 6 + 4 + 6, "{csv}");
    assert!(lines[1].starts_with("opening,2026-12-01T00:00:00.000000Z,USD,20.00,,,accrued"), "{csv}");
    assert!(lines[9].contains(",15.00,requested,payable,in_payout,,"), "{csv}");
    assert!(lines[16].starts_with("closing,2027-01-01T00:00:00.000000Z,USD,5.00,,,carry_forward"), "{csv}");
    for (query, status) in
        [("2026-13", 422), ("2026-1", 422), ("x", 422), ("2026-12&cursor=x", 422), ("2026-12&format=xml", 400)]
    {
        assert_eq!(get(&app, &format!("{path}{query}"), Some(&own)).await.status, status, "{query}");
    }
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn payouts_are_shown_masked_and_files_to_staff(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 2_000).await;
    let payout = bed.ask("ann", 1_500).await.unwrap();
    let batch = submit(&bed).await;
    let app = app(&bed, None);
    let (own, operator, stranger) = (
        token("demo", Role::Partner, Some("ann")),
        token("demo", Role::Operator, None),
        token("other", Role::Operator, None),
    );
    let shown = get(&app, &format!("/api/v1/payouts/{payout}"), Some(&own)).await;
    assert!(!shown.text.contains("ann@example.com"));
    let shown = shown.json();
    assert_eq!(
        (&shown["account"], &shown["state"], &shown["amount"]),
        (&"a***@example.com".into(), &"submitted".into(), &"15.00".into())
    );
    let parts: Vec<&str> =
        shown["commissions"].as_array().unwrap().iter().map(|part| part["amount"].as_str().unwrap()).collect();
    assert_eq!(parts, ["10.00", "5.00"]);
    let listed = get(&app, &format!("/api/v1/payouts?state=submitted&batch={batch}"), Some(&operator)).await.json();
    assert_eq!(listed["payouts"].as_array().unwrap().len(), 1);
    let file = format!("/api/v1/payout-batches/{batch}/file?format=json");
    assert!(get(&app, &file, Some(&operator)).await.text.contains("ann@example.com"));
    assert_eq!(get(&app, &file, Some(&own)).await.status, 403);
    assert_eq!(get(&app, &file, Some(&stranger)).await.status, 404);
}

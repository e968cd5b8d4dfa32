//! The kill switch of a tenant, and the policy as it can be read.

use claims::claim_settings::SetGeneral;
use claims::set_switch::Set;
use serde_json::json;
use service_kit::auth::Role;
use shared_events::claims::{SetGeneralSwitch, SetSubmissionSwitch};
use shared_events::{Subject, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::service::{app, slice};

fn switch(tenant: &str, stopped: bool) -> SetSubmissionSwitch {
    SetSubmissionSwitch {
        of_tenant: TenantId::try_new(tenant).expect("a name"),
        stopped,
        reason: "asked to wait".into(),
        set_by: Subject::try_new("mia").expect("a name"),
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_tenant_stops_its_own_claims_and_no_others(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let (app, path) = (app(&slice), "/api/v1/claims/switch");
    assert_eq!(slice.get(&app, path, Role::Manager).await.body, json!({"stopped": false}), "nobody touched it");
    slice.handle(&Set, switch("demo", true)).await.expect("it is done");
    let read = slice.get(&app, path, Role::Seller).await;
    assert_eq!((&read.body["stopped"], &read.body["set_by"]), (&json!(true), &json!("mia")));
    assert_eq!(slice.of_tenant("other").get(&app, path, Role::Manager).await.body, json!({"stopped": false}));
    assert!(slice.handle(&Set, switch("other", true)).await.is_err(), "it is not this tenant's to stop");
    assert_eq!(slice.get(&app, path, Role::Partner).await.status, 403);
    let said = slice.said().await;
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].0.as_str(), &said[0].1["stopped"]), ("claims.submission_switch_set.v1", &json!(true)));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn the_operators_switch_is_seen_by_all(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let (app, path) = (app(&slice), "/api/v1/claims/switch");
    let SetSubmissionSwitch { of_tenant, stopped, reason, set_by } = switch("demo", true);
    let general = SetGeneralSwitch { of_tenant, stopped, reason, set_by };
    let operator = Some(slice.tenant.clone());
    slice.handle(&SetGeneral { operator }, general).await.expect("the operator may");
    let read = slice.of_tenant("other").get(&app, path, Role::Manager).await.body;
    assert_eq!((&read["stopped"], &read["general"]["stopped"]), (&json!(true), &json!(true)));
    assert_eq!((&read["general"]["reason"], read.get("set_by")), (&json!("asked to wait"), None));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_uncertain_window_is_shown_as_such(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let path = "/api/v1/claims/policy?marketplace=US&claim_type=inbound_shortage";
    let answer = slice.get(&app(&slice), path, Role::Seller).await;
    let terms = answer.body["terms"].as_array().expect("a list");
    assert!(!terms.is_empty() && terms.iter().any(|term| term["uncertain"] == json!(true)), "{}", answer.body);
    assert!(terms.iter().all(|term| term["source"].is_string() && term["version"].is_string()));
}

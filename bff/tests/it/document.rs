//! The OpenAPI document says what the routes do.

use serde_json::Value;

fn operations() -> Vec<(String, Value)> {
    let document: Value = serde_json::to_value(bff::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let each = paths.into_iter().flat_map(|(path, item)| {
        let methods = item.as_object().cloned().unwrap_or_default();
        methods
            .into_iter()
            .filter(|(method, _)| ["get", "post"].contains(&method.as_str()))
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    each.collect()
}

#[test]
fn every_route_of_the_seeds_and_the_issue_is_there() {
    let have: Vec<String> = operations().into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "post /api/v1/campaigns",
        "get /api/v1/campaigns",
        "get /api/v1/campaigns/{id}",
        "post /api/v1/campaigns/{id}/activate",
        "post /api/v1/campaigns/{id}/pause",
        "post /api/v1/campaigns/{id}/end",
        "post /api/v1/campaigns/{id}/rules",
        "post /api/v1/campaigns/{id}/accept",
        "post /api/v1/campaigns/{id}/links",
        "post /api/v1/campaigns/{id}/coupons",
        "post /api/v1/campaigns/{id}/default-attribution",
        "post /api/v1/keys",
        "get /api/v1/keys",
        "post /api/v1/keys/{digest}/withdraw",
        "post /api/v1/payments/request",
        "get /api/v1/payouts",
        "get /api/v1/payouts/{id}",
        "post /api/v1/payouts/{id}/approve",
        "post /api/v1/payouts/{id}/reject",
        "post /api/v1/payouts/{id}/confirm",
        "post /api/v1/payouts/{id}/fail",
        "post /api/v1/payouts/submit",
        "post /api/v1/commission/commissions/{id}/approve",
        "post /api/v1/commission/commissions/{id}/reject",
        "get /api/v1/commission/commissions",
        "get /api/v1/commission/commissions/{id}",
        "get /api/v1/partners/{id}/statement",
        "post /api/v1/tracking/events",
        "get /api/v1/commands/{id}",
        "get /api/v1/stream",
        "get /api/services/status",
        "get /api/services/{name}/health",
        "get /health",
        "get /health/live",
        "get /health/ready",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !have.contains(&(**name).to_owned())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_operation_has_a_name_a_tag_and_its_refusals() {
    let mut names = std::collections::BTreeSet::new();
    for (route, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(!name.is_empty() && names.insert(name), "{route} has no name of its own");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{route}");
        assert!(operation["summary"].is_string(), "{route} has no summary");
        let statuses = operation["responses"].as_object().expect("responses");
        assert!(statuses.contains_key("503"), "{route}");
        if route.contains("/api/v1/") {
            for status in ["401", "403", "429"] {
                assert!(statuses.contains_key(status), "{route} {status}");
            }
        }
    }
}

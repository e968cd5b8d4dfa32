//! One inbox of everything that waits for a person, whichever service it waits in: orders' tasks, payouts, claims over the limit, prompts.
//! Each entry says until when, who has it, where it is decided, where it is assigned and where its history is. A service that is away is named: the list never
//! looks complete when it is not.

use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use serde_json::{Map, Value, json};
use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::assignees;
use crate::proxy::Question;

/// Who may look.
const READERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A list of things that wait in one service.
struct Source {
    service: Service,
    /// Names it in the answer.
    name: &'static str,
    path: &'static str,
    /// The field of the answer that is the list.
    list: &'static str,
    /// The field of an entry that is its id.
    id: &'static str,
    kind: Option<&'static str>,
    /// Its other fields by the names of the inbox.
    fields: &'static [(&'static str, &'static str)],
    /// Where it is decided and where its history is, around its id.
    decide: (&'static str, &'static str),
    history: (&'static str, &'static str),
}

/// What waits in orders in one state.
const fn in_orders(path: &'static str) -> Source {
    Source {
        service: Service::Orders,
        name: "orders",
        path,
        list: "tasks",
        id: "task_id",
        kind: None,
        fields: &[],
        decide: ("/api/v1/approvals/", "/decide"),
        history: ("/admin/orders/audit?subject=", ""),
    }
}

const SOURCES: [Source; 5] = [
    in_orders("/api/v1/approvals?state=open&limit=200"),
    in_orders("/api/v1/approvals?state=claimed&limit=200"),
    Source {
        service: Service::Commission,
        name: "payouts",
        path: "/api/v1/payouts?state=requested&limit=200",
        list: "payouts",
        id: "payout_id",
        kind: Some("payout"),
        fields: &[("opened_at", "requested_at"), ("requested_by", "requested_by")],
        decide: ("/api/v1/payouts/", "/approve"),
        history: ("/api/v1/payouts/", ""),
    },
    Source {
        service: Service::Claims,
        name: "claims",
        path: "/api/v1/claims/approvals?limit=200",
        list: "approvals",
        id: "claim_id",
        kind: Some("claim_over_limit"),
        fields: &[("opened_at", "wanted_at"), ("requested_by", "wanted_by"), ("due_at", "deadline")],
        decide: ("/api/v1/recoveries/", "/decide"),
        history: ("/api/recoveries/", ""),
    },
    Source {
        service: Service::Evidence,
        name: "prompts",
        path: "/api/v1/evidence/prompts?state=pending&limit=200",
        list: "prompts",
        id: "prompt_id",
        kind: Some("smart_prompt"),
        fields: &[
            ("opened_at", "asked_at"),
            ("requested_by", "asked_by"),
            ("due_at", "expires_at"),
            ("assignee", "asked"),
            ("summary", "question"),
        ],
        decide: ("/api/v1/evidence/prompts/", "/answer"),
        history: ("/api/v1/evidence/prompts/", ""),
    },
];

impl Source {
    /// An entry under the names of the inbox; its own fields stay.
    fn entry(&self, mut found: Map<String, Value>) -> Option<Value> {
        let id = found.get(self.id)?.as_str()?.to_owned();
        for (ours, theirs) in self.fields {
            let value = found.get(*theirs).cloned().unwrap_or_default();
            found.insert((*ours).to_owned(), value);
        }
        if let Some(kind) = self.kind {
            found.insert("kind".to_owned(), json!(kind));
        }
        for name in ["due_at", "assignee", "opened_at", "requested_by", "summary"] {
            found.entry(name).or_insert(Value::Null);
        }
        let around = |(before, after): (&str, &str)| json!(format!("{before}{id}{after}"));
        found.insert("service".to_owned(), json!(self.service.name()));
        found.insert("decide".to_owned(), json!({ "method": "POST", "path": around(self.decide) }));
        found.insert("history".to_owned(), around(self.history));
        if self.kind != Some("smart_prompt") {
            found.insert("assign".to_owned(), json!({ "method": "POST", "path": around(assignees::ASSIGN) }));
            found.insert("assignments".to_owned(), around(assignees::HISTORY));
        }
        found.insert("task_id".to_owned(), json!(id));
        Some(Value::Object(found))
    }
}

/// What became of the question to one source.
enum Heard {
    Entries(Vec<Value>, bool),
    Forbidden,
    Away,
}

async fn ask(app: &Shared, caller: &Caller, source: &Source) -> Heard {
    let question =
        Question { target: source.path, caller: Some(caller), accept: None, patience: Duration::ZERO, file: None };
    let Ok(answer) = app.upstream(source.service).get(question).await else { return Heard::Away };
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::FORBIDDEN => return Heard::Forbidden,
        _ => return Heard::Away,
    }
    let Ok(mut page) = answer.json::<Map<String, Value>>().await else { return Heard::Away };
    let more = page.get("next_cursor").is_some_and(|cursor| !cursor.is_null());
    let Some(Value::Array(found)) = page.remove(source.list) else { return Heard::Away };
    let waits = |entry: &Map<String, Value>| {
        source.kind != Some("payout") || entry.get("needs_approval") == Some(&Value::Bool(true))
    };
    let entries = found.into_iter().filter_map(|entry| match entry {
        Value::Object(entry) if waits(&entry) => source.entry(entry),
        _ => None,
    });
    Heard::Entries(entries.collect(), more)
}

/// What waits for a person, the most urgent first, over all services. With `state`, `order_id` or `cursor`: the tasks of orders, decided
/// ones too, page by page.
#[utoipa::path(get, path = "/api/v1/approvals", operation_id = "list_approvals", tag = "orders",
    params(("kind" = Option<String>, Query, description = "Only of this kind: high_value_order, fraud_review, qc_exception, carrier_exception, payment_exception, payment_dispute, stock_override, customer_problem, payout, claim_over_limit or smart_prompt"),
        ("state" = Option<String>, Query, description = "Tasks of orders in this state"),
        ("order_id" = Option<uuid::Uuid>, Query, description = "Tasks about this order"),
        ("cursor" = Option<String>, Query, description = "Where the last page of orders' tasks ended"),
        ("limit" = Option<u32>, Query, description = "At most 200 of orders' tasks; 50 unless said")),
    security(("bearer" = [])), responses((status = 200, description = "What waits; `sources` says for each service whether it was heard", body = serde_json::Value)))]
async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&READERS)?;
    let query = query.unwrap_or_default();
    let named = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if ["state", "order_id", "cursor"].iter().any(|name| named(name).is_some()) {
        return app.upstream(Service::Orders).answer(&caller, &uri).await;
    }
    let heard = join_all(SOURCES.iter().map(|source| ask(&app, &caller, source))).await;
    let (mut tasks, mut sources) = (Vec::new(), Map::new());
    for (source, heard) in SOURCES.iter().zip(heard) {
        let (state, entries) = match heard {
            Heard::Entries(entries, false) => ("complete", entries),
            Heard::Entries(entries, true) => ("more_than_shown", entries),
            Heard::Forbidden => ("not_for_this_caller", Vec::new()),
            Heard::Away => ("away", Vec::new()),
        };
        tasks.extend(entries);
        // One service may have two lists; the worse news counts.
        let worse = sources.get(source.name).is_none_or(|known| known == "complete");
        if worse {
            sources.insert(source.name.to_owned(), json!(state));
        }
    }
    if !assignees::add(&app, &caller, &mut tasks).await {
        sources.insert("assignees".to_owned(), json!("away"));
    }
    if let Some(kind) = named("kind") {
        tasks.retain(|task| task["kind"] == kind);
    }
    // RFC 3339 in UTC sorts as text; what has no deadline comes last.
    let text = |task: &Value, name: &str| task[name].as_str().unwrap_or("9999").to_owned();
    tasks.sort_by_cached_key(|task| (text(task, "due_at"), text(task, "opened_at")));
    let is_complete = sources.values().all(|state| state != "away" && state != "more_than_shown");
    let body = json!({ "tasks": tasks, "sources": sources, "complete": is_complete });
    Ok(Json(body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payout_that_waits_says_until_when() {
        let payouts = SOURCES.iter().find(|source| source.kind == Some("payout")).expect("a source");
        let found = json!({"payout_id": "p1", "due_at": "2026-11-20T16:00:00Z", "requested_by": "ann"});
        let Value::Object(found) = found else { unreachable!("an object was written") };
        let entry = payouts.entry(found).expect("an entry");
        assert_eq!((&entry["due_at"], &entry["requested_by"]), (&json!("2026-11-20T16:00:00Z"), &json!("ann")));
        assert_eq!((&entry["kind"], &entry["assignee"]), (&json!("payout"), &Value::Null));
        assert_eq!(entry["assign"]["path"], "/api/v1/approvals/p1/assign");
    }
}

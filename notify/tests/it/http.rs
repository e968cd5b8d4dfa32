//! What can be asked: one's own, and everybody's for managers; and the stream goes on where it was cut off.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use notify::api::{Api, router};
use notify::mark_read::Mark;
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, Env, load};
use service_kit::testing::eventually;
use shared_events::NotificationId;
use shared_events::notify::{Channel, MarkNotificationRead};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::bed::{Bed, who};

fn app(bed: &Bed) -> Router {
    // Streams end after what there is, so that they can be read to their end.
    let stop = CancellationToken::new();
    stop.cancel();
    bed.slice.app(router(Api { store: bed.slice.store.clone(), config: Arc::clone(&bed.config), stop }))
}

/// The text of a stream for somebody, after an id.
async fn stream(app: &Router, who: &str, after: Option<&str>) -> String {
    let env = Env::of([("JWT_SECRET_KEY", "a secret of the tests, long enough")]);
    let claims = Claims { sub: who.into(), tenant: "demo".into(), roles: vec![Role::Customer], partner: None };
    let token = mint(&load::<AuthConfig>(&env).unwrap(), &claims, 60).unwrap();
    let mut request = Request::get("/api/v1/notifications/stream").header("authorization", format!("Bearer {token}"));
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    String::from_utf8(to_bytes(response.into_body(), 1_000_000).await.unwrap().to_vec()).unwrap()
}

fn last_id(text: &str) -> String {
    text.lines()
        .filter_map(|line| line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:")))
        .next_back()
        .unwrap()
        .to_owned()
}

fn shown(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_caller_sees_its_own_and_reads_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    for (who, key) in [("ann", "k1"), ("bob", "k2"), ("@staff", "k3"), ("ann", "k4")] {
        bed.send(bed.wanted(who, key, &[])).await.unwrap();
    }
    let own = bed.slice.get(&app, "/api/v1/notifications?limit=1", Role::Customer).await;
    assert_eq!((own.status, &own.body["unread"]), (200, &json!(2)));
    let cursor = own.body["next_cursor"].as_str().unwrap();
    let rest = bed.slice.get(&app, &format!("/api/v1/notifications?cursor={cursor}"), Role::Customer).await;
    assert_eq!((rest.body["notifications"].as_array().unwrap().len(), &rest.body["next_cursor"]), (1, &Value::Null));
    let id = rest.body["notifications"][0]["id"].as_str().unwrap().to_owned();
    let others = bed.slice.get(&app, "/api/v1/notifications?recipient=bob", Role::Customer).await;
    assert_eq!(others.status, 403);
    let all = bed.slice.get(&app, "/api/v1/notifications?all=true", Role::Manager).await;
    let bobs = all.body["notifications"].as_array().unwrap().iter().find(|one| one["recipient"] == "bob").unwrap();
    let bobs = bobs["id"].as_str().unwrap().to_owned();
    assert_eq!(bed.slice.get(&app, &format!("/api/v1/notifications/{bobs}"), Role::Customer).await.status, 404);
    let whole = bed.slice.get(&app, &format!("/api/v1/notifications/{bobs}"), Role::Manager).await;
    assert_eq!(whole.body["sendings"].as_array().unwrap().len(), 2);
    let staff = bed.slice.get(&app, "/api/v1/notifications", Role::Operator).await;
    assert_eq!(staff.body["unread"], 3, "ann's own two and what staff is told");
    let mark = |id: &str| MarkNotificationRead {
        notification_id: NotificationId(id.parse().unwrap()),
        recipients: vec!["ann".into()],
        by: who("ann"),
    };
    bed.tell(&Mark, mark(&id)).await.unwrap();
    bed.tell(&Mark, mark(&id)).await.unwrap();
    assert_eq!(bed.tell(&Mark, mark(&bobs)).await.unwrap_err().code, "notification_not_found");
    assert_eq!(bed.said("notification_read").await, 1);
    let unread = bed.slice.get(&app, "/api/v1/notifications?unread=true", Role::Customer).await;
    assert_eq!((unread.body["notifications"].as_array().unwrap().len(), &unread.body["unread"]), (1, &json!(1)));
    let foreign = bed.slice.of_tenant("other");
    assert_eq!(foreign.get(&app, &format!("/api/v1/notifications/{id}"), Role::Admin).await.status, 404);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_stream_goes_on_after_what_was_seen_and_misses_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let begun = last_id(&stream(&app, "ann", None).await);
    // This one is written first and committed last.
    let send = notify::send_notification::Send { configured: bed.config.channels() };
    let mut slow = bed.slice.work().await;
    let wanted = bed.slice.deliver(bed.wanted("ann", "slow", &[]));
    service_kit::handler::Handles::handle(&send, &mut slow, &wanted).await.unwrap();
    bed.send(bed.wanted("ann", "quick", &[])).await.unwrap();
    bed.send(bed.wanted("bob", "others", &[])).await.unwrap();
    let early = stream(&app, "ann", Some(&begun)).await;
    slow.commit().await.unwrap();
    let (mut at, mut seen) = (last_id(&early), shown(&early));
    // Transactions of other databases of the server are waited for, too.
    eventually("both are shown", async || {
        let late = stream(&app, "ann", Some(&at)).await;
        (at, seen) = (last_id(&late), seen.drain(..).chain(shown(&late)).collect());
        (seen.len() >= 2).then_some(())
    })
    .await;
    assert!(seen.iter().all(|one| one["recipient"] == "ann"));
    let ids: std::collections::BTreeSet<&str> = seen.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!((ids.len(), seen.len()), (2, 2));
    assert_eq!(shown(&stream(&app, "ann", Some(&at)).await), Vec::<Value>::new());
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn addresses_and_secrets_are_shown_to_nobody(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    bed.contact("ann", &[(Channel::Email, "ann@example.com")], Some("de")).await;
    let contact = bed.slice.get(&app, "/api/v1/contacts/ann", Role::Customer).await;
    assert_eq!((contact.status, &contact.body["points"][0]["address"]), (200, &json!("***")));
    assert_eq!(bed.slice.get(&app, "/api/v1/contacts/bob", Role::Customer).await.status, 404);
    assert_eq!(bed.slice.get(&app, "/api/v1/contacts/@staff", Role::Operator).await.status, 404);
    let secret = notify::domain::signature::secret_of(&[9; 32]);
    let id = bed.webhook("https://hooks.example/a?token=t", &["order.placed"], &secret).await.unwrap();
    for path in ["/api/v1/webhooks".to_owned(), format!("/api/v1/webhooks/{id}")] {
        assert_eq!(bed.slice.get(&app, &path, Role::Operator).await.status, 403);
        let answer = bed.slice.get(&app, &path, Role::Manager).await;
        assert_eq!(answer.status, 200);
        let text = answer.body.to_string();
        assert!(text.contains("https://hooks.example/a?token=t") && !text.contains("whsec_"), "{text}");
    }
    let log = bed.slice.get(&app, &format!("/api/v1/webhooks/{id}/deliveries?state=waiting"), Role::Manager).await;
    assert_eq!(log.body["deliveries"], json!([]));
    let trail = bed.slice.get(&app, "/api/v1/notifications/audit", Role::Manager).await;
    assert!(!trail.body.to_string().contains("hooks.example"), "{}", trail.body);
    let why = |body: &Value| {
        let entries = body["entries"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["why"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let of_one = format!("/api/v1/notifications/audit?subject={id}");
    let of_one = bed.slice.get(&app, &of_one, Role::Manager).await;
    assert_eq!(why(&of_one.body), ["the warehouse asked for it"], "of this webhook alone, with the reason");
    let of_ann = bed.slice.get(&app, "/api/v1/notifications/audit?subject=ann", Role::Manager).await;
    assert_eq!(why(&of_ann.body), [""], "nothing was said");
    let templates = bed.slice.get(&app, "/api/v1/notification-templates/order_placed", Role::Operator).await;
    assert_eq!(templates.body["texts"].as_array().unwrap().len(), 2);
    let path = "/api/v1/notification-templates/order_placed/preview";
    let wish = json!({"language": "de-AT", "variables": {"order": "7", "total": "1.00 EUR"}});
    let preview = bed.slice.post(&app, path, Role::Manager, &wish).await;
    assert_eq!((preview.status, &preview.body["subject"]), (200, &json!("Ihre Bestellung 7 ist da")));
    assert_eq!(bed.slice.post(&app, path, Role::Manager, &json!({"variables": {"order": "7"}})).await.status, 422);
    let draft = json!({"variables": {}, "text": {"subject": "{{card}}", "text": "x", "short": "y"}});
    assert_eq!(bed.slice.post(&app, path, Role::Manager, &draft).await.status, 422);
}

//! What the tools say about a Recoup that runs, and that they change nothing in it.

use serde_json::Value;
use service_kit::bus::{Bus, Outbound, PartitionProducer};
use service_kit::config::Role;
use service_kit::testing::eventually;
use shared_events::partition::partition_of;
use shared_events::tracking::ConversionRefunded;
use shared_events::{Envelope, Message, MessageId, Service, TenantId, Topic};
use sqlx::PgPool;
use uuid::Uuid;

use crate::bed::Bed;
use crate::looking;

const PURCHASES: usize = 12;

/// An event of tracking that commission cannot read.
async fn say_nonsense(bed: &Bed, key: &str) {
    #[expect(clippy::disallowed_methods, reason = "the sender of a test message reads the machine's clock")]
    let now = chrono::Utc::now();
    let envelope = Envelope {
        id: MessageId(Uuid::now_v7()),
        source: "/services/tracking".into(),
        kind: ConversionRefunded::TYPE.into(),
        subject: key.into(),
        time: now,
        recorded: now,
        sequence: 1,
        tenant: TenantId::try_new("demo").expect("valid"),
        actor: None,
        correlation: Uuid::now_v7(),
        causation: None,
        traceparent: None,
        body_digest: None,
        replay: None,
    };
    let bus = Bus::new(bed.namespace.role(Role::Tracking));
    let mut producer = PartitionProducer::new(bus, Topic::events(Service::Tracking), partition_of(key));
    producer
        .send_entry(vec![Outbound::new(&envelope, b"{\"conversion_id\": 7}".to_vec())])
        .await
        .expect("the broker takes it");
}

async fn digest(database: &PgPool) -> String {
    let sql = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (SELECT to_jsonb(c) AS t FROM commissions c
               UNION ALL SELECT to_jsonb(l) FROM ledger l UNION ALL SELECT to_jsonb(b) FROM balances b) AS everything";
    sqlx::query_scalar(sql).fetch_one(database).await.expect("it can be read")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_tell_what_happened_and_change_nothing() {
    let mut bed = Bed::up().await;
    bed.sell(PURCHASES).await;
    let database = bed.commission_database().await;
    topics_and_messages(&bed);
    traces(&bed, &database).await;
    looking::follows(&bed).await;
    looking::traces_by_every_id(&bed).await;
    replays(&bed, &database).await;
    parked(&bed, &database).await;
    looking::parts(&bed, &database).await;
    assert!(bed.stop().success(), "the services end in order");
}

fn topics_and_messages(bed: &Bed) {
    let topics = bed.json(&["topics", "--json"]);
    let topic = topics
        .as_array()
        .expect("a list")
        .iter()
        .find(|topic| topic["topic"] == "tracking-events")
        .expect("it is listed");
    assert_eq!(topic["backlog"], 0);
    assert_eq!(topic["partitions"][0]["subscriptions"][0]["subscription"], "commission");
    let read = |more: &[&str]| {
        let (code, text) =
            bed.exit(&[&["read", "tracking-events", "--json", "--type", "conversion_attributed"], more].concat());
        assert_eq!(code, 0, "{text}");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect::<Vec<Value>>()
    };
    let all = read(&[]);
    assert_eq!(all.len(), PURCHASES);
    assert!(all.is_sorted_by_key(|message| message["recorded"].as_str().map(str::to_owned)));
    assert_eq!(read(&["--limit", "3"]).len(), 3);
    assert_eq!(read(&["--key", all[4]["key"].as_str().expect("a key")]), [all[4].clone()]);
    assert_eq!(read(&["--to", "2020-01-01"]), Vec::<Value>::new());
    assert_eq!(bed.exit(&["read", "no-such-topic"]).0, 2);
}

async fn traces(bed: &Bed, database: &PgPool) {
    let (commission, conversion): (Uuid, Uuid) = sqlx::query_as("SELECT id, conversion_id FROM commissions LIMIT 1")
        .fetch_one(database)
        .await
        .expect("there is one");
    for id in [commission, conversion] {
        let trace = bed.json(&["trace", &id.to_string(), "--json"]);
        let tree = &trace["trees"][0];
        assert_eq!(tree["type"], "tracking.conversion_attributed.v1", "{trace:#}");
        assert_eq!(tree["key"], conversion.to_string());
        assert_eq!(tree["caused"][0]["type"], "commission.commission_calculated.v1");
        assert_eq!(tree["caused"][0]["source"], "commission");
        assert!(tree["caused"][0]["hop_ms"].is_f64());
        assert_eq!(
            trace["trees"].as_array().map(Vec::len),
            Some(1),
            "other purchases of the same request are left out"
        );
    }
    let (code, said) = bed.exit(&["trace", &Uuid::now_v7().to_string()]);
    assert_eq!(code, 1, "{said}");
}

async fn replays(bed: &Bed, database: &PgPool) {
    let before = digest(database).await;
    let equal = bed.json(&["replay", "commission", "--from", "2020-01-01", "--json"]);
    assert_eq!(equal["equal"], true, "{equal:#}");
    assert_eq!(equal["compared"]["commissions"], PURCHASES);
    assert_eq!(digest(database).await, before, "the live tables are as they were");
    let spoilt: Uuid = sqlx::query_scalar(
        "UPDATE commissions SET earned_minor = earned_minor + 1 WHERE id = (SELECT id FROM commissions ORDER BY seq LIMIT 1) RETURNING id",
    )
    .fetch_one(database)
    .await
    .expect("it can be written");
    let output = bed.run(&["replay", "commission", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["differing_rows"], 1, "{found:#}");
    assert_eq!(found["rows"][0]["row"], format!("demo|{spoilt}"));
    assert_eq!(
        found["rows"][0]["columns"].as_object().map(|columns| columns.keys().collect::<Vec<_>>()),
        Some(vec![&"earned_minor".to_owned()])
    );
    assert_eq!(found["rows"][0]["first_event"], Value::Null, "no message did that");
    sqlx::query("UPDATE commissions SET earned_minor = earned_minor - 1 WHERE id = $1")
        .bind(spoilt)
        .execute(database)
        .await
        .expect("it can be written");
    assert_eq!(bed.exit(&["replay", "commission", "--from", "2026-02-02", "--to", "2026-01-01"]).0, 2);
}

async fn parked(bed: &Bed, database: &PgPool) {
    assert_eq!(bed.json(&["parked", "list", "--json"]), serde_json::json!([]));
    let keys = [Uuid::now_v7().to_string(), Uuid::now_v7().to_string()];
    for key in [&keys[0], &keys[0], &keys[1]] {
        say_nonsense(bed, key).await;
    }
    eventually("all three are parked", async || {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(database).await.expect("it can be read");
        (count == 3).then_some(())
    })
    .await;
    let groups = bed.json(&["parked", "list", "--json"]);
    let group = groups
        .as_array()
        .expect("a list")
        .iter()
        .find(|group| group["reason"] == "rejected")
        .expect("there is a group of bad data");
    assert_eq!(group["count"], 2, "one a key; the third follows its key: {groups:#}");
    let rows = bed.json(&["parked", "list", "--each", "--json"]);
    let message = rows[0]["message_id"].as_str().expect("an id");
    let shown = bed.json(&["parked", "show", message, "--json"]);
    assert_eq!(shown["data"]["conversion_id"], 7);
    let fingerprint = group["fingerprint"].as_str().expect("text");
    let (code, said) = bed.exit(&["parked", "redrive", "--error", fingerprint, "--wait"]);
    assert_eq!(code, 1, "they are as bad as before: {said}");
    assert!(said.contains("parked again"), "{said}");
    assert_eq!(bed.exit(&["parked", "redrive"]).0, 2, "somebody has to say which");
    assert_eq!(bed.exit(&["parked", "drop", "--all"]).0, 2, "and why");
    let (code, said) = bed.exit(&["parked", "drop", "--key", &keys[1], "--reason", "it never was"]);
    assert_eq!(code, 0, "{said}");
    let state: (String, String) = sqlx::query_as("SELECT state, note FROM parked WHERE key = $1")
        .bind(&keys[1])
        .fetch_one(database)
        .await
        .expect("it stays on record");
    assert_eq!(state, ("dropped".into(), "it never was".into()));
    // Parked messages changed nothing, so that the replay leaves them out.
    assert_eq!(bed.json(&["replay", "commission", "--json"])["left_out"]["parked"], 3);
}

#[test]
fn a_start_names_everything_that_is_wrong_at_once() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_recoup"))
        .args(["serve", "all"])
        .env_clear()
        .env("DEV_CLOCK", "true")
        .env("BFF_PORT", "many")
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for name in [
        "DEV_CLOCK",
        "BFF_PORT",
        "JWT_SECRET_KEY",
        "ACCOUNT_DETAILS_KEY",
        "TRACKING_DATABASE_URL",
        "COMMISSION_DATABASE_URL",
    ] {
        assert!(said.contains(&format!("{name}:")), "{name} is not named: {said}");
    }
}

#[tokio::test]
async fn serving_without_provisioning_fails_and_says_what_to_do() {
    let bed = Bed::prepared();
    let (code, said) = bed.exit(&["serve", "commission"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("recoup provision"), "{said}");
}

//! What `read --follow`, `trace` and `replay` say beyond a quiet log: of what comes while one looks, by every kind of id, and where the two part.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use service_kit::testing::{DEADLINE, eventually};
use sqlx::PgPool;
use uuid::Uuid;

use crate::bed::Bed;

/// `recoup read TOPIC --follow`, running; its lines come over the channel.
struct Following {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(bed: &Bed, arguments: &[&str]) -> Self {
        let mut process = bed.spawn(arguments);
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line comes in time");
        serde_json::from_str(&line).expect("each line is an object")
    }

    /// Interrupts it as somebody at a terminal does; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let killed = std::process::Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        let code = self.process.wait().expect("it ends").code();
        assert!(self.lines.recv_timeout(Duration::from_secs(1)).is_err(), "nothing more was printed");
        code
    }
}

/// One that follows prints what is there, and then what comes; others end with what is there.
pub async fn follows(bed: &Bed) {
    let following = Following::start(bed, &["read", "tracking-commands", "--follow", "--json", "--type", "pause"]);
    let all = Following::start(bed, &["read", "tracking-commands", "--follow", "--json"]);
    let kinds: Vec<Value> = (0..3).map(|_| all.next()["type"].clone()).collect();
    let before = ["create_campaign", "activate_campaign", "accept_campaign"];
    assert_eq!(kinds, before.map(|name| json!(format!("tracking.{name}.v1"))));
    bed.post("admin", "ada", "/api/v1/campaigns/camp/pause", &json!({})).await;
    let later = all.next();
    assert_eq!((&later["type"], &later["actor"]), (&json!("tracking.pause_campaign.v1"), &json!("ada")));
    assert_eq!(following.next()["id"], later["id"], "the same, of all that it was not to show");
    bed.post("admin", "ada", "/api/v1/campaigns/camp/activate", &json!({})).await;
    assert_eq!(all.next()["type"], "tracking.activate_campaign.v1");
    assert_eq!([all.interrupt(), following.interrupt()], [Some(0), Some(0)]);
    let limited = bed.run(&["read", "tracking-commands", "--follow", "--limit", "2", "--json"]);
    assert_eq!((limited.status.code(), limited.stdout.iter().filter(|byte| **byte == b'\n').count()), (Some(0), 2));
    assert_eq!(bed.exit(&["read", "tracking-commands", "--follow", "--to", "2026-01-01"]).0, 2);
}

/// Whatever names a message finds the story that it belongs to.
pub async fn traces_by_every_id(bed: &Bed) {
    let told = bed.post("admin", "ada", "/api/v1/campaigns/camp/pause", &json!({})).await;
    let command = told["command_id"].as_str().expect("the answer names the command").to_owned();
    let by_command = bed.json(&["trace", &command, "--json"]);
    let root = &by_command["trees"][0];
    assert_eq!((&root["id"], &root["is"], &root["source"]), (&json!(command), &json!("command"), &json!("bff")));
    assert_eq!(root["type"], "tracking.pause_campaign.v1");
    let paused = &root["caused"][0];
    assert_eq!(
        (&paused["type"], &paused["is"], &paused["source"]),
        (&json!("tracking.campaign_paused.v1"), &json!("event"), &json!("tracking"))
    );
    assert_eq!(paused["causation"], root["id"]);
    let trees = |id: &Value| bed.json(&["trace", id.as_str().expect("an id"), "--json"])["trees"].clone();
    assert_eq!(trees(&paused["id"]), by_command["trees"], "by the event: what led to it, too");
    assert_eq!(trees(&root["correlation"]), by_command["trees"], "by what they share");
    bed.post("admin", "ada", "/api/v1/campaigns/camp/activate", &json!({})).await;

    // All purchases came in one request: its correlation id means all of them, the id of an event or commission that one alone.
    let said = bed.exit(&["read", "commission-events", "--json", "--type", "commission_calculated"]).1;
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let one = &said[0];
    let by_event = trees(&one["id"]);
    assert_eq!(by_event[0]["caused"][0]["id"], one["id"]);
    assert_eq!(by_event.as_array().map(Vec::len), Some(1));
    assert_eq!(trees(&one["data"]["commission_id"]), by_event);
    let whole = trees(&one["correlation"]);
    assert_eq!(whole.as_array().map(Vec::len), Some(said.len()), "{whole:#}");
    let (code, printed) = bed.exit(&["trace", &command]);
    assert!(code == 0 && printed.contains("tracking.pause_campaign.v1"), "{printed}");
    assert_eq!(bed.exit(&["trace", " "]).0, 2);
    let none = bed.run(&["trace", &Uuid::now_v7().to_string(), "--json"]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0), "no half an answer");
}

/// Commissions so far, the latest last.
async fn conversions(database: &PgPool) -> Vec<Uuid> {
    let sql = "SELECT conversion_id FROM commissions ORDER BY seq";
    sqlx::query_scalar(sql).fetch_all(database).await.expect("it can be read")
}

async fn swap_rules(database: &PgPool, rules: &Value) -> Value {
    let sql = "UPDATE reward_rules AS r SET rules = $1 FROM reward_rules AS old
               WHERE (old.tenant, old.campaign_id, old.version) = (r.tenant, r.campaign_id, r.version) AND r.version = 2 RETURNING old.rules";
    sqlx::query_scalar(sql).bind(rules).fetch_one(database).await.expect("there is a second version")
}

/// The live service went by other rules than it was told for a while: the replay names the first purchase of that time.
pub async fn parts(bed: &Bed, database: &PgPool) {
    let before = conversions(database).await.len();
    let rules = json!({"rules": [{"on": "sale", "value": {"basis_points": 1_000}, "hold_days": 30}]});
    bed.post("admin", "ada", "/api/v1/campaigns/camp/rules", &rules).await;
    eventually("commission knows the rules", async || {
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM reward_rules WHERE version = 2)")
            .fetch_one(database)
            .await
            .expect("it can be read");
        known.then_some(())
    })
    .await;
    // No purchase went by them yet, so that they are not in its memory.
    let mut spoilt = rules["rules"].clone();
    spoilt[0]["value"]["basis_points"] = json!(5_000);
    let told = swap_rules(database, &spoilt).await;
    for n in 1..=3 {
        let event = json!({"user_id": format!("late-{n}"), "event_type": "purchase", "campaign": "camp", "partner": "pia",
                           "order_id": format!("late-{n}"), "amount": "10.00", "currency": "USD"});
        bed.post("operator", "olga", "/api/v1/tracking/events", &event).await;
        eventually("it is a commission", async || (conversions(database).await.len() == before + n).then_some(()))
            .await;
    }
    swap_rules(database, &told).await;
    let late = conversions(database).await.split_off(before);
    let output = bed.run(&["replay", "commission", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&found["equal"], &found["differing_messages"]), (&json!(false), &json!(3)), "{found:#}");
    let first = &found["first_event"];
    assert_eq!(
        (&first["type"], &first["key"]),
        (&json!("tracking.conversion_attributed.v1"), &json!(late[0])),
        "the first of the three, and none before: {found:#}"
    );
    let earned = |said: &Value| said[0]["data"]["earnings"].clone();
    let usd = |minor: i64| json!({"minor": minor, "currency": "USD"});
    assert_eq!((earned(&first["live_said"]), earned(&first["replay_says"])), (usd(500), usd(100)));
    // Each row names its own event, and those of purchases before are not there.
    let rows = found["rows"].as_array().expect("a list");
    let mut own: Vec<&Value> =
        rows.iter().filter(|row| row["table"] == "commissions").map(|row| &row["first_event"]["key"]).collect();
    own.sort_by_key(|key| key.to_string());
    let mut all: Vec<Value> = late.iter().map(|id| json!(id)).collect();
    all.sort_by_key(Value::to_string);
    assert_eq!(own, all.iter().collect::<Vec<_>>());
    let (code, printed) = bed.exit(&["replay", "commission", "--key", &late[1].to_string()]);
    assert!(code == 3 && printed.contains(&late[1].to_string()), "{printed}");
    assert!(!printed.contains(&late[0].to_string()), "only the one that was asked for: {printed}");
}

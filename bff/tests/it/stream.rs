//! Events as they happen: each caller sees its own, and goes on where it was cut off, even at another BFF.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use service_kit::auth::Role as Caller;
use service_kit::bus::Bus;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Role;
use service_kit::publisher::Publisher;
use service_kit::testing::{DEADLINE, Namespace};
use shared_events::evidence::{PromptCreated, PromptExpired};
use shared_events::tracking::CampaignAccepted;
use shared_events::{
    CampaignId, EnrolmentId, Envelope, Message, MessageId, PartnerId, PromptId, ProofRequestId, Subject, TenantId,
};
use uuid::Uuid;

use crate::edge::{Edge, token};

/// Says that `partner` takes part in the `n`th campaign of `tenant`.
async fn say(publisher: &Publisher, tenant: &str, partner: &str, n: u128) {
    let campaign_id = CampaignId(Uuid::from_u128(n));
    let partner = PartnerId::try_new(partner).expect("valid");
    let event = CampaignAccepted {
        enrolment_id: EnrolmentId::of(campaign_id, &partner),
        campaign_id,
        partner,
        link_code: format!("c{n}"),
    };
    publish(publisher, tenant, &event).await;
}

/// Publishes an event that the subject `uploader` caused.
async fn publish<M: Message>(publisher: &Publisher, tenant: &str, event: &M) {
    let now: chrono::DateTime<Utc> = SystemClock.now();
    let (id, tenant) = (MessageId(Uuid::now_v7()), TenantId::try_new(tenant).expect("valid"));
    let envelope = Envelope {
        sequence: 1,
        actor: Some("uploader".into()),
        ..Envelope::begin("/services/tests", event, id, tenant, now)
    };
    publisher.publish(M::TOPIC, &envelope, serde_json::to_vec(event).expect("JSON")).await.expect("published");
}

/// A stream as a browser reads it.
struct Listener {
    response: reqwest::Response,
    buffer: String,
    last_id: String,
}

impl Listener {
    async fn open(edge: &Edge, token: &str, last_id: Option<&str>) -> Self {
        let mut request = edge.get(token, "/api/v1/stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("answered");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut listener = Self { response, buffer: String::new(), last_id: String::new() };
        // The first id alone says that the stream has begun; with a last id, what was missed comes before it.
        if last_id.is_none() {
            listener.block().await;
        }
        listener
    }

    /// The next block of lines, with the last id noted as a browser does.
    async fn block(&mut self) -> BTreeMap<String, String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let fields = block
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
                let fields: BTreeMap<String, String> = fields.collect();
                self.buffer = rest.to_owned();
                if let Some(id) = fields.get("id") {
                    self.last_id.clone_from(id);
                }
                return fields;
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk())
                .await
                .expect("in time")
                .expect("readable")
                .expect("not ended");
            self.buffer.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The link code of the next event.
    async fn next(&mut self) -> String {
        loop {
            if let Some(data) = self.block().await.get("data") {
                let event: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(event["type"], CampaignAccepted::TYPE);
                return event["data"]["link_code"].as_str().expect("a code").to_owned();
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<String> {
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(self.next().await);
        }
        codes.sort();
        codes
    }
}

fn codes(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    let mut codes: Vec<String> = numbers.into_iter().map(|n| format!("c{n}")).collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn callers_see_their_own_and_go_on_where_they_were_cut_off() {
    let namespace = Namespace::provisioned().await;
    let publisher = Publisher::new(Bus::new(namespace.role(Role::Tracking)));
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let (partner, manager) = (token("p1", Caller::Partner), token("boss", Caller::Manager));
    say(&publisher, "demo", "p1", 1).await;

    let mut own = Listener::open(&edge, &partner, None).await;
    let mut all = Listener::open(&edge, &manager, None).await;
    for n in 10..20 {
        say(&publisher, "demo", if n % 2 == 0 { "p1" } else { "p2" }, n).await;
        say(&publisher, "other", "p1", 100 + n).await;
    }
    assert_eq!(own.take(5).await, codes([10, 12, 14, 16, 18]), "its own, from now on, of its tenant");
    assert_eq!(all.take(10).await, codes(10..20), "the whole tenant");

    // Cut off, and back while the hub still remembers.
    let seen = own.last_id.clone();
    drop(own);
    for n in 20..25 {
        say(&publisher, "demo", "p1", n).await;
    }
    let mut own = Listener::open(&edge, &partner, Some(&seen)).await;
    assert_eq!(own.take(5).await, codes(20..25), "what was missed, once");
    say(&publisher, "demo", "p1", 25).await;
    assert_eq!(own.next().await, "c25");

    // Cut off, and back at a BFF that has never heard of any of it.
    let restarted = Edge::on(namespace.role(Role::Bff)).await;
    let mut own = Listener::open(&restarted, &partner, Some(&seen)).await;
    assert_eq!(own.take(6).await, codes(20..26), "read again from the broker");
    say(&publisher, "demo", "p1", 26).await;
    assert_eq!(own.next().await, "c26", "and on with what comes");
}

impl Listener {
    /// The next event: what it is called, and whom its data says that is asked.
    async fn named(&mut self) -> (String, String) {
        loop {
            let block = self.block().await;
            if let (Some(name), Some(data)) = (block.get("event"), block.get("data")) {
                let event: Value = serde_json::from_str(data).expect("JSON");
                return (name.clone(), event["data"]["asked"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
}

#[tokio::test]
async fn a_question_reaches_whom_it_is_asked_and_managers_and_nobody_else() {
    let namespace = Namespace::provisioned().await;
    let publisher = Publisher::new(Bus::new(namespace.role(Role::Evidence)));
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let ask = async |tenant: &str, asked: &str| {
        let event = PromptCreated {
            prompt_id: PromptId(Uuid::now_v7()),
            request_id: ProofRequestId(Uuid::nil()),
            asked: Subject::try_new(asked).expect("valid"),
            question: "Does it?".into(),
            options: vec![],
            expires_at: SystemClock.now(),
        };
        publish(&publisher, tenant, &event).await;
    };
    let end = async |asked: &str| {
        let (prompt_id, request_id) = (PromptId(Uuid::now_v7()), ProofRequestId(Uuid::nil()));
        let asked = Subject::try_new(asked).expect("valid");
        publish(&publisher, "demo", &PromptExpired { prompt_id, request_id, asked }).await;
    };
    let seen = |name: &str, asked: &str| (name.to_owned(), asked.to_owned());
    let (ann, uploader, boss) =
        (token("ann", Caller::Seller), token("uploader", Caller::Seller), token("boss", Caller::Manager));
    let mut anns = Listener::open(&edge, &ann, None).await;
    let mut uploaders = Listener::open(&edge, &uploader, None).await;
    let mut managers = Listener::open(&edge, &boss, None).await;
    ask("other", "ann").await;
    ask("demo", "bob").await;
    ask("demo", "ann").await;
    assert_eq!(anns.named().await, seen("prompt_created", "ann"), "by the name that the seeds give it");
    let both = [managers.named().await, managers.named().await].map(|(_, asked)| asked);
    assert!(both.contains(&"ann".into()) && both.contains(&"bob".into()), "{both:?}");

    // Away while two more things happen, and told of them afterwards.
    let last = anns.last_id.clone();
    drop(anns);
    end("bob").await;
    end("ann").await;
    let mut anns = Listener::open(&edge, &ann, Some(&last)).await;
    assert_eq!(anns.named().await, seen("prompt_expired", "ann"));

    // Whoever caused all of it has seen none of it: what it is asked itself comes first.
    ask("demo", "uploader").await;
    assert_eq!(uploaders.named().await, seen("prompt_created", "uploader"));
}

#[tokio::test]
async fn a_nonsensical_id_and_a_broker_that_is_away_are_told() {
    let edge = Edge::without_broker().await;
    let partner = token("p1", Caller::Partner);
    let nonsense = edge.get(&partner, "/api/v1/stream").header("last-event-id", "nonsense");
    assert_eq!(crate::edge::answer(nonsense).await.0, 400);
    let away = tokio::time::timeout(Duration::from_secs(60), crate::edge::answer(edge.get(&partner, "/api/v1/stream")));
    assert_eq!(away.await.expect("in time").0, 503);
}

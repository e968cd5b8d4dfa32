//! What the tests stand on: a database, a clock, and somebody with addresses.

use std::sync::Arc;

use chrono::TimeDelta;
use notify::Config;
use notify::carry::Carriers;
use serde_json::Value;
use service_kit::config::{Env, load};
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::jobs::Worker;
use service_kit::testing::Slice;
use shared_events::notify::{
    AddressMark, Channel, CreateWebhook, PutContact, SealedPoint, SendNotification, contact_purpose, mark_text,
    webhook_purpose,
};
use shared_events::outcome::Rejection;
use shared_events::{Envelope, Message, NotificationId, Service, Subject, WebhookId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub struct Bed {
    pub slice: Slice,
    pub config: Arc<Config>,
}

pub fn who(name: &str) -> Subject {
    Subject::try_new(name).unwrap()
}

/// A variable that `./dev test` sets.
pub fn variable(name: &str) -> String {
    let found = Env::process().get(name).map(str::to_owned);
    found.unwrap_or_else(|| panic!("{name} is not set: run the tests by ./dev test"))
}

pub fn env() -> Env {
    let (host, port) = variable("GREENMAIL_SMTP").rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    Env::of([("ACCOUNT_DETAILS_KEY", KEY), ("RECOUP_ENV", "development"), ("WEBHOOK_ALLOW_LOOPBACK", "true")])
        .with("SMTP_HOST", host)
        .with("SMTP_PORT", port)
        .with("SMTP_TLS", "none")
        .with("MAIL_FROM", "Shop <shop@example.com>")
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        Self::with(pool, options, env()).await
    }

    pub async fn with(pool: PgPoolOptions, options: PgConnectOptions, env: Env) -> Self {
        let slice = Slice::new(Service::Notify, pool, options, "2026-11-20T12:00:00Z".parse().unwrap()).await;
        Self { slice, config: Arc::new(load::<Config>(&env).unwrap()) }
    }

    /// Hands a message over as the kit does; its result or its refusal.
    pub async fn tell<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Value, Rejection> {
        self.tell_at(handler, data, 1).await
    }

    /// The same with the aggregate's version.
    pub async fn tell_at<M: Message>(
        &self,
        handler: &impl Handles<M>,
        data: M,
        version: u64,
    ) -> Result<Value, Rejection> {
        let Delivered { envelope, data } = self.slice.deliver(data);
        let message = Delivered { envelope: Envelope { sequence: version, ..envelope }, data };
        let mut work = self.slice.work().await;
        match handler.handle(&mut work, &message).await {
            Ok(outcome) => {
                work.commit().await.unwrap();
                Ok(outcome.value().cloned().unwrap_or_default())
            }
            Err(Failure::Reject(rejection)) => Err(rejection),
            Err(Failure::Retry(error)) => panic!("expected an end: {error:#}"),
        }
    }

    fn mark(&self, channel: Channel, address: &str) -> AddressMark {
        AddressMark(self.config.key.digest(mark_text(&self.slice.tenant, channel, address).as_bytes()))
    }

    pub fn suppression_mark(&self, channel: Channel, address: &str) -> AddressMark {
        self.mark(channel, address)
    }

    pub fn point(&self, recipient: &str, channel: Channel, address: &str) -> SealedPoint {
        let purpose = contact_purpose(&self.slice.tenant, recipient, channel);
        let (sealed, mark) = (self.config.key.seal(&purpose, address).unwrap(), self.mark(channel, address));
        SealedPoint { channel, sealed, mark, masked: "***".into() }
    }

    pub async fn contact(&self, recipient: &str, points: &[(Channel, &str)], language: Option<&str>) {
        let points = points.iter().map(|(channel, address)| self.point(recipient, *channel, address)).collect();
        let put = PutContact {
            recipient: recipient.into(),
            points,
            language: language.map(str::to_owned),
            why: None,
            by: who("boss"),
        };
        self.tell(&notify::put_contact::Put { key: self.config.key.clone() }, put).await.unwrap();
    }

    pub fn wanted(&self, recipient: &str, key: &str, channels: &[Channel]) -> SendNotification {
        let variables = [("subject", "We moved"), ("text", "To 2 Main Street")];
        SendNotification {
            notification_id: NotificationId(Uuid::now_v7()),
            recipient: recipient.into(),
            template: "message".into(),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            dedupe_key: key.into(),
            language: None,
            channels: (!channels.is_empty()).then(|| channels.to_vec()),
            sent_by: "boss".into(),
        }
    }

    pub async fn send(&self, wanted: SendNotification) -> Result<Value, Rejection> {
        let send = notify::send_notification::Send { configured: self.config.channels() };
        self.tell(&send, wanted).await
    }

    pub fn react(&self) -> notify::react::React {
        notify::react::React { configured: self.config.channels() }
    }

    pub fn carriers(&self) -> Carriers {
        notify::carriers(&self.config, self.slice.store.clock())
    }

    pub fn carrying(&self, carriers: Carriers) -> Worker {
        notify::carrying(self.slice.store.clone(), &self.config, carriers)
    }

    pub fn delivering(&self) -> Worker {
        notify::delivering(self.slice.store.clone(), &self.config)
    }

    /// Runs every job that is due now.
    pub async fn drain(&self, worker: &Worker) {
        while worker.run_next().await.unwrap() {}
    }

    /// State, reason and attempts of each sending of a notification.
    pub async fn sendings(&self, id: NotificationId) -> Vec<(String, String, Option<String>)> {
        let mut work = self.slice.work().await;
        sqlx::query_as(
            "SELECT channel::text, state::text, reason FROM sendings WHERE notification_id = $1 ORDER BY channel",
        )
        .bind(id.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
    }

    /// The state of a sending.
    pub async fn state(&self, id: NotificationId, channel: Channel) -> String {
        let all = self.sendings(id).await;
        all.into_iter().find(|(name, ..)| name == channel.name()).map(|(_, state, _)| state).unwrap_or_default()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let mut work = self.slice.work().await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(work.conn())
            .await
            .unwrap()
    }

    /// How often an event was said.
    pub async fn said(&self, kind: &str) -> usize {
        self.slice.said().await.iter().filter(|(name, _)| *name == format!("notify.{kind}.v1")).count()
    }

    pub fn webhooks(&self) -> notify::webhooks::Webhooks {
        notify::webhooks::Webhooks { key: self.config.key.clone(), fetcher: self.config.fetcher.clone() }
    }

    pub async fn webhook(&self, url: &str, types: &[&str], secret: &str) -> Result<WebhookId, Rejection> {
        let id = WebhookId(Uuid::now_v7());
        let create = CreateWebhook {
            webhook_id: id,
            url: self.seal(id, "url", url),
            secret: self.seal(id, "secret", secret),
            description: "test".into(),
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            why: Some("the warehouse asked for it".into()),
            by: who("boss"),
        };
        self.tell(&self.webhooks(), create).await.map(|_| id)
    }

    pub fn seal(&self, id: WebhookId, what: &str, plain: &str) -> String {
        self.config.key.seal(&webhook_purpose(&self.slice.tenant, id, what), plain).unwrap()
    }

    pub fn later(&self, by: TimeDelta) {
        self.slice.clock.advance(by);
    }
}

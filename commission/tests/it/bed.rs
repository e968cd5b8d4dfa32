//! What the tests stand on: a database of their own, a clock, and the invariants that hold after every story.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use commission::Config;
use commission::approve_payout;
use commission::calculate::Calculate;
use commission::refund::TakeRefunds;
use commission::request_payment::Request;
use commission::rule_book::{LearnRules, RuleBook};
use service_kit::clock::{Clock, ManualClock};
use service_kit::handler::{Delivered, Failure, Handles, HandlesRun, Outcome};
use service_kit::store::{Store, Work, new_id};
use shared_events::commission::{ApprovePayout, PaymentMethod, RequestPayment, SealedAccount};
use shared_events::tracking::{
    ConversionAttributed, ConversionRefundWithdrawn, ConversionRefunded, Credit, RefundKind, RewardOn, RewardRule,
    RewardRulesRevised, RewardValue, Signals,
};
use shared_events::{
    CampaignId, ConversionId, Currency, Envelope, Message, MessageId, Money, PartnerId, PayoutId, Service, Subject,
    TenantId, TrackingEventId,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const LIMIT: i64 = 100_000;
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub struct Bed {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub config: Arc<Config>,
    pub tenant: TenantId,
    pub rules: RuleBook,
    pub options: PgConnectOptions,
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn partner(name: &str) -> PartnerId {
    PartnerId::try_new(name).unwrap()
}

/// 10 % of each sale, held for 30 days.
pub fn ten_percent() -> RewardRule {
    RewardRule {
        on: RewardOn::Sale,
        value: RewardValue::BasisPoints(1_000),
        tiers: vec![],
        cap_per_event_minor: None,
        cap_per_partner_month_minor: None,
        recurring_months: None,
        hold_days: 30,
        min_payout_minor: 0,
    }
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        // A superuser sees through row-level security; the service's role does not.
        let pool: PgPool = pool
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query("SET ROLE commission_user").execute(connection).await.map(drop) })
            })
            .connect_with(options.clone())
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::at(at("2026-11-10T12:00:00Z")));
        let payout_dir = std::env::temp_dir().join(format!("recoup-payouts-{}", Uuid::now_v7().simple()));
        let config = Config { account_key: KEY.parse().unwrap(), payout_dir, approval_limit_minor: LIMIT };
        let tenant = TenantId::try_new("demo").unwrap();
        let clock_of_store: Arc<dyn Clock> = clock.clone();
        let store = Store::new(pool, clock_of_store, Service::Commission);
        Self { store, clock, config: Arc::new(config), tenant, rules: RuleBook::default(), options }
    }

    pub fn of_tenant(&self, name: &str) -> Self {
        let tenant = TenantId::try_new(name).unwrap();
        let (store, clock, config, options) =
            (self.store.clone(), self.clock.clone(), self.config.clone(), self.options.clone());
        Self { store, clock, config, tenant, rules: self.rules.clone(), options }
    }

    pub fn campaign(&self) -> CampaignId {
        CampaignId::from_code(&self.tenant, "camp123")
    }

    pub fn deliver<M: Message>(&self, data: M, actor: Option<&str>) -> Delivered<M> {
        let now = self.clock.now();
        let envelope = Envelope {
            sequence: 1,
            actor: actor.map(str::to_owned),
            ..Envelope::begin("/tests", &data, MessageId(new_id(now)), self.tenant.clone(), now)
        };
        Delivered { envelope, data }
    }

    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.unwrap()
    }

    /// Handles one message in a transaction of its own, as the kit does.
    pub async fn handle<M: Message>(
        &self,
        handler: &impl Handles<M>,
        data: M,
        actor: Option<&str>,
    ) -> Result<Outcome, Failure> {
        let mut work = self.work().await;
        let outcome = handler.handle(&mut work, &self.deliver(data, actor)).await?;
        work.commit().await.unwrap();
        Ok(outcome)
    }

    pub async fn learn(&self, version: u32, rules: Vec<RewardRule>) {
        let revised = RewardRulesRevised {
            campaign_id: self.campaign(),
            campaign_code: "camp123".into(),
            rules_version: version,
            currency: Currency::USD,
            rules,
        };
        self.handle(&LearnRules, revised, None).await.unwrap();
    }

    pub async fn attribute_all(&self, conversions: Vec<ConversionAttributed>) -> Result<(), Failure> {
        let mut work = self.work().await;
        self.run(&mut work, &self.calculate(), conversions).await?;
        work.commit().await.unwrap();
        Ok(())
    }

    pub fn calculate(&self) -> Calculate {
        Calculate { rules: self.rules.clone() }
    }

    pub async fn attribute(&self, conversion: &ConversionAttributed) {
        self.attribute_all(vec![conversion.clone()]).await.unwrap();
    }

    /// A sale of so much, all brought by one partner.
    pub fn sale(&self, name: &str, minor: i64) -> ConversionAttributed {
        ConversionAttributed {
            conversion_id: ConversionId(Uuid::now_v7()),
            revision: 1,
            campaign_id: self.campaign(),
            rules_version: 1,
            on: RewardOn::Sale,
            amount: Some(usd(minor)),
            order_id: None,
            visitor: None,
            occurred_at: at("2026-11-09T10:00:00Z"),
            credits: vec![Credit { partner: partner(name), weight_bps: 10_000, click: None }],
            reason: "last click".into(),
            signals: Signals::default(),
        }
    }

    /// So much of a conversion goes back, `total` in all.
    pub fn refunded(&self, conversion: &ConversionAttributed, minor: i64, total: i64) -> ConversionRefunded {
        ConversionRefunded {
            conversion_id: conversion.conversion_id,
            refund_id: TrackingEventId(Uuid::now_v7()),
            kind: RefundKind::Refund,
            amount: usd(minor),
            refunded_total_minor: total,
            purchase_minor: conversion.amount.unwrap().minor,
            occurred_at: self.clock.now(),
        }
    }

    pub async fn refund(&self, conversion: &ConversionAttributed, minor: i64, total: i64) {
        self.refund_all(vec![self.refunded(conversion, minor, total)]).await;
    }

    /// A refund was not paid after all.
    pub async fn withdraw(&self, refund: &ConversionRefunded) {
        let withdrawn = ConversionRefundWithdrawn {
            conversion_id: refund.conversion_id,
            refund_id: refund.refund_id,
            amount: refund.amount,
            refunded_total_minor: refund.refunded_total_minor - refund.amount.minor,
        };
        self.handle(&commission::restore::GiveBack, withdrawn, None).await.unwrap();
    }

    pub async fn refund_all(&self, refunds: Vec<ConversionRefunded>) {
        let mut work = self.work().await;
        self.run(&mut work, &TakeRefunds, refunds).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Handles a run of messages in a transaction that may do more.
    pub async fn run<M: Message>(
        &self,
        work: &mut Work,
        handler: &impl HandlesRun<M>,
        data: Vec<M>,
    ) -> Result<(), Failure> {
        let run: Vec<_> = data.into_iter().map(|data| self.deliver(data, None)).collect();
        handler.handle_run(work, &run).await
    }

    pub async fn release(&self) -> usize {
        self.clock.advance(TimeDelta::days(31));
        commission::sweep::sweep(&self.store, &CancellationToken::new()).await.unwrap()
    }

    pub fn payment(&self, name: &str, minor: i64) -> RequestPayment {
        let sealed =
            self.config.account_key.seal(&format!("{}/{name}", self.tenant), r#"{"email":"ann@example.com"}"#).unwrap();
        RequestPayment {
            payout_id: PayoutId(Uuid::now_v7()),
            partner: partner(name),
            amount: usd(minor),
            method: PaymentMethod::Paypal,
            account: SealedAccount { sealed, masked: "a***@example.com".into() },
            requested_by: Subject::try_new(name).unwrap(),
        }
    }

    pub async fn ask(&self, name: &str, minor: i64) -> Result<PayoutId, String> {
        let payment = self.payment(name, minor);
        let id = payment.payout_id;
        self.handle(&Request { approval_limit_minor: LIMIT }, payment, Some(name)).await.map(|_| id).map_err(code)
    }

    pub async fn approve_payout(&self, id: PayoutId, by: &str) -> Result<(), String> {
        let command = ApprovePayout { payout_id: id, approved_by: Subject::try_new(by).unwrap() };
        self.handle(&approve_payout::Approve, command, Some(by)).await.map(drop).map_err(code)
    }

    /// The commissions of a conversion: state, earned, reversed, clawed back, allocated, paid; in order of their making.
    pub async fn rows(&self, conversion: &ConversionAttributed) -> Vec<(String, i64, i64, i64, i64, i64)> {
        let mut work = self.work().await;
        sqlx::query_as(
            "SELECT state::text, earned_minor, reversed_minor, clawed_back_minor, allocated_minor, paid_minor FROM commissions
             WHERE conversion_id = $1 ORDER BY seq",
        )
        .bind(conversion.conversion_id.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
    }

    /// accrued, payable, in_payout, paid, clawback_receivable
    pub async fn balance(&self, name: &str) -> (i64, i64, i64, i64, i64) {
        let mut work = self.work().await;
        sqlx::query_as("SELECT accrued, payable, in_payout, paid, clawback_receivable FROM balances WHERE partner = $1 AND currency = 'USD'")
            .bind(name)
            .fetch_optional(work.conn())
            .await
            .unwrap()
            .unwrap_or_default()
    }

    /// What was said: the types in the outbox, in order.
    pub async fn said(&self) -> Vec<String> {
        let rows = sqlx::query("SELECT properties FROM outbox ORDER BY id").fetch_all(self.store.pool()).await.unwrap();
        let of = |row: &sqlx::postgres::PgRow| {
            let properties: String = row.get(0);
            let start = properties.find("commission.").unwrap();
            properties[start..].split('"').next().unwrap().to_owned()
        };
        rows.iter().map(of).collect()
    }

    /// The versions that events of a type were said with, in order.
    pub async fn versions(&self, kind: &str) -> Vec<i64> {
        let sql = "SELECT (properties::json->>'ce_sequence')::bigint FROM outbox WHERE properties::json->>'ce_type' = $1 ORDER BY id";
        sqlx::query_scalar(sql).bind(kind).fetch_all(self.store.pool()).await.unwrap()
    }
}

/// The code of a refusal.
pub fn code(failure: Failure) -> String {
    match failure {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("expected a refusal: {error:#}"),
    }
}

//! The smallest business that shows every mistake: accounts, deposits, and a second service that keeps balances. It runs on the kit alone, so
//! that the kit's faults are told from the services'. Its tables have no unique keys of their own: what is applied twice shows.

use serde::{Deserialize, Serialize};
use service_kit::faults;
use service_kit::handler::{Delivered, Failure, Handles, Outcome, Routes};
use service_kit::store::{Cause, Work};
use shared_events::{Message, Service, Topic};
use uuid::Uuid;

/// Tables of the service that takes deposits.
pub const TRACKING_TABLES: &str = "
    CREATE TABLE accounts (account text PRIMARY KEY, version bigint NOT NULL, balance bigint NOT NULL);
    CREATE TABLE deposits (deposit uuid NOT NULL, account text NOT NULL, version bigint NOT NULL, amount bigint NOT NULL);
    GRANT SELECT, INSERT, UPDATE ON accounts, deposits TO tracking_user;";

/// Tables of the service that keeps balances.
pub const COMMISSION_TABLES: &str = "
    CREATE TABLE balances (account text PRIMARY KEY, version bigint NOT NULL, balance bigint NOT NULL);
    CREATE TABLE applied (place bigint GENERATED ALWAYS AS IDENTITY, event uuid NOT NULL, account text NOT NULL, version bigint NOT NULL,
                          amount bigint NOT NULL);
    GRANT SELECT, INSERT, UPDATE ON balances, applied TO commission_user;";

/// What a message does to the process that handles its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Nothing.
    Good,
    /// It takes two seconds to handle.
    Slow,
    /// It ends the process at once.
    Aborts,
    /// It ends the process after half a second.
    AbortsLate,
    /// It fails, always.
    Fails,
    /// It is refused.
    Refused,
}

/// Puts money into an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deposit {
    /// The account.
    pub account: String,
    /// How much.
    pub amount: i64,
    /// What it does on the other side.
    pub mood: Mood,
}

/// Money was put into an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deposited {
    /// The account.
    pub account: String,
    /// The command's id.
    pub deposit: Uuid,
    /// How much.
    pub amount: i64,
    /// What it does to its handler.
    pub mood: Mood,
}

/// A balance was brought forward.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Balanced {
    /// The account.
    pub account: String,
    /// What is in it now.
    pub balance: i64,
}

impl Message for Deposit {
    const TYPE: &'static str = "e2e.deposit.v1";
    const TOPIC: Topic = Topic::commands(Service::Tracking);
    fn key(&self) -> String {
        self.account.clone()
    }
}

impl Message for Deposited {
    const TYPE: &'static str = "e2e.deposited.v1";
    const TOPIC: Topic = Topic::events(Service::Tracking);
    fn key(&self) -> String {
        self.account.clone()
    }
}

impl Message for Balanced {
    const TYPE: &'static str = "e2e.balanced.v1";
    const TOPIC: Topic = Topic::events(Service::Commission);
    fn key(&self) -> String {
        self.account.clone()
    }
}

/// What each service does. `healed`: moods are over.
pub fn routes(service: Service, healed: bool) -> Routes {
    match service {
        Service::Tracking => Routes::new().on::<Deposit>(TakeDeposit),
        Service::Commission => Routes::new().on::<Deposited>(KeepBalance { healed }),
        _ => Routes::new(),
    }
}

struct TakeDeposit;

impl Handles<Deposit> for TakeDeposit {
    async fn handle(&self, work: &mut Work, message: &Delivered<Deposit>) -> Result<Outcome, Failure> {
        faults::point("bank.take_deposit");
        let Deposit { account, amount, mood } = message.data.clone();
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO accounts AS kept (account, version, balance) VALUES ($1, 1, $2)
             ON CONFLICT (account) DO UPDATE SET version = kept.version + 1, balance = kept.balance + $2 RETURNING version",
        )
        .bind(&account)
        .bind(amount)
        .fetch_one(work.conn())
        .await?;
        let deposit = message.envelope.id.0;
        sqlx::query("INSERT INTO deposits (deposit, account, version, amount) VALUES ($1, $2, $3, $4)")
            .bind(deposit)
            .bind(&account)
            .bind(version)
            .bind(amount)
            .execute(work.conn())
            .await?;
        work.emit(
            &Cause::from(&message.envelope),
            version.unsigned_abs(),
            &Deposited { account, deposit, amount, mood },
        );
        Ok(Outcome::none())
    }
}

struct KeepBalance {
    healed: bool,
}

impl Handles<Deposited> for KeepBalance {
    async fn handle(&self, work: &mut Work, message: &Delivered<Deposited>) -> Result<Outcome, Failure> {
        faults::point("bank.keep_balance");
        let Deposited { account, amount, mood, .. } = &message.data;
        match mood {
            _ if self.healed => {}
            Mood::Good => {}
            Mood::Slow => tokio::time::sleep(std::time::Duration::from_secs(2)).await,
            Mood::Aborts => std::process::abort(),
            Mood::AbortsLate => {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                std::process::abort()
            }
            Mood::Fails => return Err(anyhow::anyhow!("it fails, always").into()),
            Mood::Refused => return Err(Failure::reject("refused", "refused on purpose")),
        }
        let (version, balance): (i64, i64) = sqlx::query_as(
            "INSERT INTO balances AS kept (account, version, balance) VALUES ($1, 1, $2)
             ON CONFLICT (account) DO UPDATE SET version = kept.version + 1, balance = kept.balance + $2 RETURNING version, balance",
        )
        .bind(account)
        .bind(amount)
        .fetch_one(work.conn())
        .await?;
        sqlx::query("INSERT INTO applied (event, account, version, amount) VALUES ($1, $2, $3, $4)")
            .bind(message.envelope.id.0)
            .bind(account)
            .bind(i64::try_from(message.envelope.sequence).unwrap_or(i64::MAX))
            .bind(amount)
            .execute(work.conn())
            .await?;
        work.emit(
            &Cause::from(&message.envelope),
            version.unsigned_abs(),
            &Balanced { account: account.clone(), balance },
        );
        Ok(Outcome::none())
    }
}

//! Schemas of every service's database, embedded in the binary.
//!
//! A service's schema is the kit's tables (`kit/`) and its own (`<service>/`). Files are numbered within their folder; so that both
//! sets live in one database, a service's numbers are moved up by [`SERVICE_OFFSET`].

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::migrate::{Migration, Migrator};

/// Added to the version of a service's own migrations.
pub const SERVICE_OFFSET: i64 = 1_000;

static KIT: Migrator = sqlx::migrate!("./kit");
static TRACKING_OWN: Migrator = sqlx::migrate!("./tracking");
static COMMISSION_OWN: Migrator = sqlx::migrate!("./commission");
static EVIDENCE_OWN: Migrator = sqlx::migrate!("./evidence");
static CLAIMS_OWN: Migrator = sqlx::migrate!("./claims");
static ORDERS_OWN: Migrator = sqlx::migrate!("./orders");
static NOTIFY_OWN: Migrator = sqlx::migrate!("./notify");

/// The tables of service-kit alone, for its own tests.
pub static KIT_ONLY: LazyLock<Migrator> = LazyLock::new(|| with_kit(&[]));
/// The database of tracking.
pub static TRACKING: LazyLock<Migrator> = LazyLock::new(|| with_kit(&TRACKING_OWN.migrations));
/// The database of commission.
pub static COMMISSION: LazyLock<Migrator> = LazyLock::new(|| with_kit(&COMMISSION_OWN.migrations));
/// The database of evidence.
pub static EVIDENCE: LazyLock<Migrator> = LazyLock::new(|| with_kit(&EVIDENCE_OWN.migrations));
/// The database of claims.
pub static CLAIMS: LazyLock<Migrator> = LazyLock::new(|| with_kit(&CLAIMS_OWN.migrations));
/// The database of orders.
pub static ORDERS: LazyLock<Migrator> = LazyLock::new(|| with_kit(&ORDERS_OWN.migrations));
/// The database of notify.
pub static NOTIFY: LazyLock<Migrator> = LazyLock::new(|| with_kit(&NOTIFY_OWN.migrations));

fn with_kit(own: &[Migration]) -> Migrator {
    let moved = own.iter().cloned().map(|mut migration| {
        migration.version += SERVICE_OFFSET;
        migration
    });
    let all: Vec<Migration> = KIT.migrations.iter().cloned().chain(moved).collect();
    Migrator { migrations: Cow::Owned(all), ..Migrator::DEFAULT }
}

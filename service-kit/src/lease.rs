//! Who publishes the outbox: one relay at a time, by a row with an expiry and an epoch. A frozen leader keeps no lock, and finds another epoch when
//! it wakes up.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use crate::faults;

/// How long a leader may be silent before another takes over.
const LEASE: Duration = Duration::from_secs(10);
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(3);

/// The leader's claim on the outbox.
pub(crate) struct Lease {
    pub(crate) owner: Uuid,
    pub(crate) epoch: i64,
    /// From here on another may lead. By this process' own clock, counted from before it asked.
    pub(crate) expires: Instant,
    pub(crate) renew_at: Instant,
}

impl Lease {
    /// Takes or renews the lease; none while another relay holds it.
    pub(crate) async fn acquire(pool: &PgPool, owner: Uuid) -> Result<Option<Self>, sqlx::Error> {
        let asked = Instant::now();
        let of = |epoch| Self { owner, epoch, expires: asked + LEASE, renew_at: asked + RENEW };
        if faults::sabotaged("no_lease") {
            return Ok(Some(of(0)));
        }
        let row = sqlx::query!(
            "INSERT INTO relay_lease AS held (name, owner, epoch, until) VALUES ('outbox', $1, 1, now() + $2 * interval '1 second')
             ON CONFLICT (name) DO UPDATE
             SET owner = $1, until = EXCLUDED.until, epoch = CASE WHEN held.owner = $1 THEN held.epoch ELSE held.epoch + 1 END
             WHERE held.owner = $1 OR held.until < now()
             RETURNING epoch",
            owner,
            LEASE.as_secs() as f64,
        )
        .fetch_optional(pool)
        .await?;
        Ok(row.map(|row| of(row.epoch)))
    }

    /// Gives it up, so that the next relay need not wait.
    pub(crate) async fn release(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "UPDATE relay_lease SET until = now() WHERE name = 'outbox' AND owner = $1 AND epoch = $2",
            self.owner,
            self.epoch
        )
        .execute(pool)
        .await?;
        Ok(())
    }
}

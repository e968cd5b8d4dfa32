//! How a tenant's claims are sent and what they cost, and the operator's switch for everybody.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::TenantId;
use shared_events::claims::{ClaimSettingsSet, GeneralSwitchSet, SetClaimSettings, SetGeneralSwitch};
use shared_events::money::Money;

use crate::claim_row::currency;
use crate::claiming::{fee, pace};
use crate::look_at_line;

/// How a tenant's claims are sent and what they cost.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether claims may go by themselves.
    pub automatic: bool,
    /// Up to which amount no second person is needed; none: always.
    pub limit: Option<Money>,
    /// How many are sent a day at most.
    pub per_day: i32,
    /// The success fee, in ten thousandths.
    pub fee_bps: i32,
    /// Who is asked about documents.
    pub asked: Option<String>,
}

/// The tenant's settings.
///
/// # Errors
/// When the database is away.
pub async fn settings(work: &mut Work) -> Result<Settings, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT automatic, limit_minor, limit_currency, per_day, fee_bps, asked FROM claim_settings WHERE tenant = $1",
        tenant.as_str(),
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else {
        let fee_bps = i32::try_from(fee::DEFAULT_RATE_BPS).unwrap_or_default();
        return Ok(Settings { automatic: false, limit: None, per_day: pace::DEFAULT_PER_DAY, fee_bps, asked: None });
    };
    let limit = row.limit_minor.zip(row.limit_currency).map(|(minor, code)| Money::new(minor, currency(&code)));
    Ok(Settings { automatic: row.automatic, limit, per_day: row.per_day, fee_bps: row.fee_bps, asked: row.asked })
}

/// Whether sending is stopped, for the tenant or for everybody.
///
/// # Errors
/// When the database is away.
pub async fn is_stopped(work: &mut Work) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM submission_switches WHERE tenant = $1 AND stopped)
               OR EXISTS (SELECT FROM general_switch WHERE stopped) AS "stopped!""#,
        tenant.as_str(),
    )
    .fetch_one(work.conn())
    .await
}

/// Handles [`SetClaimSettings`].
pub struct SetThem;

impl Handles<SetClaimSettings> for SetThem {
    async fn handle(&self, work: &mut Work, message: &Delivered<SetClaimSettings>) -> Result<Outcome, Failure> {
        let set = &message.data;
        let tenant = work.tenant().clone();
        if set.of_tenant != tenant {
            return Err(Failure::reject("tenant_not_found", "there is no such tenant"));
        }
        if set.fee_bps > 10_000 {
            return Err(Failure::reject("invalid_fee", "a fee is at most the whole"));
        }
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let version = sqlx::query_scalar!(
            "INSERT INTO claim_settings (tenant, automatic, limit_minor, limit_currency, per_day, fee_bps, asked, set_by, set_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant) DO UPDATE SET automatic = excluded.automatic, limit_minor = excluded.limit_minor,
                 limit_currency = excluded.limit_currency, per_day = excluded.per_day, fee_bps = excluded.fee_bps, asked = excluded.asked,
                 set_by = excluded.set_by, set_at = excluded.set_at, version = claim_settings.version + 1
             RETURNING version",
            tenant.as_str(),
            set.automatic,
            set.limit.map(|limit| limit.minor),
            set.limit.map(|limit| limit.currency.code().to_owned()),
            number(set.per_day),
            number(set.fee_bps),
            set.asked.as_ref().map(|asked| asked.as_str()),
            set.set_by.as_str(),
            work.now(),
        )
        .fetch_one(work.conn())
        .await?;
        let told = ClaimSettingsSet { of_tenant: tenant, automatic: set.automatic, set_by: set.set_by.clone() };
        let cause = Cause::from(&message.envelope);
        work.emit(&cause, u64::from(version.unsigned_abs()), &told);
        look_at_line::enqueue(work, &cause, false).await?;
        Ok(Outcome::none())
    }
}

/// Handles [`SetGeneralSwitch`]: only for the operator's tenant.
pub struct SetGeneral {
    /// Whose people may stop everybody's claims; none: nobody.
    pub operator: Option<TenantId>,
}

impl Handles<SetGeneralSwitch> for SetGeneral {
    async fn handle(&self, work: &mut Work, message: &Delivered<SetGeneralSwitch>) -> Result<Outcome, Failure> {
        let SetGeneralSwitch { of_tenant, stopped, reason, set_by } = message.data.clone();
        if self.operator.as_ref() != Some(work.tenant()) || of_tenant != *work.tenant() {
            return Err(Failure::reject("switch_forbidden", "only the operator may stop everybody's claims"));
        }
        let version = sqlx::query_scalar!(
            "INSERT INTO general_switch (stopped, reason, set_by, set_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (one) DO UPDATE SET stopped = excluded.stopped, reason = excluded.reason, set_by = excluded.set_by,
                 set_at = excluded.set_at, version = general_switch.version + 1
             RETURNING version",
            stopped,
            reason,
            set_by.as_str(),
            work.now(),
        )
        .fetch_one(work.conn())
        .await?;
        let told = GeneralSwitchSet { of_tenant, stopped, reason, set_by };
        let cause = Cause::from(&message.envelope);
        work.emit(&cause, u64::from(version.unsigned_abs()), &told);
        look_at_line::enqueue(work, &cause, true).await?;
        Ok(Outcome::none())
    }
}

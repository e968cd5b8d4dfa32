//! What has to be so at the end, whatever died. A second tenant that nobody disturbs syncs the same seller: its rows are the measure.

use anyhow::ensure;
use e2e::wait::until;
use serde_json::Value;
use shared_events::Service;

use super::desk::{Desk, TENANT};
use crate::scene::SOON;

/// The tenant that is not disturbed.
const CALM: &str = "calm";

/// Rows that one of the two tenants has and the other has not, or has otherwise: none of what was fetched may differ.
const DIFFERENT_ROWS: &str = "
    SELECT count(*) FROM (SELECT report, marketplace, hash, occurrence, raw FROM report_rows WHERE tenant = 'acme' AND report <> 'parcel') a
    FULL JOIN (SELECT report, marketplace, hash, occurrence, raw AS calm FROM report_rows WHERE tenant = 'calm') b
        USING (report, marketplace, hash, occurrence)
    WHERE a.raw IS DISTINCT FROM b.calm";
/// Sums of what moved, which grow with each row that is counted.
const DIFFERENT_SUMS: &str = "
    SELECT count(*) FROM (SELECT fnsku, place, state, day, units FROM stock_moves WHERE tenant = 'acme') a
    FULL JOIN (SELECT fnsku, place, state, day, units AS calm FROM stock_moves WHERE tenant = 'calm') b
        USING (fnsku, place, state, day)
    WHERE a.units IS DISTINCT FROM b.calm";
const OF_PARCELS: &str = "FROM claims WHERE tenant = 'acme' AND claim_type = 'amazon_shipping_claim'";

impl Desk<'_> {
    async fn number(&self, service: Service, sql: &str) -> anyhow::Result<i64> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        Ok(sqlx::query_scalar(sql).fetch_one(self.system.world.database(service)).await?)
    }

    /// Every run of a sync is over.
    async fn synced(&mut self, tenant: &str) -> anyhow::Result<()> {
        let open = format!(
            "SELECT count(*) FILTER (WHERE state NOT IN ('committed', 'no_data', 'failed')) FROM sync_runs WHERE tenant = '{tenant}'
             HAVING count(*) > 0"
        );
        self.until_ticking(&format!("{tenant} is synced"), async |desk| {
            Ok((desk.number(Service::Claims, &open).await? == 0).then_some(()))
        })
        .await
    }

    /// Waits until nothing is left to do, and counts.
    pub async fn check(&mut self, claims: usize) -> anyhow::Result<String> {
        let all = i64::try_from(claims)?;
        self.until_ticking("every fee is charged", async |desk| {
            let charged = format!("SELECT count(*) {OF_PARCELS} AND state = 'fee_charged'");
            Ok((desk.number(Service::Claims, &charged).await? == all).then_some(()))
        })
        .await?;
        self.synced(TENANT).await?;
        self.sync(TENANT).await?;
        self.connect(CALM).await?;
        self.connection(CALM).await?;
        self.synced(CALM).await?;
        self.synced(TENANT).await?;
        until("nothing is left to say", SOON, async || {
            Ok((self.system.world.outbox(Service::Claims).await? == 0).then_some(()))
        })
        .await?;
        let rows = self.number(Service::Claims, "SELECT count(*) FROM report_rows WHERE tenant = 'calm'").await?;
        ensure!(rows > 100, "only {rows} rows were fetched");
        self.counts(all).await?;
        self.money().await?;
        Ok(format!("{rows} rows and {claims} claims, each once: case, payout, packet and fee"))
    }

    async fn counts(&self, all: i64) -> anyhow::Result<()> {
        let told = |kind: &str| {
            format!("SELECT count(*) FROM claim_events WHERE kind = '{kind}' AND claim_id IN (SELECT id {OF_PARCELS})")
        };
        let claims = [
            ("rows that differ", DIFFERENT_ROWS.to_owned(), 0),
            ("sums that differ", DIFFERENT_SUMS.to_owned(), 0),
            ("runs that failed", "SELECT count(*) FROM sync_runs WHERE state = 'failed'".to_owned(), 0),
            ("claims", format!("SELECT count(*) {OF_PARCELS}"), all),
            ("cases", format!("SELECT count(DISTINCT case_id) {OF_PARCELS}"), all),
            ("detections claimed", format!("SELECT count(DISTINCT detection_id) {OF_PARCELS}"), all),
            ("payouts", "SELECT count(*) FROM claim_payouts WHERE confirmed_at IS NOT NULL".to_owned(), all),
            ("fees", "SELECT count(*) FROM claim_fees".to_owned(), all),
            ("fees that are not charged", "SELECT count(*) FROM claim_fees WHERE state <> 'charged'".to_owned(), 0),
            ("sendings told", told("claim_submitted"), all),
            ("requests for packets", told("payout_confirmed"), all),
            ("seals told", told("claim_sealed"), all),
            ("charges told", told("fee_charged"), all),
            ("parked messages", "SELECT count(*) FROM parked".to_owned(), 0),
            ("failed jobs", "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL".to_owned(), 0),
        ];
        for (what, sql, expected) in claims {
            let found = self.number(Service::Claims, &sql).await?;
            ensure!(found == expected, "{what}: {found}, not {expected}");
        }
        let evidence = [
            ("packets", "SELECT count(*) FROM packets WHERE state = 'ready' AND NOT draft", all),
            ("requests with a packet", "SELECT count(DISTINCT request_id) FROM packets WHERE NOT draft", all),
            ("parked messages", "SELECT count(*) FROM parked", 0),
        ];
        for (what, sql, expected) in evidence {
            let found = self.number(Service::Evidence, sql).await?;
            ensure!(found == expected, "{what}: {found}, not {expected}");
        }
        Ok(())
    }

    /// Amazon and Stripe tell the same.
    async fn money(&self) -> anyhow::Result<()> {
        let (at_amazon, calls) = (self.at_amazon("claims").await?, self.at_amazon("calls").await?);
        let ours: Vec<(String, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT subject->>'tracking', case_id {OF_PARCELS}")))
                .fetch_all(self.system.world.database(Service::Claims))
                .await?;
        for (parcel, case) in &ours {
            ensure!(at_amazon[parcel] == case.as_str(), "{parcel} is {case} here and {} there", at_amazon[parcel]);
        }
        let asked = calls["createClaim"].as_u64().unwrap_or_default();
        ensure!(asked == u64::try_from(ours.len())?, "Amazon was asked {asked} times for {} claims", ours.len());
        let url = format!("{}/_sandbox/objects", self.stripe.address);
        let objects: Vec<Value> = reqwest::get(url).await?.json().await?;
        let paid = objects.iter().filter(|one| one["object"] == "payment_intent" && one["status"] == "succeeded");
        let paid: Vec<i64> = paid.filter_map(|one| one["amount_received"].as_i64()).collect();
        let moves = self.number(Service::Claims, "SELECT count(*) FROM fee_moves WHERE state = 'done'").await?;
        let owed = self.number(Service::Claims, "SELECT sum(amount_minor)::bigint FROM claim_fees").await?;
        ensure!(i64::try_from(paid.len())? == moves, "{} payments for {moves} charges", paid.len());
        ensure!(paid.iter().sum::<i64>() == owed, "fees of {owed} and payments of {}", paid.iter().sum::<i64>());
        Ok(())
    }
}

//! Rows of reports about money, as a sync would have left them in the database.

use chrono::NaiveDate;
use claims::confirm_payouts;
use serde_json::json;
use shared_events::ConnectionId;
use uuid::Uuid;

use crate::claim_bed::{Bed, CONNECTION, cause, usd};

impl Bed {
    /// A row of the reimbursements report comes in.
    pub async fn reimbursed(&self, id: &str, case: &str, minor: i64, units: i64, original: &str) {
        let (day, reason) = (self.now(), if original.is_empty() { "Lost_Warehouse" } else { "Reimbursement_Reversal" });
        let names = "approval-date reimbursement-id case-id amazon-order-id reason sku fnsku currency-unit amount-per-unit amount-total \
                     quantity-reimbursed-cash quantity-reimbursed-inventory original-reimbursement-id original-reimbursement-type";
        let kind = if original.is_empty() { "" } else { "Lost_Warehouse" };
        let fields = [
            &day.to_rfc3339(),
            id,
            case,
            "",
            reason,
            "SKU1",
            "X001",
            "USD",
            &usd(minor / units).decimal(),
            &usd(minor).decimal(),
            &units.to_string(),
            "0",
            original,
            kind,
        ];
        self.row("reimbursement", names, &fields, day.date_naive(), Some(case)).await;
        self.run_jobs().await;
    }

    /// A line of a settlement comes in.
    pub async fn posted(&self, minor: i64) {
        self.post_without_looking(minor).await;
        self.run_jobs().await;
    }

    /// The Finances API tells of money.
    pub async fn told_of(&self, minor: i64) {
        let now = self.now();
        let posting = json!({"posted_at": now, "sku": "SKU1", "amount": usd(minor), "transaction": Uuid::now_v7()});
        self.row("finance", "", &[&posting.to_string()], now.date_naive(), None).await;
        self.run_jobs().await;
    }

    /// As [`Bed::posted`], and nobody looks yet.
    pub async fn post_without_looking(&self, minor: i64) {
        let names = "settlement-id total-amount currency transaction-type order-id marketplace-name amount-type amount-description amount \
                     posted-date sku quantity-purchased";
        let (day, amount) = (self.now().date_naive(), usd(minor).decimal());
        let date = day.to_string();
        let fields = [
            "S1",
            "",
            "",
            "other-transaction",
            "",
            "Amazon.com",
            "FBA Inventory Reimbursement",
            "WAREHOUSE_LOST",
            &amount,
            &date,
            "SKU1",
            "6",
        ];
        self.row("settlement", names, &fields, day, None).await;
    }

    async fn row(&self, report: &str, names: &str, fields: &[&str], day: NaiveDate, case: Option<&str>) {
        let names: Vec<&str> = names.split_whitespace().collect();
        let mut work = self.slice.work().await;
        let header = Uuid::now_v7();
        sqlx::query("INSERT INTO report_headers (tenant, id, names) VALUES ($1, $2, $3)")
            .bind(self.slice.tenant.as_str())
            .bind(header)
            .bind(&names)
            .execute(work.conn())
            .await
            .expect("a header");
        sqlx::query(
            "INSERT INTO report_rows (tenant, connection_id, report, hash, occurrence, marketplace, day, fnsku, sku, case_id, currency,
                 header_id, raw, run_id, first_seen, changed_at)
             VALUES ($1, $2, $3, $4, 1, 'US', $5, 'X001', 'SKU1', nullif($6, ''), 'USD', $7, $8, $4, now(), now())",
        )
        .bind(self.slice.tenant.as_str())
        .bind(CONNECTION)
        .bind(report)
        .bind(Uuid::now_v7())
        .bind(day)
        .bind(case)
        .bind(header)
        .bind(fields.join("\u{1f}"))
        .execute(work.conn())
        .await
        .expect("a row");
        confirm_payouts::enqueue(&mut work, &cause(), ConnectionId(CONNECTION)).await.expect("a job");
        work.commit().await.expect("committed");
    }
}

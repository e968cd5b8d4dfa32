//! Which tables are compared, by which key, and without which columns.

/// How a table is compared.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What names a row on both sides, as SQL over `t`.
    pub key: &'static [&'static str],
    /// Columns that depend on when or in which order rows were written, and on nothing else.
    pub volatile: &'static [&'static str],
    /// What is selected from, where it is not the table itself; `$1` is the tenant.
    pub source: Option<&'static str>,
}

const fn table(name: &'static str, key: &'static [&'static str], volatile: &'static [&'static str]) -> Table {
    Table { name, key, volatile, source: None }
}

/// Every table that the service's handlers write, in the order in which they are compared. Kit tables (inbox, outbox, jobs, attempts) say how the service
/// got on and are left out.
pub const TABLES: [Table; 12] = [
    table("reward_rules", &["campaign_id", "version"], &["received_at"]),
    table("commissions", &["id"], &["seq", "calculated_at"]),
    table("refunds", &["refund_id"], &["seq", "recorded_at"]),
    table("revisions", &["conversion_id", "revision"], &["recorded_at"]),
    table("customers", &["campaign_id", "rewarded_on", "visitor"], &[]),
    table("partner_months", &["partner", "campaign_id", "rewarded_on", "month"], &[]),
    table("balances", &["partner", "currency"], &[]),
    table("payouts", &["id"], &["seq", "requested_at", "approved_at", "submitted_at", "finished_at"]),
    table("payout_allocations", &["payout_id", "commission_id", "netted"], &[]),
    table("payout_batches", &["id"], &["created_at", "written_at"]),
    Table {
        name: "ledger",
        key: &["partner", "currency", "movement", "from_account", "to_account", "commission_id", "payout_id", "cause", "nth"],
        volatile: &["seq", "at"],
        // The ledger's own key is where a row stands; rows that are otherwise alike are numbered.
        source: Some(
            "(SELECT *, row_number() OVER (PARTITION BY partner, currency, movement, from_account, to_account, commission_id, payout_id, cause
                                           ORDER BY minor) AS nth FROM ledger WHERE tenant = $1)",
        ),
    },
    table("command_outcomes", &["command_id"], &["finished_at"]),
];

/// Columns of a commission that its calculation settles; the others change with what happens to it afterwards.
pub const CALCULATED: [&str; 24] = [
    "tenant",
    "id",
    "conversion_id",
    "revision",
    "campaign_id",
    "partner",
    "rules_version",
    "rewarded_on",
    "weight_bps",
    "currency",
    "base_minor",
    "turnover_minor",
    "earned_minor",
    "hold_until",
    "review",
    "signals",
    "facts",
    "reason",
    "click_id",
    "order_id",
    "visitor",
    "occurred_at",
    "month",
    "cause",
];

impl Table {
    /// Rows of one tenant, whole, with their keys and in their order.
    pub fn select(&self) -> String {
        let key = self
            .key
            .iter()
            .map(|column| format!("coalesce(t.{column}::text, '-')"))
            .collect::<Vec<_>>()
            .join(" || '|' || ");
        let source = self.source.unwrap_or(self.name);
        format!(
            "SELECT {key} AS key, to_jsonb(t) AS row FROM {source} AS t WHERE t.tenant = $1 ORDER BY ({key}) COLLATE \"C\""
        )
    }
}

//! What holds after every story, seen with the owner's eyes.

use sqlx::Connection;

use crate::bed::Bed;

impl Bed {
    pub async fn as_owner<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut connection = sqlx::PgConnection::connect_with(&self.options).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }

    /// What holds always, of every tenant.
    pub async fn check(&self) {
        let nothing_wrong = [
            "SELECT count(*) FROM (SELECT txn_id FROM postings GROUP BY txn_id HAVING sum(minor) <> 0 OR count(*) <> 2) x",
            "SELECT count(*) FROM (
                SELECT tenant, partner, currency, account::text, sum(minor) AS minor FROM postings WHERE account <> 'expense' GROUP BY 1, 2, 3, 4
             ) l FULL JOIN (
                SELECT tenant, partner, currency, a.account, a.minor FROM balances b CROSS JOIN LATERAL (VALUES ('accrued', accrued), ('payable', payable),
                    ('in_payout', in_payout), ('paid', paid), ('clawback_receivable', clawback_receivable)) AS a (account, minor)
             ) b USING (tenant, partner, currency, account) WHERE COALESCE(l.minor, 0) <> COALESCE(b.minor, 0)",
            "SELECT count(*) FROM (
                SELECT b.accrued - COALESCE(sum(earned_minor - reversed_minor) FILTER (WHERE state = 'pending'), 0) AS accrued,
                       b.payable - COALESCE(sum(earned_minor - reversed_minor - allocated_minor) FILTER (WHERE state = 'approved' AND earned_minor > 0), 0) AS payable,
                       b.clawback_receivable - COALESCE(sum(earned_minor - allocated_minor) FILTER (WHERE earned_minor < 0), 0) AS owed
                FROM balances b LEFT JOIN commissions c USING (tenant, partner, currency) GROUP BY b.tenant, b.partner, b.currency
             ) d WHERE accrued <> 0 OR payable <> 0 OR owed <> 0",
            "SELECT count(*) FROM commissions WHERE earned_minor >= 0 AND NOT (0 <= reversed_minor AND 0 <= clawed_back_minor
                AND reversed_minor + clawed_back_minor <= earned_minor AND 0 <= paid_minor AND paid_minor <= allocated_minor
                AND allocated_minor <= earned_minor - reversed_minor)",
            "SELECT count(*) FROM (SELECT sum(earned_minor - reversed_minor) AS net FROM commissions GROUP BY tenant, conversion_id) x WHERE net < 0",
            "SELECT count(*) FROM (
                SELECT p.amount_minor - COALESCE(sum(a.minor) FILTER (WHERE NOT a.netted), 0) AS d, COALESCE(sum(a.minor) FILTER (WHERE a.netted), 0) AS n
                FROM payouts p LEFT JOIN payout_allocations a ON a.tenant = p.tenant AND a.payout_id = p.id GROUP BY p.tenant, p.id, p.amount_minor
             ) x WHERE d <> 0 OR n <> 0",
        ];
        for sql in nothing_wrong {
            assert_eq!(self.as_owner::<i64>(sql).await, 0, "{sql}");
        }
    }
}

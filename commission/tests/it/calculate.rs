//! What conversions earn.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use shared_events::tracking::{Credit, RewardValue, Tier};
use shared_events::{Currency, Money, VisitorId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, at, code, partner, ten_percent, usd};

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_sale_earns_ten_percent_and_is_payable_after_its_hold(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 1_000, 0, 0, 0, 0)]);
    assert_eq!(bed.balance("ann").await, (1_000, 0, 0, 0, 0));
    bed.clock.advance(TimeDelta::days(29));
    let stop = tokio_util::sync::CancellationToken::new();
    assert_eq!(commission::sweep::sweep(&bed.store, &stop).await.unwrap(), 0, "a day is left");
    bed.clock.advance(TimeDelta::days(1));
    assert_eq!(commission::sweep::sweep(&bed.store, &stop).await.unwrap(), 1);
    assert_eq!(bed.balance("ann").await, (0, 1_000, 0, 0, 0));
    assert_eq!(bed.said().await, ["commission.commission_calculated.v1", "commission.commission_approved.v1"]);
    bed.check().await;
}

/// What a partner turned over in its month is for tiers; at the end of 64 bits it stays there and holds nobody up.
#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_month_of_very_large_sales_goes_on(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut flat = ten_percent();
    flat.value = RewardValue::FlatMinor(5);
    bed.learn(1, vec![flat]).await;
    for _ in 0..3 {
        let sale = bed.sale("ann", i64::MAX / 2);
        bed.attribute(&sale).await;
        assert_eq!(bed.rows(&sale).await[0].1, 5);
    }
    assert_eq!(bed.balance("ann").await.0, 15);
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn unknown_rules_are_waited_for(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let sale = bed.sale("ann", 10_000);
    assert!(matches!(bed.attribute_all(vec![sale.clone()]).await, Err(Failure::Retry(_))));
    bed.learn(1, vec![ten_percent()]).await;
    bed.attribute(&sale).await;
    assert_eq!(bed.rows(&sale).await.len(), 1);
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_run_earns_what_its_messages_earn_one_by_one(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut rule = ten_percent();
    rule.tiers = vec![Tier { from_count: Some(3), from_amount_minor: None, value: RewardValue::BasisPoints(2_000) }];
    rule.cap_per_partner_month_minor = Some(7_500);
    bed.learn(1, vec![rule]).await;
    // Two partners at once, the same sales for each: one in a single run, the other message by message.
    let (together, single): (Vec<_>, Vec<_>) =
        (0..6).map(|_| (bed.sale("run", 10_000), bed.sale("one", 10_000))).unzip();
    bed.attribute_all(together.clone()).await.unwrap();
    for sale in &single {
        bed.attribute(sale).await;
    }
    let expected = [1_000, 1_000, 2_000, 2_000, 1_500, 0];
    for (index, earned) in expected.into_iter().enumerate() {
        assert_eq!(bed.rows(&together[index]).await[0].1, earned, "in a run, sale {index}");
        assert_eq!(bed.rows(&single[index]).await[0].1, earned, "one by one, sale {index}");
    }
    assert_eq!(bed.rows(&single[5]).await[0].0, "rejected", "what earns nothing is kept and explained");
    // Another month counts anew.
    let mut december = bed.sale("run", 10_000);
    december.occurred_at = at("2026-12-01T00:00:00Z");
    bed.attribute(&december).await;
    assert_eq!(bed.rows(&december).await[0].1, 1_000);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn the_same_message_twice_in_a_run_earns_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute_all(vec![sale.clone(), sale.clone()]).await.unwrap();
    bed.attribute(&sale).await;
    assert_eq!(bed.rows(&sale).await.len(), 1);
    assert_eq!(bed.balance("ann").await.0, 1_000);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn weights_divide_and_every_partner_has_a_row(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sale = bed.sale("ann", 1_005);
    let credit = |name, weight_bps| Credit { partner: partner(name), weight_bps, click: None };
    sale.credits = vec![credit("ann", 3_333), credit("bob", 3_334), credit("cat", 3_333)];
    bed.attribute(&sale).await;
    let earned: Vec<i64> = bed.rows(&sale).await.iter().map(|row| row.1).collect();
    assert_eq!(earned, [33, 35, 33], "10 % of 10.05 is 1.005, half away from zero 1.01");
    sale.conversion_id.0 = Uuid::now_v7();
    sale.credits.pop();
    assert_eq!(bed.attribute_all(vec![sale]).await.map_err(code), Err("bad_weights".to_owned()));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn recurring_months_count_from_the_customers_first_conversion(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut first_only = ten_percent();
    first_only.recurring_months = Some(0);
    let mut one_month = ten_percent();
    one_month.recurring_months = Some(1);
    bed.learn(1, vec![first_only]).await;
    bed.learn(2, vec![one_month]).await;
    let of = |version, customer: u128, day: &str| {
        let mut sale = bed.sale("ann", 10_000);
        (sale.rules_version, sale.visitor, sale.occurred_at) =
            (version, Some(VisitorId(Uuid::from_u128(customer))), at(day));
        sale
    };
    let run =
        vec![of(1, 1, "2026-11-01T00:00:00Z"), of(1, 1, "2026-11-02T00:00:00Z"), of(1, 2, "2026-11-03T00:00:00Z")];
    bed.attribute_all(run.clone()).await.unwrap();
    let later = [of(1, 2, "2026-11-04T00:00:00Z"), of(2, 2, "2026-12-02T23:59:59Z"), of(2, 2, "2026-12-03T00:00:00Z")];
    for sale in &later {
        bed.attribute(sale).await;
    }
    let mut earned = Vec::new();
    for sale in run.iter().chain(&later) {
        earned.push(bed.rows(sale).await[0].1);
    }
    assert_eq!(earned, [1_000, 0, 1_000, 0, 1_000, 0]);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn another_currency_than_the_campaigns_is_refused(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sale = bed.sale("ann", 10_000);
    sale.amount = Some(Money::new(10_000, Currency::try_new("EUR").unwrap()));
    assert_eq!(bed.attribute_all(vec![sale]).await.map_err(code), Err("currency_mismatch".to_owned()));
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn two_sweepers_approve_each_commission_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sales: Vec<_> = (0..700).map(|n| bed.sale(["ann", "bob", "cat"][n % 3], 10_000)).collect();
    bed.attribute_all(sales).await.unwrap();
    bed.clock.advance(TimeDelta::days(31));
    let stop = tokio_util::sync::CancellationToken::new();
    let sweep = || commission::sweep::sweep(&bed.store, &stop);
    let (a, b, c) = tokio::join!(sweep(), sweep(), sweep());
    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 700);
    assert_eq!(bed.said().await.iter().filter(|kind| kind.contains("approved")).count(), 700);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn runs_at_the_same_time_count_every_sale_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut rule = ten_percent();
    rule.cap_per_partner_month_minor = Some(50_500);
    bed.learn(1, vec![rule]).await;
    let run = |turn: usize| {
        let names = ["ann", "bob", "cat"];
        // Each run names the partners in another order, which must not lead to a deadlock.
        let sales = (0..60).map(|n| bed.sale(names[(n * (turn + 1) + turn) % 3], 10_000)).collect();
        bed.attribute_all(sales)
    };
    let (a, b, c, d) = tokio::join!(run(0), run(1), run(3), run(4));
    for result in [a, b, c, d] {
        result.unwrap();
    }
    for name in ["ann", "bob", "cat"] {
        assert_eq!(bed.balance(name).await.0, 50_500, "the cap holds over runs at the same time");
    }
    assert_eq!(usd(50_500).decimal(), "505.00");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn tenants_do_not_see_each_other(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    let other = bed.of_tenant("other");
    assert!(other.rows(&sale).await.is_empty());
    assert_eq!(other.balance("ann").await, (0, 0, 0, 0, 0));
    // Without a tenant there is nothing at all, and nothing can be written for another one.
    let mut work = bed.store.begin().await.unwrap();
    let tables = [
        "commissions",
        "ledger",
        "postings",
        "balances",
        "reward_rules",
        "partner_months",
        "refunds",
        "revisions",
        "payouts",
        "payout_batches",
    ];
    for table in tables {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(work.conn())
            .await
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
    let mut work = other.work().await;
    let stolen = sqlx::query("UPDATE commissions SET partner = 'eve'").execute(work.conn()).await.unwrap();
    assert_eq!(stolen.rows_affected(), 0);
    let forged = sqlx::query("INSERT INTO known_tenants VALUES ('x')").execute(work.conn()).await;
    assert!(forged.is_ok(), "names alone are shared");
    let forged =
        sqlx::query("INSERT INTO balances VALUES ('demo', 'eve', 'USD', 0, 1, 0, 0, 0)").execute(work.conn()).await;
    assert!(forged.is_err(), "another tenant's row is refused");
}

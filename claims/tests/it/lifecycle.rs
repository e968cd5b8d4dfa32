//! Detections through time and late rows, through the service: files in, timers, claims that take, Amazon that pays by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use chrono::{DateTime, Utc};
use claims::commit_rows::{self, Committed, Origin};
use claims::detection_row;
use claims::detection_timer::LookAgain;
use claims::evaluate::Evaluate;
use claims::kind::Kind;
use claims::marketplace::Marketplace;
use claims::parse_report::{self, Reading};
use claims::record_cost::Record;
use claims::reports::Charset;
use claims::touched;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::jobs::Worker;
use service_kit::store::Cause;
use service_kit::testing::Slice;
use shared_events::claims::RecordSourcingCost;
use shared_events::money::{Currency, Money};
use shared_events::{ClaimId, ConnectionId, DetectionId, Subject, SyncRunId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::service::{app, slice};

pub const LEDGER: &str = "Date\tFNSKU\tASIN\tMSKU\tTitle\tEvent Type\tReference ID\tQuantity\tFulfillment Center\tDisposition\tReason\tCountry\tReconciled Quantity\tUnreconciled Quantity\tDate and Time\tStore";
pub const PAID: &str = "approval-date\treimbursement-id\tcase-id\tamazon-order-id\treason\tsku\tfnsku\tasin\tproduct-name\tcondition\tcurrency-unit\tamount-per-unit\tamount-total\tquantity-reimbursed-cash\tquantity-reimbursed-inventory\tquantity-reimbursed-total\toriginal-reimbursement-id\toriginal-reimbursement-type";
pub const SALES: &str = "shipment-date\tsku\tfnsku\tasin\tfulfillment-center-id\tquantity\tamazon-order-id\tcurrency\titem-price-per-unit\tshipping-price\tgift-wrap-price\tship-city\tship-state\tship-postal-code";
pub const SETTLED: &str = "settlement-id\tsettlement-end-date\ttotal-amount\tcurrency\ttransaction-type\torder-id\tmarketplace-name\tamount-type\tamount-description\tamount\tposted-date\tposted-date-time\tsku\tquantity-purchased";

const SELLER: ConnectionId = ConnectionId(Uuid::from_u128(7));

pub fn moved(day: &str, reference: &str, units: i64, reason: &str, reconciled: i64) -> String {
    let left = units.abs() - reconciled;
    format!(
        "{day}\tX1\tB1\tSKU1\tTitle\tAdjustments\t{reference}\t{units}\tLGB3\tSELLABLE\t{reason}\tUS\t{reconciled}\t{left}\t\t"
    )
}

pub fn paid(day: &str, id: &str, case: &str, cash: i64, inventory: i64) -> String {
    let (total, all) = (cash * 1188, cash + inventory);
    let total = format!("{}.{:02}", total / 100, total % 100);
    format!(
        "{day}T10:00:00+00:00\t{id}\t{case}\t\tLost_Warehouse\tSKU1\tX1\tB1\tTitle\tNewItem\tUSD\t11.88\t{total}\t{cash}\t{inventory}\t{all}\t\t"
    )
}

/// A seller without anything at Amazon.
pub async fn seller(pool: PgPoolOptions, options: PgConnectOptions) -> Slice {
    let slice = slice(pool, options).await;
    let mut work = slice.work().await;
    let sql = "INSERT INTO connections (tenant, id, kind, region, account, state, marketplaces, connected_by, created_at, changed_at)
               VALUES ('demo', $1, 'amazon', 'na', 'A1', 'connected', '{US,CA}', 'ann', now(), now())";
    sqlx::query(sql).bind(SELLER.0).execute(work.conn()).await.unwrap();
    work.commit().await.unwrap();
    let unit = Money::new(1188, Currency::USD);
    let told_by = Subject::try_new("ann").unwrap();
    let valid_from = "2026-01-01".parse().unwrap();
    slice.handle(&Record, RecordSourcingCost { fnsku: "X1".into(), unit, valid_from, told_by }).await.unwrap();
    slice
}

/// Reads a file as a sync does, and evaluates.
pub async fn file(slice: &Slice, kind: Kind, place: &str, header: &str, rows: &[String]) -> Committed {
    let place = Marketplace::of_country(place).unwrap();
    let today = place.date_of(&slice.store.now());
    let text = format!("{header}\r\n{}\r\n", rows.join("\r\n"));
    let reading = Reading { kind, place, today, charset: Charset::Cp1252 };
    let mut batches = parse_report::begin(std::io::Cursor::new(text.into_bytes()), reading);
    let origin = Origin { connection: SELLER, run: SyncRunId(Uuid::now_v7()), kind, place, today };
    let mut all = Committed::default();
    while let Some(batch) = batches.recv().await {
        let batch = batch.unwrap();
        assert!(batch.bad.is_empty(), "{:?}", batch.bad);
        let mut work = slice.work().await;
        if let Some((name, day)) = &batch.watermark {
            commit_rows::raise_watermark(&mut work, SELLER, name, *day).await.unwrap();
        }
        let some = commit_rows::commit(&mut work, origin, batch).await.unwrap();
        touched::evaluate_soon(&mut work, &cause(), SELLER).await.unwrap();
        work.commit().await.unwrap();
        (all.new, all.changed) = (all.new + some.new, all.changed + some.changed);
    }
    drain(slice).await;
    all
}

fn cause() -> Cause {
    Cause::root(Uuid::now_v7(), None)
}

pub async fn drain(slice: &Slice) {
    // Without what claims make of detections, which has tests of its own.
    let worker = Worker::new(slice.store.clone()).on(Evaluate);
    let timers = Worker::new(slice.store.clone()).on(LookAgain);
    while worker.run_next().await.unwrap() || timers.run_next().await.unwrap() {}
}

/// What the list shows, newest first: kind, status, units, cents.
pub async fn shown(slice: &Slice) -> Vec<Value> {
    let answer = slice.get(&app(slice), "/api/detections", Role::Seller).await;
    let rows = answer.body["detections"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
    rows.iter()
        .map(|row| json!([row["claim_type"], row["status"], row["units"], row["expected_value"]["minor"]]))
        .collect()
}

async fn only(slice: &Slice) -> Value {
    slice.get(&app(slice), "/api/v1/detections", Role::Manager).await.body["detections"][0].clone()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn sixteen_lost_less_found_and_paid_leave_six_and_a_claim_holds_them(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let slice = seller(pool, options).await;
    let lost = moved("10/20/2026", "21188081", -16, "M", 0);
    file(&slice, Kind::Ledger, "US", LEDGER, &[lost]).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 19008])]);
    // Amazon finds five, pays three and gives two; the reconciled quantity of the old row changes.
    let found = moved("10/22/2026", "21019010", 5, "F", 5);
    let lost = moved("10/20/2026", "21188081", -16, "M", 5);
    let written = file(&slice, Kind::Ledger, "US", LEDGER, &[lost, found]).await;
    assert_eq!((written.new, written.changed), (1, 1), "the old row reads otherwise and is the same row");
    let rows = [paid("2026-10-25", "R1", "", 3, 0), paid("2026-10-26", "R2", "", 0, 2)];
    // The report ignores the marketplace that it is asked for: the same rows for two.
    assert_eq!(file(&slice, Kind::Reimbursement, "US", PAID, &rows).await.new, 2);
    assert_eq!(file(&slice, Kind::Reimbursement, "CA", PAID, &rows).await, Committed::default());
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 6, 7128])]);
    let detail = slice
        .get(
            &app(&slice),
            &format!("/api/detections/{}", only(&slice).await["detection_id"].as_str().unwrap()),
            Role::Seller,
        )
        .await;
    let steps = detail.body["arithmetic"].to_string();
    assert!(
        steps.contains("less 3 reimbursed in money (R1)") && steps.contains("6 x USD 11.88") || steps.contains("6 x"),
        "{steps}"
    );
    assert!(detail.body["rows"][0]["raw"].as_str().unwrap().contains("21188081"), "the raw row is there");
    assert_eq!(detail.body["policy_version"].as_str().map(str::is_empty), Some(false));

    // A claim takes them: nothing is found twice, also when everything is evaluated again.
    let id = DetectionId(Uuid::parse_str(detail.body["detection_id"].as_str().unwrap()).unwrap());
    let mut work = slice.work().await;
    detection_row::claim(&mut work, &cause(), id, ClaimId(Uuid::from_u128(9)), Some("15902837461")).await.unwrap();
    work.commit().await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimed", 6, 7128])]);
    // What the case brings is set against it, and raises nothing.
    file(&slice, Kind::Reimbursement, "US", PAID, &[paid("2026-11-05", "R3", "15902837461", 6, 0)]).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimed", 6, 7128])]);
    // Four more lost on the same day turn up late: they are another detection.
    file(&slice, Kind::Ledger, "US", LEDGER, &[moved("10/20/2026", "21188099", -4, "M", 0)]).await;
    let now = shown(&slice).await;
    assert_eq!((now.len(), &now[0]), (2, &json!(["fc_lost", "claimable", 4, 4752])));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn identical_rows_are_two_and_what_amazon_pays_by_itself_resolves(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let slice = seller(pool, options).await;
    let twin = moved("10/20/2026", "21188081", -1, "M", 0);
    assert_eq!(file(&slice, Kind::Ledger, "US", LEDGER, &[twin.clone(), twin.clone()]).await.new, 2);
    assert_eq!(file(&slice, Kind::Ledger, "US", LEDGER, &[twin.clone(), twin]).await, Committed::default());
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 2, 2376])]);
    file(&slice, Kind::Reimbursement, "US", PAID, &[paid("2026-10-28", "R77", "", 2, 0)]).await;
    assert_eq!(shown(&slice).await[0][1], json!("resolved_by_amazon"));
    let said = slice.said().await;
    let kinds: Vec<&str> = said.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["claims.detection_raised.v1", "claims.detection_resolved.v1"]);
    assert!(said[1].1["reason"].as_str().unwrap().contains("R77"), "{}", said[1].1);
    // Each change is looked at by claims.
    let mut work = slice.work().await;
    let looks: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = 'claims.consider_detection'")
        .fetch_one(work.conn())
        .await
        .unwrap();
    assert_eq!(looks, 2);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_refund_opens_on_day_sixty_and_is_too_late_on_day_121(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    slice.clock.set(at("2026-06-02T12:00:00Z"));
    let sale =
        "2026-05-20T10:00:00+00:00\tSKU1\tX1\tB1\tLGB3\t1\t113-1\tUSD\t25.00\t0\t0\tSeattle\tWA\t98101".to_owned();
    file(&slice, Kind::Sale, "US", SALES, &[sale]).await;
    let line = |transaction: &str, kind: &str, what: &str, amount: &str, day: &str| {
        format!(
            "5\t\t\t\t{transaction}\t113-1\tAmazon.com\t{kind}\t{what}\t{amount}\t{day}\t{day} 12:00:00 UTC\tSKU1\t1"
        )
    };
    let rows = [
        "5\t2026-06-02 00:00:00 UTC\t0.00\tUSD\t\t\t\t\t\t\t\t\t\t".to_owned(),
        line("Order", "ItemPrice", "Principal", "25.00", "2026-05-20"),
        line("Order", "ItemFees", "Commission", "-3.75", "2026-05-20"),
        line("Refund", "ItemPrice", "Principal", "-25.00", "2026-06-01"),
    ];
    file(&slice, Kind::Settlement, "US", SETTLED, &rows).await;
    let mut work = slice.work().await;
    let private: i64 =
        sqlx::query_scalar("SELECT count(*) FROM report_rows WHERE raw LIKE '%Seattle%' OR raw LIKE '%98101%'")
            .fetch_one(work.conn())
            .await
            .unwrap();
    assert_eq!(private, 0, "where customers live is not kept");
    drop(work);
    let state = || async {
        shown(&slice).await.into_iter().find(|row| row[0] == json!("return_not_received")).unwrap()[1].clone()
    };
    assert_eq!(state().await, json!("not_yet_open"));
    // The timers alone move it: nothing else happens on these days. Midnight is that of the marketplace.
    for (moment, status) in [
        ("2026-07-31T06:59:59Z", "not_yet_open"),
        ("2026-07-31T07:00:00Z", "claimable"),
        ("2026-09-30T06:59:59Z", "claimable"),
        ("2026-09-30T07:00:00Z", "expired"),
    ] {
        slice.clock.set(at(moment));
        drain(&slice).await;
        assert_eq!(state().await, json!(status), "{moment}");
    }
    let said = slice.said().await;
    let count = |name: &str| said.iter().filter(|(kind, _)| kind == name).count();
    // The commission that the refund should have given back was found too, and was over in August.
    assert_eq!((count("claims.detection_expiring.v1"), count("claims.detection_expired.v1")), (1, 2), "{said:?}");
    assert_eq!(
        slice.of_tenant("other").get(&app(&slice), "/api/detections", Role::Seller).await.body["detections"],
        json!([])
    );
    assert_eq!(slice.get(&app(&slice), "/api/detections?status=odd", Role::Seller).await.status, 422);
    assert_eq!(slice.get(&app(&slice), "/api/detections", Role::Partner).await.status, 403);
}

//! Who is reached without having been entered: customers by the mail address of their order, staff when something waits too long.

use shared_events::commission::PayoutEscalated;
use shared_events::notify::Channel;
use shared_events::orders::{
    DisputeOpened, OrderPlaced, OrderRefundFailed, OrderTaskEscalated, ShipmentException, ShipmentReturned,
};
use shared_events::{OrderId, OrderTaskId, PartnerId, PaymentId, PayoutId, RefundId, ShipmentId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::Bed;
use crate::once::{placed, usd};

fn ordered(bed: &Bed, customer: &str, address: &str) -> OrderPlaced {
    let email = Some(bed.point(customer, Channel::Email, address));
    OrderPlaced { customer_id: customer.into(), email, ..placed(OrderId(Uuid::now_v7())) }
}

/// Whose mail address a recipient has.
async fn address(bed: &Bed, recipient: &str) -> Option<String> {
    let mut work = bed.slice.work().await;
    let mark: Option<String> =
        sqlx::query_scalar("SELECT mark FROM contact_points WHERE recipient = $1 AND channel = 'email'")
            .bind(recipient)
            .fetch_optional(work.conn())
            .await
            .unwrap();
    let known = ["one@example.com", "two@example.com", "own@example.com"];
    mark.and_then(|mark| known.into_iter().find(|known| bed.suppression_mark(Channel::Email, known).0 == mark))
        .map(str::to_owned)
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_customer_is_written_to_where_the_order_says(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let react = bed.react();
    bed.tell(&react, ordered(&bed, "ann", "one@example.com")).await.unwrap();
    let mut work = bed.slice.work().await;
    let reasons: Vec<(String, Option<String>)> =
        sqlx::query_as("SELECT channel::text, reason FROM sendings WHERE channel = 'email'")
            .fetch_all(work.conn())
            .await
            .unwrap();
    drop(work);
    assert_eq!(reasons.len(), 1);
    assert_ne!(reasons[0].1.as_deref(), Some("no_address"), "the mail of the order itself goes there already");
    bed.tell(&react, ordered(&bed, "ann", "two@example.com")).await.unwrap();
    assert_eq!(address(&bed, "ann").await.as_deref(), Some("two@example.com"), "the newest order's counts");
    // Whoever says where they are reached is right, and no order changes that.
    bed.contact("ann", &[(Channel::Email, "own@example.com")], None).await;
    bed.tell(&react, ordered(&bed, "ann", "one@example.com")).await.unwrap();
    assert_eq!(address(&bed, "ann").await.as_deref(), Some("own@example.com"));
    assert_eq!(address(&bed, "bob").await, None);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn staff_is_told_of_what_waits_too_long_and_of_what_went_wrong(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (react, order_id, id) = (bed.react(), OrderId(Uuid::now_v7()), Uuid::now_v7());
    bed.contact("@staff", &[(Channel::Email, "own@example.com")], None).await;
    for _ in 0..2 {
        bed.tell(&react, OrderTaskEscalated { task_id: OrderTaskId(id), order_id }).await.unwrap();
        let shipment_id = ShipmentId(id);
        let exception =
            ShipmentException { order_id, shipment_id, status: "failure".into(), detail: "gone to a neighbour".into() };
        bed.tell(&react, exception).await.unwrap();
        bed.tell(&react, ShipmentReturned { order_id, shipment_id }).await.unwrap();
        let failed = OrderRefundFailed {
            order_id,
            refund_id: RefundId(id),
            amount: usd(1_000),
            refunded_total_minor: 0,
            was_told: true,
            reason: "account closed".into(),
        };
        bed.tell(&react, failed).await.unwrap();
        let dispute = DisputeOpened {
            order_id,
            payment_id: PaymentId(id),
            gateway: "stripe".into(),
            dispute: "dp_1".into(),
            amount: Some(usd(1_000)),
        };
        bed.tell(&react, dispute).await.unwrap();
        let partner = PartnerId::try_new("p1").unwrap();
        let payout = PayoutEscalated { payout_id: PayoutId(id), partner, amount: usd(250_000) };
        bed.tell(&react, payout).await.unwrap();
    }
    let mut work = bed.slice.work().await;
    let told: Vec<(String, String)> = sqlx::query_as("SELECT template, recipient FROM notifications ORDER BY seq")
        .fetch_all(work.conn())
        .await
        .unwrap();
    let told: Vec<(&str, &str)> = told.iter().map(|(template, who)| (template.as_str(), who.as_str())).collect();
    let expected = [
        "order_task_escalated",
        "shipment_exception",
        "shipment_returned",
        "order_refund_failed",
        "dispute_opened",
        "payout_escalated",
    ];
    assert_eq!(told, expected.map(|template| (template, "@staff")), "each once");
}

//! Payments: declined, lost, given back; never twice, never forgotten.

use shared_events::orders::{LineQuantity, RefundWish, Steer};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bank::Mood;
use crate::bed::{Bed, usd};

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_definite_refusal_goes_to_the_next_provider(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    bed.cheap.will(&[Mood::Decline]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
    assert_eq!((bed.cheap.done("authorize"), bed.dear.done("authorize")), ((0, 0), (1, 2_650)));
    assert_eq!((bed.said("payment_declined").await, bed.said("payment_authorized").await), (1, 1));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_lost_answer_is_looked_up_and_never_goes_elsewhere(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 2).await;
    bed.cheap.will(&[Mood::Lost]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
    assert_eq!(
        (bed.cheap.done("authorize"), bed.cheap.calls("authorize"), bed.dear.calls("authorize")),
        ((1, 2_650), 1, 0)
    );
    assert!(bed.cheap.lookups() >= 1);
    // Not done and not answered: the lookup finds nothing, so it is asked for again under the same key.
    bed.cheap.will(&[Mood::Deaf]);
    let second = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(second).await.2, "buy_label");
    assert_eq!(
        (bed.cheap.done("authorize"), bed.cheap.calls("authorize"), bed.dear.calls("authorize")),
        ((2, 5_300), 3, 0)
    );
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn refused_by_all_waits_for_a_person_and_another_card(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    bed.cheap.will(&[Mood::Decline]);
    bed.dear.will(&[Mood::Decline]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let (status, hold, step) = bed.stands(id).await;
    assert_eq!((status.as_str(), hold.as_str(), step.as_str()), ("on_hold", "payment", "authorize_payment"));
    bed.steer(id, "authorize_payment", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
    assert_eq!(bed.cheap.done("authorize"), (1, 2_650));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn cancelling_gives_back_only_what_this_order_took(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 2).await;
    let kept = bed.place(bed.order(&[("cable", 1)])).await;
    let given_up = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.in_stock("cable", "east").await, (2, 2));
    assert_eq!(bed.cancel(given_up, Some("eve")).await.unwrap_err().code, "order_not_found");
    bed.cheap.will(&[Mood::Kill, Mood::Lost]);
    bed.cancel(given_up, Some("ann")).await.unwrap();
    bed.run().await;
    assert_eq!((bed.cheap.done("void"), bed.in_stock("cable", "east").await), ((1, 2_650), (2, 1)));
    assert_eq!(bed.said("payment_voided").await, 1);
    assert_eq!(bed.cancel(given_up, None).await.unwrap_err().code, "order_state_conflict");
    bed.labels(kept, 1).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(kept).await.0.as_str(), bed.cheap.done("capture")), ("shipped", (1, 2_650)));
    assert_eq!(bed.cancel(kept, None).await.unwrap_err().code, "order_state_conflict");
    bed.books_agree().await;
}

/// Cancelled while nobody knows whether it was paid: it is found out, and given back.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn cancelled_in_doubt_ends_without_a_promise(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    bed.cheap.will(&[Mood::Lost]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let worker = bed.worker();
    while bed.stands(id).await.2 != "authorize_payment" || bed.cheap.calls("authorize") == 0 {
        assert!(worker.run_next().await.unwrap());
    }
    bed.cancel(id, None).await.unwrap();
    bed.run().await;
    assert_eq!((bed.cheap.done("authorize"), bed.cheap.done("void")), ((1, 2_650), (1, 2_650)));
    assert_eq!((bed.stands(id).await.0.as_str(), bed.in_stock("cable", "east").await), ("cancelled", (1, 0)));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn refunds_are_paid_once_and_never_beyond_what_was_taken(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    assert_eq!(bed.refund(id, RefundWish::Whole, false).await.unwrap_err().code, "order_state_conflict");
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    let lines = RefundWish::Lines(vec![LineQuantity { line: 2, quantity: 1 }]);
    bed.cheap.will(&[Mood::Kill]);
    bed.refund(id, lines, true).await.unwrap();
    // Asked for while the first is still on its way: together they would be too much.
    assert_eq!(bed.refund(id, RefundWish::Amount(usd(19_000)), false).await.unwrap_err().code, "refund_too_large");
    bed.run().await;
    assert_eq!((bed.cheap.done("refund"), bed.cheap.calls("refund")), ((1, 1_650), 1));
    assert_eq!(
        (bed.in_stock("cable", "west").await, bed.shown(id).await["refund_status"].clone()),
        ((1, 0), "partial".into())
    );
    // Refused by the provider: the money can be refunded again.
    bed.cheap.will(&[Mood::Decline]);
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.cheap.done("refund").0, bed.stands(id).await.0.as_str()), (1, "shipped"));
    bed.cheap.will(&[Mood::Lost]);
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.cheap.done("refund"), bed.stands(id).await.0.as_str()), ((2, 19_359), "refunded"));
    assert_eq!(bed.refund(id, RefundWish::Whole, false).await.unwrap_err().code, "order_state_conflict");
    assert_eq!(bed.said("order_refunded").await, 2);
    bed.books_agree().await;
}

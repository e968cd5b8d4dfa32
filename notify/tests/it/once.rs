//! Once means once, and nobody is told what they do not want.

use chrono::TimeDelta;
use notify::put_contact::Prefer;
use notify::suppress::Suppressions;
use service_kit::handler::Handles;
use shared_events::commission::PayoutCompleted;
use shared_events::notify::{Channel, Preference, SetPreferences, SuppressAddress, SuppressionReason};
use shared_events::orders::{Channel as Door, OrderDispatched, OrderHeld, OrderPlaced, OrderRefunded};
use shared_events::{Currency, Money, NotificationId, OrderId, PartnerId, PayoutId, RefundId, SuppressionId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, who};

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn placed(order: OrderId) -> OrderPlaced {
    OrderPlaced {
        order_id: order,
        customer_id: "ann".into(),
        channel: Door::Shop,
        lines: vec![],
        goods: usd(1_500),
        total: usd(2_650),
        click_id: None,
        coupon: None,
        email: None,
    }
}

fn id_of(value: &serde_json::Value) -> NotificationId {
    NotificationId(value["notification_id"].as_str().unwrap().parse().unwrap())
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn the_same_key_makes_one_notification_also_for_two_at_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let first = bed.send(bed.wanted("ann", "k1", &[])).await.unwrap();
    let again = bed.send(bed.wanted("ann", "k1", &[])).await.unwrap();
    assert_eq!((&first["created"], &again["created"]), (&true.into(), &false.into()));
    assert_eq!(id_of(&first), id_of(&again));
    // Two transactions that both see nothing: the database decides.
    let send = notify::send_notification::Send { configured: bed.config.channels() };
    let (mut one, mut two) = (bed.slice.work().await, bed.slice.work().await);
    let (first, second) =
        (bed.slice.deliver(bed.wanted("bob", "k2", &[])), bed.slice.deliver(bed.wanted("bob", "k2", &[])));
    let made = send.handle(&mut one, &first).await.unwrap();
    assert_eq!(made.value().unwrap()["created"], true);
    let (waiting, ()) = tokio::join!(send.handle(&mut two, &second), async { one.commit().await.unwrap() });
    assert_eq!(waiting.unwrap().value().unwrap()["created"], false);
    two.commit().await.unwrap();
    assert_eq!((bed.count("notifications").await, bed.said("notification_created").await), (2, 2));
    // Another tenant's key is another key.
    let other = Bed { slice: bed.slice.of_tenant("other"), config: bed.config.clone() };
    assert_eq!(other.send(other.wanted("ann", "k1", &[])).await.unwrap()["created"], true);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn an_orders_life_is_told_to_its_customer_and_trouble_to_staff(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.contact("ann", &[(Channel::Email, "ann@example.com")], Some("de-AT")).await;
    let (react, order) = (bed.react(), OrderId(Uuid::now_v7()));
    let refunded = OrderRefunded {
        order_id: order,
        refund_id: RefundId(Uuid::now_v7()),
        amount: usd(500),
        refunded_total_minor: 500,
        total_minor: 2_650,
        lines: vec![],
        restock: false,
        goods_minor: Default::default(),
        goods_refunded_minor: None,
        marketplace_units: Default::default(),
    };
    // The refund of an order that nobody knows is told to nobody, and is no failure.
    bed.tell(&react, refunded.clone()).await.unwrap();
    for _ in 0..2 {
        bed.tell(&react, placed(order)).await.unwrap();
        let dispatched = OrderDispatched { order_id: order, customer_id: "ann".into(), shipments: 2 };
        bed.tell(&react, dispatched).await.unwrap();
        bed.tell(&react, refunded.clone()).await.unwrap();
    }
    let held = |step: &str| OrderHeld {
        order_id: order,
        reason: "fraud".into(),
        step: step.into(),
        detail: "score 80".into(),
    };
    bed.tell_at(&react, held("score_fraud"), 3).await.unwrap();
    bed.tell_at(&react, held("score_fraud"), 7).await.unwrap();
    let paid = PayoutCompleted {
        payout_id: PayoutId(Uuid::now_v7()),
        partner: PartnerId::try_new("pia").unwrap(),
        amount: usd(9_900),
        reference: "r".into(),
    };
    bed.tell(&react, paid).await.unwrap();
    let mut work = bed.slice.work().await;
    let told: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT template, recipient, language, subject FROM notifications ORDER BY seq")
            .fetch_all(work.conn())
            .await
            .unwrap();
    let names: Vec<(&str, &str, &str)> =
        told.iter().map(|(template, who, language, _)| (template.as_str(), who.as_str(), language.as_str())).collect();
    let expected = [
        ("order_placed", "ann", "de"),
        ("order_dispatched", "ann", "de"),
        ("order_refunded", "ann", "de"),
        ("order_held", "@staff", "en"),
        ("order_held", "@staff", "en"),
        ("payout_paid", "partner:pia", "en"),
    ];
    assert_eq!(names, expected);
    assert_eq!(told[5].3, "You were paid 99.00 USD");
    assert!(told[0].3.contains(&order.to_string()), "{}", told[0].3);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn preferences_and_suppressions_decide_who_is_written_to(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.contact("ann", &[(Channel::Email, "Ann@example.com"), (Channel::Sms, "+15550100")], None).await;
    let (react, order) = (bed.react(), OrderId(Uuid::now_v7()));
    let preference = Preference { category: "orders".into(), channel: Channel::Email, enabled: false };
    let prefer = SetPreferences { recipient: "ann".into(), preferences: vec![preference], by: who("ann") };
    bed.tell(&Prefer, prefer.clone()).await.unwrap();
    bed.tell(&react, placed(order)).await.unwrap();
    let mut work = bed.slice.work().await;
    let states: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT channel::text, state::text, reason FROM sendings ORDER BY channel")
            .fetch_all(work.conn())
            .await
            .unwrap();
    let expected = [("email", "skipped", Some("not_wanted")), ("in_app", "sent", None)];
    let states: Vec<_> = states.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_deref())).collect();
    assert_eq!(states, expected);
    drop(work);
    // Another kind is not meant by it.
    let all = [Channel::Email, Channel::Sms, Channel::Push];
    let sent = id_of(&bed.send(bed.wanted("ann", "k1", &all)).await.unwrap());
    assert_eq!(bed.state(sent, Channel::Email).await, "queued");
    assert_eq!(bed.state(sent, Channel::Sms).await, "skipped", "nobody carries texts here");
    assert_eq!(bed.state(sent, Channel::Push).await, "skipped", "there is no device");
    // What is suppressed meanwhile does not go out, though it was queued: the address counts, not its spelling or its owner.
    let suppress = SuppressAddress {
        suppression_id: SuppressionId(Uuid::now_v7()),
        channel: Channel::Email,
        mark: bed.suppression_mark(Channel::Email, "ann@EXAMPLE.com"),
        masked: "a***@example.com".into(),
        reason: SuppressionReason::Complaint,
        why: None,
        by: who("boss"),
    };
    bed.tell(&Suppressions, suppress.clone()).await.unwrap();
    let again = SuppressAddress { suppression_id: SuppressionId(Uuid::now_v7()), ..suppress };
    assert_eq!(bed.tell(&Suppressions, again).await.unwrap()["created"], false);
    bed.later(TimeDelta::seconds(1));
    bed.drain(&bed.carrying(bed.carriers())).await;
    assert_eq!(bed.state(sent, Channel::Email).await, "suppressed");
    bed.contact("ann-again", &[(Channel::Email, "ann@example.com")], None).await;
    let other = id_of(&bed.send(bed.wanted("ann-again", "k2", &[Channel::Email])).await.unwrap());
    assert_eq!(bed.state(other, Channel::Email).await, "suppressed");
    let unknown = SetPreferences {
        preferences: vec![Preference { category: "account".into(), channel: Channel::Email, enabled: false }],
        ..prefer
    };
    assert_eq!(bed.tell(&Prefer, unknown).await.unwrap_err().code, "bad_category");
}

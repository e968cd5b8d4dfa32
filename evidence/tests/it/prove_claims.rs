//! A claim's proof: asked for, no longer wanted, paid, taken back.

use chrono::TimeDelta;
use evidence::prove_claims::{Answered, Confirmed, HandedOver, Reversed, Unwanted, Wanted};
use evidence::prove_fulfilment::Prove;
use serde_json::json;
use service_kit::auth::Role;
use service_kit::clock::Clock as _;
use shared_events::claims::{
    ClaimAnswered, ClaimSubmissionAttempted, PayoutConfirmed, PayoutReversed, ProofUnwanted, ProofWanted, ReplyKind,
};
use shared_events::evidence::ProofSubject;
use shared_events::orders::{LabelBought, OrderDelivered, ShipmentDispatched};
use shared_events::{ClaimId, OrderId, PacketId, ShipmentId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::match_bed;
use crate::match_labels::by_number;
use crate::packet_bed::{Bed, usd};
use crate::packets::json as json_of;
use crate::packets_http::{app, get, token};

fn wanted(claim_id: ClaimId) -> ProofWanted {
    ProofWanted {
        claim_id,
        claim_type: "inbound_shortage".into(),
        subject: ProofSubject { sku: Some("SKU1".into()), quantity: Some(6), ..ProofSubject::default() },
        source_rows: vec![json!({"key": "row-1"})],
        policy: json!({"version": "us-1"}),
        asked: Subject::try_new("ann").unwrap(),
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_claim_asks_for_proof_once_and_no_longer(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, claim_id) = (Bed::new(pool, options).await, ClaimId(Uuid::from_u128(5)));
    bed.handle(&Wanted, wanted(claim_id)).await.unwrap();
    bed.handle(&Wanted, wanted(claim_id)).await.unwrap();
    let open =
        "SELECT count(*) FROM proof_requests WHERE id = '00000000-0000-0000-0000-000000000005' AND state = 'open'";
    assert_eq!(bed.count(open).await, 1);
    assert_eq!(bed.count("SELECT count(*) FROM jobs WHERE kind = 'evidence.match_request'").await, 1);
    let unwanted = ProofUnwanted { claim_id, reason: "it was withdrawn".into() };
    bed.handle(&Unwanted, unwanted.clone()).await.unwrap();
    bed.handle(&Unwanted, unwanted).await.unwrap();
    assert_eq!(bed.count(open).await, 0);
    bed.handle(&Unwanted, ProofUnwanted { claim_id: ClaimId(Uuid::now_v7()), reason: "?".into() }).await.unwrap();
    bed.handle(&Wanted, wanted(claim_id)).await.unwrap();
    assert_eq!(bed.count(open).await, 0, "a withdrawn request stays withdrawn");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn whoever_is_handed_a_claim_gets_a_draft_of_its_packet(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("claim").await;
    let attempted = |claim_id, packet: Option<u128>| ClaimSubmissionAttempted {
        claim_id,
        attempt: 1,
        tried: 1,
        channel: "assisted".into(),
        outcome: if packet.is_some() { "handed_over" } else { "begun" }.into(),
        packet_id: packet.map(|id| PacketId(Uuid::from_u128(id))),
    };
    let claim_id = ClaimId(request.0);
    bed.handle(&HandedOver, attempted(claim_id, None)).await.unwrap();
    // Somebody else's request, and none at all.
    bed.handle(&HandedOver, attempted(ClaimId(Uuid::from_u128(77)), Some(7))).await.unwrap();
    bed.drain().await;
    assert!(bed.packets().await.is_empty(), "nobody has to send it by hand");
    for _ in 0..2 {
        bed.handle(&HandedOver, attempted(claim_id, Some(1))).await.unwrap();
        bed.drain().await;
    }
    let packets = bed.packets().await;
    assert_eq!(packets, [PacketId(Uuid::from_u128(1))], "told twice, made once, under the id that was told");
    assert!(bed.verified(packets[0]).await.packet.unwrap().draft, "and marked as what it is");
    // Handed over again and nothing has happened since: the second id leads to the same packet.
    bed.handle(&HandedOver, attempted(claim_id, Some(2))).await.unwrap();
    bed.drain().await;
    let path = format!("/api/v1/evidence/packets/{}", Uuid::from_u128(2));
    let shown = get(&app(&bed), &path, &token("demo", Role::Seller), None).await;
    let packet: serde_json::Value = serde_json::from_slice(&shown.bytes).unwrap();
    assert_eq!((shown.status, &packet["packet_id"]), (200, &json!(packets[0])));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn money_seals_one_packet_and_a_reversal_adds_to_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("claim").await;
    let paid = PayoutConfirmed {
        claim_id: ClaimId(request.0),
        amount: usd(5_940),
        units: None,
        reference: "R-1 row-1".into(),
        probability_bps: None,
        posting: "row-2".into(),
        paid_at: bed.clock_now(),
    };
    bed.handle(&Confirmed, paid.clone()).await.unwrap();
    bed.drain().await;
    bed.handle(&Confirmed, paid.clone()).await.unwrap();
    bed.drain().await;
    assert_eq!(bed.packets().await.len(), 1, "told twice, sealed once");
    bed.clock.advance(TimeDelta::days(1));
    let taken = PayoutReversed {
        claim_id: ClaimId(request.0),
        amount: usd(1_188),
        reference: "R-2 row-3".into(),
        original: "R-1".into(),
        paid_at: bed.clock_now(),
    };
    bed.handle(&Reversed, taken).await.unwrap();
    bed.drain().await;
    let packets = bed.packets().await;
    assert_eq!(packets.len(), 2);
    let header = bed.verified(packets[1]).await.packet.unwrap();
    assert!(header.addendum_to.is_some() && !header.draft);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn units_instead_of_money_are_sealed_too(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("claim").await;
    let given = PayoutConfirmed {
        claim_id: ClaimId(request.0),
        amount: usd(0),
        units: Some(2),
        reference: "R-1 row-1".into(),
        probability_bps: None,
        posting: String::new(),
        paid_at: bed.clock_now(),
    };
    // As it was told before events named the units: nobody knows what for.
    bed.handle(&Confirmed, PayoutConfirmed { units: None, ..given.clone() }).await.unwrap();
    bed.drain().await;
    assert!(bed.packets().await.is_empty());
    bed.handle(&Confirmed, given.clone()).await.unwrap();
    bed.handle(&Confirmed, given).await.unwrap();
    bed.drain().await;
    let packets = bed.packets().await;
    assert_eq!(packets.len(), 1);
    assert!(!bed.verified(packets[0]).await.packet.unwrap().draft);
    let claim = json_of(&bed.file(packets[0]).await, "claim.json");
    assert_eq!((&claim["payouts"][0]["units"], &claim["payouts"][0]["amount"]), (&json!(2), &json!("0.00")));
    let timeline = json_of(&bed.file(packets[0]).await, "timeline.json").to_string();
    assert!(timeline.contains("2 units were given, the units back to stock"), "{timeline}");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_becomes_of_a_claim_is_a_label(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = match_bed::Bed::new(pool, options).await;
    bed.label(by_number(0, 22, 0)).await;
    bed.drain().await;
    let request = bed.request(match_bed::subject()).await;
    let document = bed.document(&match_bed::numbered("112-1234567-1234567")).await;
    bed.drain().await;
    let claim_id = ClaimId(request.0);
    let outcomes = async || {
        let mut work = bed.work().await;
        let rows = sqlx::query_as::<_, (Uuid, bool)>("SELECT document_id, proved FROM labels WHERE source = 'outcome'");
        rows.fetch_all(work.conn()).await.unwrap()
    };
    let answered = |kind, category: Option<&str>| ClaimAnswered {
        claim_id,
        kind,
        category: category.map(str::to_owned),
        amount: None,
        next: "nothing".into(),
    };
    // Neither a question for more nor a refusal for another reason says anything about the document.
    for (kind, category) in [
        (ReplyKind::InfoRequested, Some("missing_document")),
        (ReplyKind::Denied, Some("out_of_window")),
        (ReplyKind::Approved, None),
    ] {
        bed.handle(&Answered, answered(kind, category)).await.unwrap();
    }
    assert_eq!(outcomes().await, []);
    bed.handle(&Answered, answered(ReplyKind::Denied, Some("insufficient_evidence"))).await.unwrap();
    assert_eq!(outcomes().await, [(document.0, false)]);
    let paid = PayoutConfirmed {
        claim_id,
        amount: usd(24_580),
        units: None,
        reference: "R-1 row-1".into(),
        probability_bps: None,
        posting: "row-2".into(),
        paid_at: bed.clock.now(),
    };
    bed.handle(&Confirmed, paid.clone()).await.unwrap();
    bed.handle(&Confirmed, paid).await.unwrap();
    assert_eq!(outcomes().await, [(document.0, true)], "it was paid after all, and is one label");
    let taken = PayoutReversed {
        claim_id,
        amount: usd(24_580),
        reference: "R-2 row-3".into(),
        original: "R-1".into(),
        paid_at: bed.clock.now(),
    };
    bed.handle(&Reversed, taken).await.unwrap();
    assert_eq!(outcomes().await, [(document.0, true)], "why it was taken back is not known");
    // Another claim, whose request is not known here, is none of ours.
    let other =
        ClaimAnswered { claim_id: ClaimId(Uuid::now_v7()), ..answered(ReplyKind::Denied, Some("missing_document")) };
    bed.handle(&Answered, other).await.unwrap();
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_orders_tells_of_a_parcel_is_kept_as_proof(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (order_id, shipment_id) = (OrderId(Uuid::from_u128(1)), ShipmentId(Uuid::from_u128(2)));
    let left = ShipmentDispatched {
        order_id,
        shipment_id,
        warehouse_id: "east".into(),
        carrier: "ups".into(),
        tracking_number: "1Z1".into(),
        service: Some("ground".into()),
    };
    let label = LabelBought {
        order_id,
        shipment_id,
        carrier: "UPS".into(),
        service: "Ground".into(),
        tracking_number: "1Z1".into(),
        rate: usd(790),
        label_sha256: Some("ab".into()),
    };
    bed.handle(&Prove, label).await.unwrap();
    bed.handle(&Prove, left).await.unwrap();
    bed.clock.advance(TimeDelta::days(2));
    bed.handle(&Prove, OrderDelivered { order_id }).await.unwrap();
    bed.handle(&Prove, OrderDelivered { order_id }).await.unwrap();
    let known = "SELECT count(*) FROM fulfilments WHERE carrier = 'UPS' AND warehouse_id = 'east' AND label_sha256 = 'ab' \
                 AND delivered_at > dispatched_at AND jsonb_array_length(trail) = 3 AND version = 3";
    assert_eq!(bed.count(known).await, 1);
    let page = format!("/api/v1/evidence/fulfilments?order_id={}", order_id.0);
    let asked = get(&app(&bed), &page, &token("demo", Role::Operator), None).await;
    let body: serde_json::Value = serde_json::from_slice(&asked.bytes).unwrap();
    assert_eq!((asked.status, &body["fulfilments"][0]["trail"][1]["stage"]), (200, &json!("dispatch")), "{body}");
    let other = get(&app(&bed), &page, &token("other", Role::Manager), None).await;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&other.bytes).unwrap()["fulfilments"], json!([]));
    assert_eq!(get(&app(&bed), &page, &token("demo", Role::Partner), None).await.status, 403);
}

//! A claim's proof: asked for, no longer wanted, paid, taken back.

use chrono::TimeDelta;
use evidence::prove_claims::{Confirmed, Reversed, Unwanted, Wanted};
use evidence::prove_fulfilment::Prove;
use serde_json::json;
use service_kit::auth::Role;
use shared_events::claims::{PayoutConfirmed, PayoutReversed, ProofUnwanted, ProofWanted};
use shared_events::evidence::ProofSubject;
use shared_events::orders::{LabelBought, OrderDelivered, ShipmentDispatched};
use shared_events::{ClaimId, OrderId, ShipmentId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::packet_bed::{Bed, usd};
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
async fn money_seals_one_packet_and_a_reversal_adds_to_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("claim").await;
    let paid = PayoutConfirmed {
        claim_id: ClaimId(request.0),
        amount: usd(5_940),
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
    bed.handle(&Confirmed, PayoutConfirmed { amount: usd(0), reference: "R-3".into(), ..paid }).await.unwrap();
    bed.drain().await;
    assert_eq!(bed.packets().await.len(), 1, "units instead of money seal nothing");
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

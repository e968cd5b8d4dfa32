//! The one API for claims: sent once, or nobody knows.

use std::time::Duration;

use providers::amazon::{ClaimReason, CreateClaim, DeclaredValue, Error, Operation, Patience, Region, SettlementType};
use service_kit::config::Secret;
use shared_events::money::{Currency, Money};

use super::bed::{Bed, patience};

pub(super) fn claim(parcel: &str) -> CreateClaim {
    CreateClaim {
        tracking_id: parcel.to_owned(),
        declared_value: Some(DeclaredValue(Money::new(4_210, Currency::USD))),
        claim_reason: ClaimReason::LostInTransit,
        is_replacement_package_sent: None,
        proofs: vec!["https://proofs.example/1".to_owned()],
        settlement_type: SettlementType::Refund,
        business: Some("AmazonShipping_US".to_owned()),
    }
}

#[tokio::test]
async fn a_parcel_is_claimed_once() {
    let bed = Bed::new().await;
    let session = bed.us();
    assert!(session.create_claim(&claim("TBA1")).await.unwrap().starts_with("1318"));
    let again = session.create_claim(&claim("TBA1")).await.unwrap_err();
    let Error::Refused(refusal) = again else { panic!("{again}") };
    assert_eq!(refusal.errors[0].details.as_deref(), Some("Claim already exists for the trackingId"));
}

#[tokio::test]
async fn a_claim_that_may_have_been_taken_is_not_sent_again() {
    let bed = Bed::new().await;
    let hasty = bed.partner.with_patience(Patience { request: Duration::from_secs(2), ..patience() });
    let session = hasty.session(Region::Na, "A2SANDBOX00007", Secret::new("Atzr|refresh-token-of-the-seller"));
    for (number, kind) in ["accept_then_hang", "error", "truncate"].into_iter().enumerate() {
        bed.fault("createClaim", kind, 1).await;
        let error = session.create_claim(&claim(&format!("TBA{number}"))).await.unwrap_err();
        assert!(matches!(error, Error::Ambiguous { operation: Operation::CreateClaim, .. }), "{kind}: {error}");
        assert!(!error.is_temporary());
        assert_eq!(bed.calls("createClaim").await, number as u64 + 1, "{kind}");
    }
    // It was taken indeed.
    assert!(matches!(session.create_claim(&claim("TBA0")).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_claim_that_came_too_early_is_sent_again() {
    let bed = Bed::new().await;
    bed.fault("createClaim", "throttle", 2).await;
    bed.us().create_claim(&claim("TBA1")).await.unwrap();
    assert_eq!(bed.calls("createClaim").await, 3);
}

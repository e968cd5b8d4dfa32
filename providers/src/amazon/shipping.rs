//! Shipping v2: a claim for a parcel that Amazon's own carrier lost or broke. The one API there is for claims.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use shared_events::money::Money;

use super::call::Question;
use super::open_enum::open_enum;
use super::{Error, Operation, Session};

open_enum! {
    /// Why a parcel is claimed.
    ClaimReason {
        /// Lost on its way.
        LostInTransit = "LOST_IN_TRANSIT",
        /// Damaged on its way.
        DamagedInTransit = "DAMAGED_IN_TRANSIT",
        /// Said to be delivered, and not received.
        DeliveredNotReceived = "DELIVERED_NOT_RECEIVED",
        /// Something else was in it, or nothing.
        ItemMissingSwitcheroo = "ITEM_MISSING_SWITCHEROO",
        /// Cash was taken, and the parcel marked as refused.
        CodAbuse = "COD_ABUSE",
    }
}

open_enum! {
    /// What is wanted.
    SettlementType {
        /// Money.
        Refund = "REFUND",
        /// A paper that says what happened.
        CertificateOfFact = "CERTIFICATE_OF_FACT",
    }
}

/// The value of what was in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredValue(pub Money);

impl Serialize for DeclaredValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire {
            /// A JSON number with exactly these digits.
            value: Box<RawValue>,
            unit: String,
        }
        let value = RawValue::from_string(self.0.decimal()).map_err(serde::ser::Error::custom)?;
        Wire { value, unit: self.0.currency.code().to_owned() }.serialize(to)
    }
}

/// A claim for one parcel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateClaim {
    /// The carrier's number of the parcel.
    pub tracking_id: String,
    /// Needed for parcels of orders from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_value: Option<DeclaredValue>,
    /// Why.
    pub claim_reason: ClaimReason,
    /// For parcels of Amazon's own orders: a replacement was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_replacement_package_sent: Option<bool>,
    /// Addresses of proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<String>,
    /// What is wanted.
    pub settlement_type: SettlementType,
    /// Which of Amazon's shipping businesses, such as `AmazonShipping_US`; without it the British one.
    #[serde(skip)]
    pub business: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    claim_id: String,
}

impl Session {
    /// Claims a parcel and gives the claim's id. It is never sent twice by itself: [`Error::Ambiguous`] says that nobody knows whether
    /// there is a claim now. A second claim for a parcel is refused with `InvalidInputException`, so asking Amazon's support or
    /// sending it again by a person's decision both find out.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_claim(&self, claim: &CreateClaim) -> Result<String, Error> {
        let question = Question::post(Operation::CreateClaim, "/shipping/v2/claims", claim)
            .header("x-amzn-shipping-business-id", claim.business.clone());
        let created: Result<Created, Error> = self.call(&question).await;
        match created {
            Ok(created) => Ok(created.claim_id),
            // It was done, and its number was lost.
            Err(Error::Unreadable { operation, problem, request_id }) => {
                Err(Error::Ambiguous { operation, problem, request_id })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared_events::money::Currency;

    use super::*;

    #[test]
    fn a_claim_is_written_as_published() {
        let claim = CreateClaim {
            tracking_id: "TBA1".to_owned(),
            declared_value: Some(DeclaredValue(Money::new(4_210, Currency::USD))),
            claim_reason: ClaimReason::LostInTransit,
            is_replacement_package_sent: None,
            proofs: vec![],
            settlement_type: SettlementType::Refund,
            business: Some("AmazonShipping_US".to_owned()),
        };
        let expected = r#"{"trackingId":"TBA1","declaredValue":{"value":42.10,"unit":"USD"},"claimReason":"LOST_IN_TRANSIT","settlementType":"REFUND"}"#;
        assert_eq!(serde_json::to_string(&claim).unwrap(), expected);
    }
}

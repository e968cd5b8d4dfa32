//! The channel `amazon_shipping`: claims for parcels of Amazon's own carrier, by the one interface for claims that there is.
//!
//! Amazon takes one claim for a parcel and tells nobody afterwards which it has. So an end that nobody saw is not asked for again: a
//! person finds out, or the money tells.

use providers::amazon::{ClaimReason, CreateClaim, DeclaredValue, Error, Refusal, Session, SettlementType};
use service_kit::store::Store;
use shared_events::ConnectionId;

use crate::amazon::Amazon;
use crate::channel::{AMAZON_SHIPPING, Answer, Channel, Known, Parcel, Sent};
use crate::connection_row;
use crate::detection::Fact;
use crate::kind::Kind;
use crate::report_rows::{By, rows};

/// The channel.
pub struct ByAmazonShipping {
    /// Where sellers and their parcels are known.
    pub store: Store,
    /// Amazon.
    pub amazon: Amazon,
}

impl Channel for ByAmazonShipping {
    fn name(&self) -> &'static str {
        AMAZON_SHIPPING
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Sent> {
        Box::pin(async move {
            match self.prepare(parcel).await {
                Ok((session, claim)) => session.create_claim(&claim).await.map_or_else(ended, Sent::Accepted),
                Err(problem) => Sent::NotSent(format!("{problem:#}")),
            }
        })
    }

    fn look_up<'a>(&'a self, _: &'a Parcel) -> Answer<'a, Known> {
        Box::pin(async { Known::CannotTell })
    }
}

impl ByAmazonShipping {
    async fn prepare(&self, parcel: &Parcel) -> anyhow::Result<(Session, CreateClaim)> {
        let tracking = parcel.subject["tracking"].as_str().unwrap_or_default().to_owned();
        let mut work = self.store.read(&parcel.tenant).await?;
        let id = ConnectionId(parcel.connection);
        let connection = connection_row::read(&mut work, id).await?.filter(|found| found.state == "connected");
        let kept = rows(&mut work, id, By::Order(std::slice::from_ref(&tracking)), &[Kind::Parcel]).await?;
        work.commit().await?;
        let connection = connection.ok_or_else(|| anyhow::anyhow!("the seller is not connected"))?;
        let reason = kept.iter().find_map(|row| match row.fact() {
            Ok(Some(Fact::Parcel(told))) => Some(ClaimReason::from(told.reason.as_str())),
            _ => None,
        });
        let claim_reason = reason.ok_or_else(|| anyhow::anyhow!("nobody says any more what happened to the parcel"))?;
        let session = self.amazon.session(parcel.tenant.as_str(), &connection)?;
        let claim = CreateClaim {
            tracking_id: tracking,
            declared_value: Some(DeclaredValue(parcel.amount)),
            claim_reason,
            is_replacement_package_sent: None,
            proofs: Vec::new(),
            settlement_type: SettlementType::Refund,
            business: Some(business(&parcel.marketplace)),
        };
        Ok((session, claim))
    }
}

/// Amazon's shipping business in a country.
fn business(country: &str) -> String {
    let code = if country == "GB" { "UK" } else { country };
    format!("AmazonShipping_{code}")
}

fn ended(error: Error) -> Sent {
    match error {
        Error::Refused(refusal) => refused(refusal),
        // Nothing was done.
        Error::Revoked
        | Error::Login { .. }
        | Error::Throttled { .. }
        | Error::Unavailable { .. }
        | Error::Document(_) => Sent::NotSent(error.to_string()),
        Error::Ambiguous { .. } | Error::Unreadable { .. } => Sent::Unknown(error.to_string()),
    }
}

fn refused(refusal: Refusal) -> Sent {
    let words = refusal.to_string();
    // There is a claim, and its number was lost, or somebody else made it.
    if words.to_lowercase().contains("already exists") {
        return Sent::Unknown(format!("Amazon has a claim for this parcel, and does not say which: {words}"));
    }
    match refusal.status {
        // It is about our access, not about the claim.
        401 | 403 => Sent::NotSent(words),
        _ => Sent::Refused(words),
    }
}

#[cfg(test)]
mod tests {
    use providers::amazon::{ApiError, Operation};

    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let of = |status, code: &str, details: &str| {
            let error = ApiError { code: code.into(), message: "no".into(), details: Some(details.into()) };
            let operation = Operation::CreateClaim;
            refused(Refusal { operation, status, errors: vec![error], request_id: None })
        };
        assert!(matches!(
            of(400, "InvalidInputException", "Claim already exists for the trackingId"),
            Sent::Unknown(_)
        ));
        assert!(matches!(of(403, "Unauthorized", "Access to requested resource is denied."), Sent::NotSent(_)));
        assert!(matches!(of(400, "InvalidInputException", "trackingId is missing"), Sent::Refused(_)));
        assert_eq!((business("GB"), business("US")), ("AmazonShipping_UK".to_owned(), "AmazonShipping_US".to_owned()));
    }
}

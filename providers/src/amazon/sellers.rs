//! Sellers v1: where a seller sells.

use serde::Deserialize;

use super::call::Question;
use super::{Error, Operation, Session};

/// A marketplace that the seller can take part in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketplaceParticipation {
    /// Where.
    pub marketplace: Marketplace,
    /// Whether, and how.
    pub participation: Participation,
    /// The seller's name there.
    #[serde(default)]
    pub store_name: String,
}

/// A marketplace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marketplace {
    /// `ATVPDKIKX0DER`, ...
    pub id: String,
    /// `Amazon.com`, ...
    pub name: String,
    /// ISO 3166-1, two letters.
    pub country_code: String,
    /// ISO 4217.
    pub default_currency_code: String,
    /// Such as `en_US`.
    pub default_language_code: String,
    /// Such as `www.amazon.com`.
    pub domain_name: String,
}

/// How a seller takes part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participation {
    /// Sells there.
    pub is_participating: bool,
    /// Some offers are suspended.
    pub has_suspended_listings: bool,
}

impl Session {
    /// Where the seller sells.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_marketplace_participations(&self) -> Result<Vec<MarketplaceParticipation>, Error> {
        let path = "/sellers/v1/marketplaceParticipations";
        self.call_wrapped(&Question::get(Operation::GetMarketplaceParticipations, path)).await
    }
}

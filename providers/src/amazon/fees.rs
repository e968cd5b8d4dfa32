//! Product Fees v0: what selling an article would cost now.

#![expect(missing_docs, reason = "the fields of an estimate are the published ones, and named as there")]

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared_events::money::Money;

use super::amount::list;
use super::call::{Question, segment};
use super::{Amount, Error, Operation, Session, Timestamp};

/// What to estimate.
#[derive(Debug, Clone)]
pub struct FeesEstimateRequest {
    pub marketplace_id: String,
    /// By Amazon (FBA).
    pub is_amazon_fulfilled: Option<bool>,
    /// Price and shipping of one unit; without a price Amazon has nothing to estimate.
    pub listing_price: Option<Money>,
    pub shipping: Option<Money>,
    /// Points given with it (Japan): their number and worth.
    pub points: Option<(i64, Money)>,
    /// Any text of ours; it comes back.
    pub identifier: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    fees_estimate_request: Wish<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wish<'a> {
    marketplace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_amazon_fulfilled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_to_estimate_fees: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Price {
    listing_price: Wire,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping: Option<Wire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<WirePoints>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WirePoints {
    points_number: i64,
    points_monetary_value: Wire,
}

/// An amount as a JSON number with exactly its digits.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    currency_code: String,
    amount: Box<RawValue>,
}

impl From<Money> for Wire {
    fn from(money: Money) -> Self {
        let amount = RawValue::from_string(money.decimal()).expect("a decimal is a JSON number");
        Self { currency_code: money.currency.code().to_owned(), amount }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Estimated {
    fees_estimate_result: FeesEstimateResult,
}

/// An estimate, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeesEstimateResult {
    pub status: Option<String>,
    pub fees_estimate_identifier: Option<FeesEstimateIdentifier>,
    pub fees_estimate: Option<FeesEstimate>,
    pub error: Option<FeesEstimateError>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeesEstimateIdentifier {
    pub marketplace_id: Option<String>,
    pub seller_id: Option<String>,
    pub id_type: Option<String>,
    pub id_value: Option<String>,
    pub is_amazon_fulfilled: Option<bool>,
    pub price_to_estimate_fees: Option<PriceToEstimateFees>,
    pub seller_input_identifier: Option<String>,
    pub optional_fulfillment_program: Option<String>,
}

/// The price that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PriceToEstimateFees {
    pub listing_price: Option<Amount>,
    pub shipping: Option<Amount>,
    pub points: Option<Points>,
}

/// Points given with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Points {
    pub points_number: Option<i64>,
    pub points_monetary_value: Option<Amount>,
}

/// The fees of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeesEstimate {
    pub time_of_fees_estimation: Option<Timestamp>,
    pub total_fees_estimate: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub fee_detail_list: Vec<FeeDetail>,
}

/// One fee: `ReferralFee`, `FBAFees`, ...
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeeDetail {
    pub fee_type: Option<String>,
    pub fee_amount: Option<Amount>,
    pub fee_promotion: Option<Amount>,
    pub tax_amount: Option<Amount>,
    pub final_fee: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub included_fee_detail_list: Vec<IncludedFeeDetail>,
}

/// A part of a fee.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IncludedFeeDetail {
    pub fee_type: Option<String>,
    pub fee_amount: Option<Amount>,
    pub fee_promotion: Option<Amount>,
    pub tax_amount: Option<Amount>,
    pub final_fee: Option<Amount>,
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeesEstimateError {
    pub r#type: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub detail: Vec<serde_json::Value>,
}

impl Session {
    /// The fees that one unit of an article would cost at a price. A refusal of the estimate itself is in its result.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_my_fees_estimate_for_sku(
        &self,
        sku: &str,
        wish: &FeesEstimateRequest,
    ) -> Result<FeesEstimateResult, Error> {
        let price = wish.listing_price.map(|listing_price| Price {
            listing_price: listing_price.into(),
            shipping: wish.shipping.map(Wire::from),
            points: wish
                .points
                .map(|(points_number, worth)| WirePoints { points_number, points_monetary_value: worth.into() }),
        });
        let body = Body {
            fees_estimate_request: Wish {
                marketplace_id: &wish.marketplace_id,
                is_amazon_fulfilled: wish.is_amazon_fulfilled,
                price_to_estimate_fees: price,
                identifier: wish.identifier.as_deref(),
            },
        };
        let path = format!("/products/fees/v0/listings/{}/feesEstimate", segment(sku));
        let result: Estimated =
            self.call_wrapped(&Question::post(Operation::GetMyFeesEstimateForSku, path, &body)).await?;
        Ok(result.fees_estimate_result)
    }
}

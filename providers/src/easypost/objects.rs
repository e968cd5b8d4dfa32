//! What EasyPost takes and gives.

use serde::{Deserialize, Serialize};

/// Where a parcel comes from or goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street1: Option<String>,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street2: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// How heavy a parcel is. EasyPost counts in ounces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parcel {
    weight: f64,
}

impl Parcel {
    /// Of so many grams, rounded up to a tenth of an ounce (28.349523125 g).
    pub fn of_grams(grams: i64) -> Self {
        const NANOGRAMS_PER_TENTH: i128 = 2_834_952_312;
        let tenths = (i128::from(grams.max(1)) * 1_000_000_000 + NANOGRAMS_PER_TENTH - 1) / NANOGRAMS_PER_TENTH;
        let text = format!("{}.{}", tenths / 10, tenths % 10);
        Self { weight: text.parse().unwrap_or(f64::MAX) }
    }
}

/// What a carrier would take for a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rate {
    /// EasyPost's id.
    pub id: String,
    /// The carrier.
    pub carrier: String,
    /// Its service.
    pub service: String,
    /// How much, as a decimal text.
    pub rate: String,
    /// ISO 4217.
    pub currency: String,
    /// In how many days it arrives, where the carrier says.
    #[serde(default)]
    pub delivery_days: Option<i64>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Where it can be fetched.
    pub label_url: String,
}

/// Something that was charged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fee {
    /// `PostageFee`, `LabelFee`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// How much, as a decimal text.
    pub amount: String,
}

/// Where a parcel is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tracker {
    /// EasyPost's id.
    pub id: String,
    /// The carrier's number.
    pub tracking_code: String,
    /// Where it is.
    #[serde(default)]
    pub status: TrackerStatus,
    /// What the carrier says besides.
    #[serde(default)]
    pub status_detail: Option<String>,
    /// The shipment that it is of.
    #[serde(default)]
    pub shipment_id: Option<String>,
    /// When that was.
    #[serde(default)]
    pub updated_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Where a parcel is, in EasyPost's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackerStatus {
    /// There is a label, and no parcel yet.
    PreTransit,
    /// On its way.
    InTransit,
    /// On the last part of its way.
    OutForDelivery,
    /// It waits to be fetched.
    AvailableForPickup,
    /// It arrived.
    Delivered,
    /// It comes back.
    ReturnToSender,
    /// It could not be delivered.
    Failure,
    /// It was called off.
    Cancelled,
    /// The carrier has trouble with it.
    Error,
    /// The carrier does not know it yet.
    #[default]
    #[serde(other)]
    Unknown,
}

impl TrackerStatus {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::PreTransit => "pre_transit",
            Self::InTransit => "in_transit",
            Self::OutForDelivery => "out_for_delivery",
            Self::AvailableForPickup => "available_for_pickup",
            Self::Delivered => "delivered",
            Self::ReturnToSender => "return_to_sender",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
        }
    }
}

/// A shipment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shipment {
    /// EasyPost's id.
    pub id: String,
    /// Ours.
    #[serde(default)]
    pub reference: Option<String>,
    /// What carriers would take.
    #[serde(default)]
    pub rates: Vec<Rate>,
    /// What was bought.
    #[serde(default)]
    pub selected_rate: Option<Rate>,
    /// The label, once postage was bought.
    #[serde(default)]
    pub postage_label: Option<Label>,
    /// The carrier's number, then.
    #[serde(default)]
    pub tracking_code: Option<String>,
    /// Where it is.
    #[serde(default)]
    pub tracker: Option<Tracker>,
    /// What became of a wish to give the postage back: `submitted`, `refunded`, `rejected`, `not_applicable`.
    #[serde(default)]
    pub refund_status: Option<String>,
    /// What was charged.
    #[serde(default)]
    pub fees: Vec<Fee>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grams_become_ounces_and_never_too_few() {
        let ounces = |grams| serde_json::to_value(Parcel::of_grams(grams)).expect("numbers")["weight"].to_string();
        assert_eq!([28, 29, 400, 454, 0].map(ounces), ["1.0", "1.1", "14.2", "16.1", "0.1"]);
    }

    #[test]
    fn words_that_are_not_known_are_unknown() {
        let read = |text: &str| serde_json::from_str::<TrackerStatus>(text).expect(text);
        assert_eq!(
            (read("\"delivered\""), read("\"lost_in_space\"")),
            (TrackerStatus::Delivered, TrackerStatus::Unknown)
        );
    }
}

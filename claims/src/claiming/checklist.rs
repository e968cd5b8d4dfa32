//! What a claim of each type has to bring along, and what of it is there (facts: the marketplace's published requirements for each
//! kind of claim).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy::ClaimType;

/// One thing that a claim has to bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Rows of the ledger: reference, article, place, date, units.
    LedgerRows,
    /// Nothing of it is reimbursed already, as the netting shows.
    NoReimbursement,
    /// The number of the shipment.
    ShipmentId,
    /// A supplier's invoice that shows whose the goods are, and how many.
    ProofOfOwnership,
    /// A proof of delivery or bill of lading, with weight and boxes.
    ProofOfDelivery,
    /// A packing slip: which boxes held what.
    PackingSlip,
    /// The number of the customer's order.
    OrderId,
    /// The refund or replacement.
    RefundEvent,
    /// No return came in.
    NoReturn,
    /// The licence plate number (LPN) that a unit got when it came back, or a photo of its label.
    LicensePlate,
    /// Photos of units, packaging and box, or of a measuring.
    Photos,
    /// The number of the removal order.
    RemovalOrderId,
    /// The parcel of the removal, with its carrier and number.
    Tracking,
    /// Own weight and dimensions.
    Dimensions,
    /// The charges or reimbursements that it is about.
    Transactions,
    /// A supplier's invoice that shows the cost of a unit.
    ProofOfCost,
    /// The parcel's number.
    ParcelNumber,
}

/// Where an item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// From the rows and the subject of the detection.
    Detection,
    /// From a document that was matched.
    Match,
    /// From a person, who attaches it.
    Person,
    /// From the subject of the detection where its rows say it, else from a person.
    Either,
}

impl Item {
    /// Where it comes from.
    pub const fn from(self) -> From {
        match self {
            Self::ProofOfOwnership | Self::ProofOfCost => From::Match,
            Self::ProofOfDelivery | Self::PackingSlip | Self::Photos | Self::Dimensions => From::Person,
            Self::LicensePlate => From::Either,
            _ => From::Detection,
        }
    }

    /// The key of the subject that says it, where one does.
    const fn key(self) -> Option<&'static str> {
        match self {
            Self::ShipmentId => Some("shipment_id"),
            Self::OrderId => Some("order_id"),
            Self::RemovalOrderId => Some("removal_id"),
            Self::ParcelNumber => Some("tracking"),
            Self::LicensePlate => Some("license_plate"),
            _ => None,
        }
    }

    /// Reports whose rows show it; none: any row that the finding rests on.
    const fn reports(self) -> &'static [&'static str] {
        match self {
            Self::LedgerRows => &["ledger"],
            Self::RefundEvent => &["settlement", "replacement"],
            Self::Tracking => &["removal_shipment"],
            Self::Transactions => &["reimbursement", "settlement", "long_term_storage", "storage", "removal_shipment"],
            _ => &[],
        }
    }

    /// The name on the wire.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => unreachable!("a unit variant is written as a text"),
        }
    }
}

/// One line of a claim's check-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChecklistLine)]
pub struct Line {
    /// What is needed.
    pub item: Item,
    /// Whether it is there.
    pub ok: bool,
    /// What shows it: a row's key, a number, a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_by: Option<String>,
    /// Whether it goes without: it is brought where there is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether a document shows it that came for this claim.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_document: bool,
}

impl Line {
    /// Whether a document shows it. Lists of old do not say so of what only documents can show.
    fn has_document(&self) -> bool {
        self.ok && (self.by_document || matches!(self.item.from(), From::Match | From::Person))
    }
}

/// The check-list of one claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Checklist(pub Vec<Line>);

/// What a claim of this type has to bring along. A claim whose value rests on the cost of goods has to prove that cost where the
/// marketplace asks for it.
pub fn items(claim_type: ClaimType) -> &'static [Item] {
    use ClaimType as C;
    use Item as I;
    match claim_type {
        C::FcLost | C::FcDamaged | C::DisposedWithoutRequest => &[I::LedgerRows, I::NoReimbursement],
        C::InboundShortage | C::InboundDamaged => {
            &[I::ShipmentId, I::ProofOfOwnership, I::ProofOfDelivery, I::PackingSlip]
        }
        C::ReturnNotReceived | C::ReplacementNotReturned => &[I::OrderId, I::RefundEvent, I::NoReturn],
        C::ReturnAmazonFaultUnsellable => &[I::OrderId, I::RefundEvent, I::LicensePlate, I::Photos],
        C::ReturnRestockMissing => &[I::OrderId, I::RefundEvent, I::LicensePlate],
        C::OverRefund | C::RefundCommissionNotReturned => &[I::OrderId, I::RefundEvent],
        C::RemovalLost => &[I::RemovalOrderId, I::Tracking, I::Transactions],
        C::RemovalDamagedOrShort => &[I::RemovalOrderId, I::Tracking, I::Transactions, I::LicensePlate, I::Photos],
        C::FeeFulfilmentOvercharge | C::FeeStorageOvercharge => &[I::Transactions, I::Dimensions, I::Photos],
        C::FeeCommissionOvercharge => &[I::Transactions],
        C::ReimbursedUndervalued => &[I::Transactions, I::ProofOfCost],
        C::ReimbursementReversedUnmatched | C::ApprovedNotPaid => &[I::Transactions],
        C::AmazonShippingClaim => &[I::ParcelNumber],
    }
}

/// Whether a claim of this type goes without an item. Of what a removal brings back only former returns have a licence plate.
fn is_optional(claim_type: ClaimType, item: Item) -> bool {
    item == Item::LicensePlate && claim_type == ClaimType::RemovalDamagedOrShort
}

impl Checklist {
    /// The list of a new claim: `subject` is the detection's, `rows` the report and key of each row that it rests on.
    pub fn of(claim_type: ClaimType, subject: &serde_json::Value, rows: &[(&str, &str)]) -> Self {
        let lines = items(claim_type).iter().map(|&item| {
            let shown_by = match (item.from(), item.key()) {
                (From::Detection | From::Either, Some(key)) => {
                    subject.get(key).and_then(|value| value.as_str()).map(str::to_owned)
                }
                (From::Detection, None) => {
                    let fitting = rows.iter().find(|(report, _)| item.reports().contains(report));
                    // A parcel is shown by its own row; of the others the rule that found it has seen what it needs.
                    let any = rows.first().filter(|_| item != Item::Tracking);
                    fitting.or(any).map(|(_, key)| (*key).to_owned())
                }
                _ => None,
            };
            let optional = is_optional(claim_type, item);
            Line { item, ok: shown_by.is_some(), shown_by, optional, by_document: false }
        });
        Self(lines.collect())
    }

    /// Whether everything that has to be there is.
    pub fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    /// What is missing and has to be there.
    pub fn missing(&self) -> impl Iterator<Item = Item> + '_ {
        self.0.iter().filter(|line| !line.ok && !line.optional).map(|line| line.item)
    }

    /// Whether something of it is shown by a document, which has to go along with the claim.
    pub fn has_documents(&self) -> bool {
        self.0.iter().any(Line::has_document)
    }

    /// A document was matched: it shows every item that a match shows. Returns whether anything changed.
    pub fn matched(&mut self, document: &str) -> bool {
        self.tick(document, |item| item.from() == From::Match)
    }

    /// A person attached something for one item. Returns whether the item is on the list and a person may attach it.
    pub fn attached(&mut self, wanted: Item, document: &str) -> bool {
        wanted.from() != From::Detection && self.tick(document, |item| item == wanted)
    }

    /// The marketplace says that a document is missing: what documents showed has to be shown anew.
    pub fn refuse_documents(&mut self) {
        for line in self.0.iter_mut().filter(|line| line.has_document()) {
            (line.ok, line.shown_by, line.by_document) = (false, None, false);
        }
    }

    /// Keeps what documents showed on an older list of the same claim.
    #[must_use]
    pub fn keeping(mut self, older: &Self) -> Self {
        for line in &mut self.0 {
            if let Some(known) = older.0.iter().find(|known| known.item == line.item && known.has_document()) {
                *line = Line { optional: line.optional, ..known.clone() };
            }
        }
        self
    }

    fn tick(&mut self, document: &str, wanted: impl Fn(Item) -> bool) -> bool {
        let mut ticked = false;
        for line in self.0.iter_mut().filter(|line| wanted(line.item)) {
            (line.ok, line.shown_by, line.by_document) = (true, Some(document.to_owned()), true);
            ticked = true;
        }
        ticked
    }
}

#[cfg(test)]
mod tests;

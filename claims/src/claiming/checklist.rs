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
    /// The number of the customer's order.
    OrderId,
    /// The refund or replacement.
    RefundEvent,
    /// No return came in.
    NoReturn,
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
}

impl Item {
    /// Where it comes from.
    pub const fn from(self) -> From {
        match self {
            Self::ProofOfOwnership | Self::ProofOfCost => From::Match,
            Self::ProofOfDelivery | Self::Photos | Self::Dimensions => From::Person,
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
pub struct Line {
    /// What is needed.
    pub item: Item,
    /// Whether it is there.
    pub ok: bool,
    /// What shows it: a row's key, a number, a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_by: Option<String>,
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
        C::InboundShortage | C::InboundDamaged => &[I::ShipmentId, I::ProofOfOwnership, I::ProofOfDelivery],
        C::ReturnNotReceived | C::ReplacementNotReturned => &[I::OrderId, I::RefundEvent, I::NoReturn],
        C::ReturnAmazonFaultUnsellable => &[I::OrderId, I::RefundEvent, I::Photos],
        C::ReturnRestockMissing | C::OverRefund | C::RefundCommissionNotReturned => &[I::OrderId, I::RefundEvent],
        C::RemovalLost => &[I::RemovalOrderId, I::Tracking, I::Transactions],
        C::RemovalDamagedOrShort => &[I::RemovalOrderId, I::Tracking, I::Transactions, I::Photos],
        C::FeeFulfilmentOvercharge | C::FeeStorageOvercharge => &[I::Transactions, I::Dimensions, I::Photos],
        C::FeeCommissionOvercharge => &[I::Transactions],
        C::ReimbursedUndervalued => &[I::Transactions, I::ProofOfCost],
        C::ReimbursementReversedUnmatched | C::ApprovedNotPaid => &[I::Transactions],
        C::AmazonShippingClaim => &[I::ParcelNumber],
    }
}

impl Checklist {
    /// The list of a new claim: `subject` is the detection's, `rows` the report and key of each row that it rests on.
    pub fn of(claim_type: ClaimType, subject: &serde_json::Value, rows: &[(&str, &str)]) -> Self {
        let lines = items(claim_type).iter().map(|&item| {
            let shown_by = match (item.from(), item.key()) {
                (From::Detection, Some(key)) => subject.get(key).and_then(|value| value.as_str()).map(str::to_owned),
                (From::Detection, None) => {
                    let fitting = rows.iter().find(|(report, _)| item.reports().contains(report));
                    // A parcel is shown by its own row; of the others the rule that found it has seen what it needs.
                    let any = rows.first().filter(|_| item != Item::Tracking);
                    fitting.or(any).map(|(_, key)| (*key).to_owned())
                }
                _ => None,
            };
            Line { item, ok: shown_by.is_some(), shown_by }
        });
        Self(lines.collect())
    }

    /// Whether everything is there.
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(|line| line.ok)
    }

    /// What is missing.
    pub fn missing(&self) -> impl Iterator<Item = Item> + '_ {
        self.0.iter().filter(|line| !line.ok).map(|line| line.item)
    }

    /// Whether something of it is shown by a document, which has to go along with the claim.
    pub fn has_documents(&self) -> bool {
        self.0.iter().any(|line| line.ok && line.item.from() != From::Detection)
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
        for line in self.0.iter_mut().filter(|line| line.item.from() != From::Detection) {
            (line.ok, line.shown_by) = (false, None);
        }
    }

    /// Keeps what documents showed on an older list of the same claim.
    #[must_use]
    pub fn keeping(mut self, older: &Self) -> Self {
        for line in self.0.iter_mut().filter(|line| line.item.from() != From::Detection) {
            if let Some(known) = older.0.iter().find(|known| known.item == line.item) {
                *line = known.clone();
            }
        }
        self
    }

    fn tick(&mut self, document: &str, wanted: impl Fn(Item) -> bool) -> bool {
        let mut ticked = false;
        for line in self.0.iter_mut().filter(|line| wanted(line.item)) {
            (line.ok, line.shown_by, ticked) = (true, Some(document.to_owned()), true);
        }
        ticked
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_needs_something_and_rows_alone_are_enough_for_losses_in_a_warehouse() {
        for claim_type in ClaimType::ALL {
            assert!(!items(claim_type).is_empty(), "{claim_type:?}");
            assert!(
                !Checklist::of(claim_type, &json!({}), &[]).is_complete(),
                "{claim_type:?}: nothing proves nothing"
            );
        }
        assert!(Checklist::of(ClaimType::FcLost, &json!({}), &[("ledger", "row")]).is_complete());
    }

    #[test]
    fn what_rows_show_is_shown_by_the_row_of_its_report() {
        let subject = json!({"order_id": "113-1", "removal_id": "RMV-1"});
        let shown = |claim_type, rows: &[(&str, &str)], item| {
            let list = Checklist::of(claim_type, &subject, rows);
            list.0.iter().find(|line| line.item == item).and_then(|line| line.shown_by.clone())
        };
        let rows = [("return", "came-back"), ("settlement", "refund")];
        assert_eq!(shown(ClaimType::ReturnRestockMissing, &rows, Item::RefundEvent).as_deref(), Some("refund"));
        let rows = [("removal_shipment", "parcel")];
        assert_eq!(shown(ClaimType::RemovalLost, &rows, Item::Tracking).as_deref(), Some("parcel"));
        assert_eq!(shown(ClaimType::RemovalLost, &[("ledger", "row")], Item::Tracking), None, "no other row shows it");
    }

    #[test]
    fn an_inbound_claim_needs_shipment_ownership_and_delivery() {
        let mut list =
            Checklist::of(ClaimType::InboundShortage, &json!({"shipment_id": "FBA1"}), &[("inbound", "row")]);
        assert_eq!(list.missing().collect::<Vec<_>>(), [Item::ProofOfOwnership, Item::ProofOfDelivery]);
        assert!(!list.has_documents());
        assert!(list.matched("invoice"));
        assert!(list.has_documents() && !list.is_complete());
        assert!(!list.attached(Item::ShipmentId, "photo"), "rows show it, not people");
        assert!(!list.attached(Item::Photos, "photo"), "not on the list");
        assert!(list.attached(Item::ProofOfDelivery, "pod"));
        assert!(list.is_complete());
        let anew = Checklist::of(ClaimType::InboundShortage, &json!({"shipment_id": "FBA1"}), &[]).keeping(&list);
        assert!(anew.is_complete(), "documents stay when the rows change");
        list.refuse_documents();
        assert_eq!(list.missing().count(), 2);
    }
}

//! What a sync has to know of each type of row: its day, what rules look it up by, the fact it tells, and whether it has to wait
//! until somebody knows its reason.

use chrono::NaiveDate;
use shared_events::money::Currency;

use crate::detection::{Fact, SettlementReader};
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::policy::Policy;
use crate::reasons::{LedgerReason, Movement, ReimbursementReason};
use crate::reports::{
    CustomerReturn, EventType, FeePreview, LedgerDay, LedgerEvent, LongTermStorage, Reimbursement, RemovalOrder,
    RemovalShipment, Replacement, Report, Sale, SettlementLine, Stock, Storage,
};

/// What a row is looked up by, and what it tells.
#[derive(Debug, Default)]
pub struct Entry {
    /// The day it is about; none: the day of the download.
    pub day: Option<NaiveDate>,
    /// Amazon's number of the article, if rules look there.
    pub fnsku: Option<String>,
    /// The seller's number of it, if rules look there.
    pub sku: Option<String>,
    /// The order.
    pub order_id: Option<String>,
    /// Amazon's number of the case.
    pub case_id: Option<String>,
    /// The currency, where the row does not name it.
    pub currency: Option<Currency>,
    /// The fact, if rules can use it.
    pub fact: Option<Fact>,
    /// The reason or word that nobody knows.
    pub unknown: Option<String>,
    /// Units that moved, and where: country and state.
    pub moved: Option<(i64, String, String)>,
}

/// A type of row that is synced.
pub trait Synced: Report + Send + 'static {
    /// Its kind.
    const KIND: Kind;
    /// What is kept from row to row of a file.
    type State: Default + Send;

    /// Takes a row.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    fn entry(self, state: &mut Self::State, place: Marketplace, today: NaiveDate) -> Result<Option<Entry>, String>;

    /// Up to which day something is known after the last row: a name and the day.
    fn watermark(_state: &Self::State) -> Option<(String, NaiveDate)> {
        None
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

impl Synced for LedgerEvent {
    const KIND: Kind = Kind::Ledger;
    type State = Option<NaiveDate>;

    fn entry(self, state: &mut Self::State, _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        *state = (*state).max(Some(self.day));
        let unknown = match (&self.event, &self.reason) {
            (_, Some(LedgerReason::Unknown(code))) => Some(code.clone()),
            (EventType::Unknown(word), _) => Some(word.clone()),
            _ => None,
        };
        // What rules never look at needs no place in the index.
        let matters = match (&self.event, &self.reason) {
            (EventType::CustomerReturns | EventType::Receipts, _) => true,
            (EventType::Adjustments, Some(LedgerReason::Known(movement))) => {
                !matches!(movement, Movement::Correction | Movement::StateChange | Movement::ArticleChange)
            }
            (EventType::Adjustments, _) => true,
            _ => false,
        };
        Ok(Some(Entry {
            day: Some(self.day),
            fnsku: some(&self.fnsku).filter(|_| matters),
            moved: Some((self.quantity, self.country.clone(), state_of(&self.disposition).to_owned())),
            fact: (unknown.is_none() && matters).then_some(Fact::Ledger(self)),
            unknown,
            ..Entry::default()
        }))
    }

    fn watermark(state: &Self::State) -> Option<(String, NaiveDate)> {
        state.map(|day| ("ledger".to_owned(), day))
    }
}

/// The name of a state of units, as the ledger writes it.
pub fn state_of(disposition: &crate::reports::Disposition) -> &str {
    use crate::reports::Disposition as State;
    match disposition {
        State::Sellable => "SELLABLE",
        State::WarehouseDamaged => "WAREHOUSE_DAMAGED",
        State::CarrierDamaged => "CARRIER_DAMAGED",
        State::CustomerDamaged => "CUSTOMER_DAMAGED",
        State::DistributorDamaged => "DISTRIBUTOR_DAMAGED",
        State::Defective => "DEFECTIVE",
        State::Other(text) => text,
    }
}

impl Synced for LedgerDay {
    const KIND: Kind = Kind::LedgerDay;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        Ok(Some(Entry { day: Some(self.day), fnsku: some(&self.fnsku), ..Entry::default() }))
    }
}

impl Synced for Reimbursement {
    const KIND: Kind = Kind::Reimbursement;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let unknown = match (&self.reason, &self.original_reason) {
            (ReimbursementReason::Unknown(word), _) => Some(word.clone()),
            (ReimbursementReason::Reversal, Some(ReimbursementReason::Unknown(word))) => Some(word.clone()),
            _ => None,
        };
        Ok(Some(Entry {
            day: Some(self.approved_at.date_naive()),
            fnsku: some(&self.fnsku),
            sku: some(&self.sku),
            order_id: self.order_id.clone(),
            case_id: self.case_id.clone(),
            fact: unknown.is_none().then_some(Fact::Reimbursement(self)),
            unknown,
            ..Entry::default()
        }))
    }
}

impl Synced for CustomerReturn {
    const KIND: Kind = Kind::Return;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        Ok(Some(Entry {
            day: Some(self.returned_at.date_naive()),
            fnsku: some(&self.fnsku),
            order_id: some(&self.order_id),
            fact: Some(Fact::Return(self)),
            ..Entry::default()
        }))
    }
}

impl Synced for Replacement {
    const KIND: Kind = Kind::Replacement;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        Ok(Some(Entry {
            day: Some(self.shipped_at.date_naive()),
            order_id: some(&self.original_order_id),
            fact: Some(Fact::Replacement(self)),
            ..Entry::default()
        }))
    }
}

impl Synced for Sale {
    const KIND: Kind = Kind::Sale;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let day = self.shipped_at.date_naive();
        // Prices of articles are estimated for losses of old only.
        let estimates = day < Policy::embedded().valuation.sourcing_cost_from;
        Ok(Some(Entry {
            day: Some(day),
            fnsku: some(&self.fnsku).filter(|_| estimates),
            order_id: some(&self.order_id),
            fact: Some(Fact::Sale(self)),
            ..Entry::default()
        }))
    }
}

impl Synced for RemovalOrder {
    const KIND: Kind = Kind::Removal;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let (day, fnsku) = (Some(self.requested_at.date_naive()), some(&self.fnsku));
        Ok(Some(Entry { day, fnsku, fact: Some(Fact::Removal(self)), ..Entry::default() }))
    }
}

impl Synced for RemovalShipment {
    const KIND: Kind = Kind::RemovalShipment;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let (day, fnsku) = (Some(self.shipped_at.date_naive()), some(&self.fnsku));
        Ok(Some(Entry { day, fnsku, fact: Some(Fact::RemovalShipment(self)), ..Entry::default() }))
    }
}

impl Synced for Stock {
    const KIND: Kind = Kind::Stock;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        Ok(Some(Entry { fnsku: some(&self.fnsku), fact: Some(Fact::Stock(self)), ..Entry::default() }))
    }
}

impl Synced for FeePreview {
    const KIND: Kind = Kind::FeePreview;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, today: NaiveDate) -> Result<Option<Entry>, String> {
        let (fnsku, sku) = (some(&self.fnsku), some(&self.sku));
        Ok(Some(Entry { fnsku, sku, fact: Some(Fact::FeePreview(today, self)), ..Entry::default() }))
    }
}

impl Synced for LongTermStorage {
    const KIND: Kind = Kind::LongTermStorage;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let (day, fnsku) = (Some(self.day), some(&self.fnsku));
        Ok(Some(Entry { day, fnsku, fact: Some(Fact::LongTermStorage(self)), ..Entry::default() }))
    }
}

impl Synced for Storage {
    const KIND: Kind = Kind::Storage;
    type State = ();

    fn entry(self, (): &mut (), _: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let (day, fnsku) = (format!("{}-01", self.month).parse().ok(), some(&self.fnsku));
        Ok(Some(Entry { day, fnsku, fact: Some(Fact::Storage(self)), ..Entry::default() }))
    }
}

impl Synced for SettlementLine {
    const KIND: Kind = Kind::Settlement;
    type State = (SettlementReader, Option<Currency>);

    fn entry(self, state: &mut Self::State, place: Marketplace, _: NaiveDate) -> Result<Option<Entry>, String> {
        let place = Marketplace::of_store(&self.marketplace).unwrap_or(place);
        state.1 = self.currency.or(state.1);
        let Some(posting) = state.0.posting(&self, place).map_err(str::to_owned)? else { return Ok(None) };
        // A reimbursement is looked for by its article, everything else by its order.
        let is_reimbursement = posting.amount_type == "FBA Inventory Reimbursement";
        Ok(Some(Entry {
            day: Some(posting.day),
            sku: posting.sku.clone().filter(|_| is_reimbursement),
            order_id: posting.order_id.clone().filter(|_| !is_reimbursement),
            currency: state.1,
            fact: Some(Fact::Posting(posting)),
            ..Entry::default()
        }))
    }

    fn watermark(state: &Self::State) -> Option<(String, NaiveDate)> {
        Some((format!("settled/{}", state.1?.code()), state.0.until?))
    }
}

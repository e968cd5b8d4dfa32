//! The kinds of rows that are kept, and the reports that they come from.

use crate::reports::{
    CustomerReturn, FeePreview, LedgerDay, LedgerEvent, LongTermStorage, Reimbursement, RemovalOrder, RemovalShipment,
    Replacement, Report, Sale, SettlementLine, Stock, Storage,
};

/// A kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Movements of stock.
    Ledger,
    /// Balances of stock per day.
    LedgerDay,
    /// What Amazon paid back, and took back.
    Reimbursement,
    /// What customers sent back.
    Return,
    /// What was sent again.
    Replacement,
    /// What was sold.
    Sale,
    /// Removal orders.
    Removal,
    /// Their parcels.
    RemovalShipment,
    /// What lies in the warehouses now: a snapshot.
    Stock,
    /// What fees should be.
    FeePreview,
    /// Surcharges for long storage.
    LongTermStorage,
    /// A month's storage.
    Storage,
    /// Money that was posted.
    Settlement,
    /// Reimbursements as they were posted; by an operation, not a report.
    Finance,
    /// Articles of shipments to Amazon; by an operation, not a report.
    Inbound,
    /// When a shipment to Amazon arrived, as carrier or seller say.
    InboundDelivery,
    /// What arrived of a removal, as carrier and seller say.
    Delivery,
    /// A parcel of Amazon Shipping that went wrong, as the seller says.
    Parcel,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Ledger,
        Self::LedgerDay,
        Self::Reimbursement,
        Self::Return,
        Self::Replacement,
        Self::Sale,
        Self::Removal,
        Self::RemovalShipment,
        Self::Stock,
        Self::FeePreview,
        Self::LongTermStorage,
        Self::Storage,
        Self::Settlement,
        Self::Finance,
        Self::Inbound,
        Self::InboundDelivery,
        Self::Delivery,
        Self::Parcel,
    ];

    /// Its name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::LedgerDay => "ledger_day",
            Self::Reimbursement => "reimbursement",
            Self::Return => "return",
            Self::Replacement => "replacement",
            Self::Sale => "sale",
            Self::Removal => "removal",
            Self::RemovalShipment => "removal_shipment",
            Self::Stock => "stock",
            Self::FeePreview => "fee_preview",
            Self::LongTermStorage => "long_term_storage",
            Self::Storage => "storage",
            Self::Settlement => "settlement",
            Self::Finance => "finance",
            Self::Inbound => "inbound",
            Self::InboundDelivery => "inbound_delivery",
            Self::Delivery => "delivery",
            Self::Parcel => "parcel",
        }
    }

    /// The kind with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Amazon's name of the report that it comes from; none where it comes otherwise.
    pub const fn report(self) -> Option<&'static str> {
        Some(match self {
            Self::Ledger => LedgerEvent::NAME,
            Self::LedgerDay => LedgerDay::NAME,
            Self::Reimbursement => Reimbursement::NAME,
            Self::Return => CustomerReturn::NAME,
            Self::Replacement => Replacement::NAME,
            Self::Sale => Sale::NAME,
            Self::Removal => RemovalOrder::NAME,
            Self::RemovalShipment => RemovalShipment::NAME,
            Self::Stock => Stock::NAME,
            Self::FeePreview => FeePreview::NAME,
            Self::LongTermStorage => LongTermStorage::NAME,
            Self::Storage => Storage::NAME,
            Self::Settlement => SettlementLine::NAME,
            Self::Finance | Self::Inbound | Self::InboundDelivery | Self::Delivery | Self::Parcel => return None,
        })
    }

    /// Whether a file says all that there is now, so that what it no longer lists is gone.
    pub const fn is_snapshot(self) -> bool {
        matches!(self, Self::Stock)
    }

    /// How long it takes until Amazon makes another: half an hour for what is near to real time, four hours for what is made daily.
    pub const fn minutes_between(self) -> i64 {
        match self {
            Self::Ledger | Self::Stock | Self::Return | Self::Sale => 30,
            _ => 240,
        }
    }
}

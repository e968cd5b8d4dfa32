//! Finds what is owed: pure rules over typed rows, each finding with the rows it used and its arithmetic in words.

mod books;
mod changes;
mod facts;
mod fees;
mod finding;
mod inbound;
mod index;
mod lots;
mod orders;
mod payments;
mod removals;
mod report;
mod restock;
mod stock;
mod storage;
mod taken_back;
mod valuation;

pub(crate) use payments::business_days_after;

pub use books::{Books, Subject};
pub use changes::{Change, changes};
pub use facts::{Delivery, Fact, InboundItem, Parcel, Posting, SettlementReader, SourcingCost, Taken};
pub use finding::{Basis, Finding, Status, UsedRow};

//! Amazon's reports as they really are: by header name, in either charset, with either decimal sign, row by row in bounded
//! memory. A row that cannot be read is told with its line and column, and does not stop the file.

mod customer;
mod fees;
mod field;
mod key;
mod ledger;
mod reader;
mod records;
mod reimbursement;
mod removal;
mod sales;
mod settlement;
mod split;
mod stock;

pub use customer::{CustomerReturn, Replacement};
pub use fees::{FeePreview, LongTermStorage, Storage};
pub use field::{Decimal, FieldError, Fields, instant_of};
pub use key::{Occurrences, RowKey};
pub use ledger::{Disposition, EventType, LedgerDay, LedgerEvent};
pub use reader::{BadRow, Options, Parsed, Raw, ReadError, Reader, reread};
pub use reimbursement::Reimbursement;
pub use removal::{RemovalOrder, RemovalShipment};
pub use sales::Sale;
pub use settlement::SettlementLine;
pub use split::Charset;
pub use stock::Stock;

/// One column that a typed row reads.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, folded: lower case, `-` for blanks. Other spellings follow after `|`.
    pub name: &'static str,
    /// A file without it is refused.
    pub required: bool,
    /// Part of what makes a row this row; what Amazon changes later (a title, a reconciled quantity) is not.
    pub identity: bool,
}

/// A column that must be there.
pub(crate) const fn required(name: &'static str) -> Column {
    Column { name, required: true, identity: false }
}

/// A column that must be there and identifies the row.
pub(crate) const fn identity(name: &'static str) -> Column {
    Column { name, required: true, identity: true }
}

/// A column that some marketplaces or settings leave out.
pub(crate) const fn optional(name: &'static str) -> Column {
    Column { name, required: false, identity: false }
}

/// An optional column that identifies the row where it is there.
pub(crate) const fn optional_identity(name: &'static str) -> Column {
    Column { name, required: false, identity: true }
}

/// A row type of one report.
pub trait Report: Sized {
    /// Amazon's name of the report.
    const NAME: &'static str;
    /// What is read, in the order of the indexes that [`Report::read`] uses.
    const COLUMNS: &'static [Column];

    /// Reads one row.
    ///
    /// # Errors
    /// The first field that is not what the column holds.
    fn read(fields: &Fields<'_>) -> Result<Self, FieldError>;

    /// The day that the file is sorted by, if it is; identical rows are counted per day.
    fn day(&self) -> Option<chrono::NaiveDate> {
        None
    }
}

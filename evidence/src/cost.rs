//! Cost documentation: what goods cost to source and what they cost when they had arrived, from invoices, with the arithmetic.
//!
//! Pure: the same evidence and the same template give the same bytes and the same id.

pub mod allocate;
pub mod costing;
pub mod sheet;

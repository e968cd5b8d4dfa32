//! What a marketplace owes a seller: the reports it gives, the policy that says what may be claimed until when, and the
//! rules that find it. Everything here is pure: bytes and rows in, findings out; the time is an argument.

pub mod detection;
pub mod marketplace;
pub mod policy;
pub mod reasons;
pub mod reports;

//! What Recoup's services say to one another: the envelope, ids, money, and every command and event, one file per
//! owning service. No behaviour beyond reading and writing the wire, so that every service can depend on it.

pub mod claims;
pub mod commission;
pub mod envelope;
pub mod evidence;
pub mod ids;
pub mod money;
pub mod notify;
pub mod orders;
pub mod outcome;
pub mod partition;
pub mod topic;
pub mod tracking;

pub use envelope::{Envelope, Message};
pub use ids::*;
pub use money::{Currency, Money, MoneyError, Written};
pub use topic::{Kind, Service, Topic};

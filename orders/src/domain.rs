//! What can be decided without a database, the outside world or a clock.

pub mod allocation;
pub mod approval;
pub mod carriers;
pub mod fraud;
pub mod pricing;
pub mod problem;
pub mod process;
pub mod rates;
pub mod refund;
pub mod refusal;
pub mod route;
pub mod routing;
pub mod scopes;
pub mod status;
pub mod totals;
pub mod undo;

//! Saleor, a shop's back end, by its GraphQL API: orders are read, and told what became of them. No more of the API is known here than that.
//!
//! An app's token is enough, with the permission MANAGE_ORDERS. Neither fulfilling nor cancelling takes an idempotency key there: whoever
//! asks for one looks at the order first, and again after an answer that never came.

mod objects;
mod operations;
mod transport;

pub use objects::{Address, Allocation, Amount, Fulfillment, Line, Order, Page, Taxed, Warehouse};
pub use transport::{Error, FulfilLine, Saleor};

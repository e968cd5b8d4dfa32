//! PayPal: Orders v2 with the intent `AUTHORIZE`, and what follows from it: authorisations, captures, refunds.
//!
//! Every request that moves money carries a `PayPal-Request-Id`: with it PayPal does a thing once (six hours for orders, 45 days for payments)
//! and gives the first result again. Longer than that, an order itself tells what was done with it: it lists its authorisations, captures and
//! refunds, each with the `custom_id` or `invoice_id` that we wrote on it. So the order is made before any money moves, and kept.

mod calls;
mod objects;
mod transport;
mod webhook;

pub use calls::{NewOrder, Part};
pub use objects::{Amount, Authorization, Capture, Order, Payments, Refund, Unit};
pub use transport::PayPal;
pub use webhook::{Signed, read_webhook};

pub use crate::gateway::Error;

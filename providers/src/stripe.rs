//! Stripe, as far as the success fee and orders need it: a seller's card is saved once, charged for what was recovered, and given back what
//! was reversed; an order's money is held, taken when the order leaves, or let go.
//!
//! Every request that moves money carries an idempotency key of the caller's: with it Stripe does a thing once, however often it is asked
//! within a day. A request whose answer is lost ends as [`Error::Unknown`] and is not repeated here: look it up
//! ([`Stripe::find_charge`], [`Stripe::find_refund`]), and only then ask again, with the same key.

mod amount;
mod calls;
mod config;
mod error;
mod holds;
mod objects;
mod transport;
mod webhook;

pub use calls::{Charge, RefundOf};
pub use error::Error;
pub use holds::Hold;
pub use objects::{CheckoutSession, Customer, PaymentIntent, PaymentStatus, Refund, RefundStatus, SetupIntent};
pub use transport::Stripe;
pub use webhook::read_webhook;

/// The version of Stripe's API that is asked for, whatever the account's default is.
pub const API_VERSION: &str = "2024-06-20";

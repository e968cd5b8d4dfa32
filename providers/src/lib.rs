//! Clients of the outside world: pure wire, no database, no business.

pub mod amazon;
pub mod easypost;
pub mod fetch;
pub mod files;
pub mod gateway;
pub mod google;
pub mod imap;
pub mod media_type;
pub mod objects;
pub mod paypal;
pub mod payu;
pub mod push;
pub mod razorpay;
pub mod saleor;
pub mod sending;
pub mod shop;
pub mod sms;
pub mod smtp;
pub mod stripe;
pub mod webhook;
mod wire;

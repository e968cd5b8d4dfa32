//! Local stand-ins for the outside world. It begins with a seller's world of which everything is known: what happened, what
//! the marketplace wrote down about it, and what it truly owes.

pub mod amazon;
pub mod easypost;
mod faults;
pub mod gateway;
pub mod google;
pub mod messaging;
pub mod paypal;
pub mod payu;
pub mod razorpay;
pub mod shop;
pub mod stripe;
pub mod world;

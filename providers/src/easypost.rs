//! EasyPost, version 2 of its interface: rates of many carriers, labels, tracking.
//!
//! A shipment carries our reference, which EasyPost takes in place of its own id: after an answer that did not come, it is looked up by it.
//! Postage is bought for a shipment once; buying it again is refused, so that one shipment never has two labels.

mod objects;
mod transport;
mod webhook;

pub use objects::{Address, Fee, Label, Parcel, Rate, Shipment, Tracker, TrackerStatus};
pub use transport::{EasyPost, Error};
pub use webhook::{Event, Refused, SIGNATURE_HEADER, read_event, sign};

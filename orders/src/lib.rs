//! Orders: taken once, checked, paid, fulfilled, refunded.

pub mod domain;

//! The rules, pure: which text, by which channel, when again, and how a webhook is signed.

pub mod built_in;
pub mod language;
pub mod plan;
pub mod schedule;
pub mod signature;
pub mod template;

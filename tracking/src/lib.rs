//! What partners bring: campaigns, enrolments, tracked events, attribution.

pub mod domain;

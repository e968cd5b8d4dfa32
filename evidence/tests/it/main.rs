//! The crate from outside: real documents in, facts out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cii;
mod match_bed;
mod match_labels;
mod match_lookup;
mod match_models;
mod match_person;
mod match_rules;
mod mutations;
mod samples;
mod ubl;

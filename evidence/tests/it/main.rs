//! The crate from outside: real documents in, facts out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cii;
mod costs;
mod match_api;
mod match_bed;
mod match_labels;
mod match_lookup;
mod match_models;
mod match_person;
mod match_prompts;
mod match_rules;
mod mutations;
mod packet_bed;
mod packets;
mod packets_http;
mod prove_claims;
mod samples;
mod ubl;

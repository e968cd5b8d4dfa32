//! The crate from outside: real documents in, facts out, on a real database as the service's own role where there is one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cii;
mod costs;
mod documents;
mod embedded;
mod learned;
mod match_api;
mod match_bed;
mod match_labels;
mod match_lookup;
mod match_models;
mod match_person;
mod match_prompts;
mod match_rules;
mod match_samples;
mod match_wanted;
mod migrating;
mod mutations;
mod packet_bed;
mod packet_failures;
mod packet_rotation;
mod packets;
mod packets_http;
mod packets_kept;
mod packets_locked;
mod printed;
mod prompts;
mod prove_claims;
mod samples;
mod ubl;

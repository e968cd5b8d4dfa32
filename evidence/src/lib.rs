//! Evidence: documents in, proof out, with a confidence that means what it says.

pub mod matching;
pub mod reading;

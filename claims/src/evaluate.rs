//! The job that evaluates what was touched.

/// The kind of the job; its payload is `{"connection_id": ...}`.
pub const EVALUATE: &str = "claims.evaluate";

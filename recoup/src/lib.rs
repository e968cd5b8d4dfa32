//! The one binary

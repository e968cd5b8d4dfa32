//! The crate from outside: real documents in, facts out.

mod cii;
mod samples;
mod ubl;

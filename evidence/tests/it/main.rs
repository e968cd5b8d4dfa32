//! The crate from outside: real documents in, facts out.

mod cii;
mod mutations;
mod samples;
mod ubl;

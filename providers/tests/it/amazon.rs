//! The client of Amazon against the sandbox: a real server, with Amazon's own examples and a seller's world.

mod bed;
mod claims;
mod documents;
mod examples;
mod login;
mod money;
mod patience;
mod reports;

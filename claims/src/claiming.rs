//! The rules by which a claim is made, sent, answered and paid: pure, with the time as an argument.

pub mod checklist;
pub mod decision;
pub mod enclosures;
pub mod fee;
pub mod letter;
pub mod pace;
pub mod refusal;
pub mod reply;
pub mod settle;
pub mod state;

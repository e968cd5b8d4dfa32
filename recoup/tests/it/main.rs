//! The binary as its users run it, on a real broker and a real database.

mod architecture;
mod bed;
mod hostile;
mod looking;
mod notify;
mod orders;
mod pdf;
mod tools;
mod verify;

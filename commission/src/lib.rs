//! What partners earn and are paid

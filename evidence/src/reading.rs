//! Reading documents: what an invoice says, and where it says it.

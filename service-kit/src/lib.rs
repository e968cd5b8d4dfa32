//! How Recoup's services talk, store, and run

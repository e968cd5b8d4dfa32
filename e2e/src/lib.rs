//! Tests over several services

//! Schemas of every service's database

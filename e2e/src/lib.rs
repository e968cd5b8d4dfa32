//! Tests over several services: a broker and a database that a test may kill, real processes, a load whose truth is known, and a checker
//! that looks at topics and tables from outside.

pub mod bank;
pub mod check;
pub mod check_sales;
mod finished_worlds;
pub mod load;
pub mod process;
pub mod random;
pub mod sales;
pub mod servers;
pub mod stand_ins;
pub mod system;
pub mod topics;
pub mod wait;
pub mod world;

//! What may be claimed, from the bytes of reports to findings.

mod bed;
mod elsewhere;
mod netting;
mod orders;
mod reports;
mod scenarios;
mod shapes;

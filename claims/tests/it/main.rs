//! What may be claimed, from the bytes of reports to findings; and the service around that, on a real database as its own role, so that
//! row-level security holds in every test.

mod bed;
mod charging;
mod charging_trouble;
mod claim_bed;
mod claim_ends;
mod claim_grants;
mod claim_kills;
mod claim_money;
mod claim_rows;
mod claim_sending;
mod claim_switches;
mod documented_costs;
mod elsewhere;
mod gmail;
mod inventory;
mod lifecycle;
mod mail;
mod mail_thread;
mod netting;
mod orders;
mod reports;
mod return_clock;
mod rotation;
mod scenarios;
mod sellers;
mod service;
mod shapes;
mod shipping;
mod stories;
mod switch;
mod syncs;
mod trouble;

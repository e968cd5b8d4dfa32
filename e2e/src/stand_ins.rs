//! Stand-ins for the outside world as processes of their own, each on a port of its own choice.

use anyhow::Context;

use crate::process::{Process, Program, Ready};
use crate::system::System;
use crate::world::debug_binary;

/// What every stand-in says, with its address behind it.
const LISTENS: &str = " listens on ";

/// A stand-in. Dropped, it is killed.
#[derive(Debug)]
pub struct StandIn {
    /// Where it is: `http://127.0.0.1:1234`.
    pub address: String,
    _process: Process,
}

impl StandIn {
    /// Starts `recoup sandbox <which>` with more arguments.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(system: &System<'_>, which: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let always = ["sandbox", which, "--port", "0"];
        let program = Program {
            name: which.to_owned(),
            binary: debug_binary("recoup")?,
            arguments: always.iter().chain(arguments).map(|word| (*word).to_owned()).collect(),
            environment: vec![],
            logs: system.world.logs()?,
            ready: Ready::Says(LISTENS),
        };
        let process = program.start(&[]).await?;
        let said = std::fs::read_to_string(process.log())?;
        let address = said.lines().find_map(|line| line.split_once(LISTENS)).context("it says where it listens")?.1;
        Ok(Self { address: address.trim().to_owned(), _process: process })
    }
}

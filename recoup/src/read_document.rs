//! `recoup read-document`: reads one document from standard input, within limits. Only ever started by Recoup itself.

use crate::output::Exit;

/// Reads one document within limits.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bytes of memory.
    #[arg(long)]
    memory: u64,
    /// Seconds of the processor.
    #[arg(long)]
    cpu_seconds: u64,
    /// It is a mail: gives the files in it.
    #[arg(long)]
    mail: bool,
}

/// Reads it and answers in JSON.
///
/// # Errors
/// When the limits cannot be set or nobody takes the answer.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    evidence::reading::apart::serve(args.memory, args.cpu_seconds, args.mail)?;
    Ok(Exit::Done)
}

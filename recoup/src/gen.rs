//! `recoup gen`: the documents that are made from the code.

mod asyncapi;
mod catalogue;
mod events_md;
mod openapi;

use std::path::PathBuf;

use anyhow::Context;

use crate::output::{self, BadUsage, Exit};

/// Writes docs/openapi*.json, docs/asyncapi.json and docs/EVENTS.md from the code.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; exit code 1 when a file is stale, and its name
    #[arg(long)]
    check: bool,
    /// The source tree
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let docs = args.root.join("docs");
    if !args.root.join("Cargo.toml").is_file() {
        return Err(BadUsage(format!(
            "{} is not the source tree: run it there, or name it with --root",
            args.root.display()
        ))
        .into());
    }
    let mut stale = 0;
    for (name, text) in documents()? {
        let path = docs.join(name);
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        if current == text {
            continue;
        }
        stale += 1;
        if !args.check {
            std::fs::create_dir_all(&docs).with_context(|| format!("making {}", docs.display()))?;
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        output::line(format_args!("{} docs/{name}", if args.check { "stale:" } else { "wrote" }))?;
    }
    Ok(if args.check && stale > 0 { Exit::Failed } else { Exit::Done })
}

/// Every generated document: its name and what it holds.
fn documents() -> anyhow::Result<Vec<(&'static str, String)>> {
    let entries = catalogue::entries();
    let mut documents = openapi::documents()?;
    documents.push(("asyncapi.json", serde_json::to_string_pretty(&asyncapi::document(&entries))? + "\n"));
    documents.push(("EVENTS.md", events_md::document(&entries)));
    Ok(documents)
}

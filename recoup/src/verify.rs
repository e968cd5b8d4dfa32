//! `recoup verify`: checks proof packets offline.

use std::path::{Path, PathBuf};

use anyhow::Context;
use evidence::packet::archive::MOST_BYTES;
use evidence::packet::keys::PublicKey;
use evidence::packet::verify::{self, Report, Signer};
use serde::Serialize;

use crate::output::{self, BadUsage, Exit};

/// Checks proof packets without a network, a database or a setting, and says everything that is wrong with them.
///
/// A packet is intact when each file in it has the hash that its manifest lists, nothing is missing or added, the Merkle root follows, the
/// ZIP file is byte for byte the one that was sealed, and the manifest's Ed25519 signature is good. Several packets of one account are
/// also checked against each other: each must name the one before it.
///
/// Give the public key with --key: the one that GET /api/v1/evidence/packet-keys publishes, got from somewhere else than the packet. Without
/// it the key inside the packet is used, which shows that nothing was altered since somebody sealed it, but not who did.
///
/// Exit codes: 0 all intact, 1 something is wrong, 2 wrong usage.
#[derive(clap::Args)]
pub struct Args {
    /// The packets: ZIP files
    #[arg(required = true)]
    packets: Vec<PathBuf>,
    /// A public key that may have signed: a file (PEM, base64, or the JSON of packet-keys) or the key in base64. May be given several times
    #[arg(long, value_name = "FILE|BASE64")]
    key: Vec<String>,
    /// JSON
    #[arg(long)]
    json: bool,
}

/// A packet and what came of its check.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a Path,
    #[serde(flatten)]
    report: Report,
}

#[derive(Serialize)]
struct Answer<'a> {
    intact: bool,
    packets: Vec<Checked<'a>>,
    chain: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, or a key is none.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut keys = Vec::new();
    for text in &args.key {
        keys.extend(read_keys(text)?);
    }
    let mut packets = Vec::with_capacity(args.packets.len());
    for path in &args.packets {
        packets.push(Checked { file: path, report: verify::verify(&read(path)?, &keys) });
    }
    let chain = verify::chain_breaks(packets.iter().map(|checked| &checked.report));
    let intact = chain.is_empty() && packets.iter().all(|checked| checked.report.intact);
    let answer = Answer { intact, packets, chain };
    if args.json {
        output::json(&answer)?
    } else {
        print(&answer)?
    }
    Ok(if intact { Exit::Done } else { Exit::Failed })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.len();
    anyhow::ensure!(length <= MOST_BYTES, "{shown} is longer than any packet ({MOST_BYTES} bytes)");
    std::fs::read(path).with_context(|| format!("{shown} cannot be read"))
}

/// The keys of one `--key`: the text itself, else the file of that name.
fn read_keys(text: &str) -> anyhow::Result<Vec<PublicKey>> {
    if let Ok(key) = text.parse() {
        return Ok(vec![key]);
    }
    let bad = |why: &dyn std::fmt::Display| BadUsage(format!("--key {text}: {why}"));
    let content = std::fs::read_to_string(text)
        .map_err(|error| bad(&format!("neither a key in base64 nor a file that can be read ({error})")))?;
    if let Ok(published) = serde_json::from_str::<serde_json::Value>(&content) {
        let listed = published["keys"].as_array().into_iter().flatten().filter_map(|key| key["public_key"].as_str());
        let keys: Result<Vec<PublicKey>, _> = listed.map(str::parse).collect();
        let keys = keys.map_err(|error| bad(&error))?;
        anyhow::ensure!(!keys.is_empty(), bad(&"the JSON lists no keys"));
        return Ok(keys);
    }
    Ok(vec![content.parse().map_err(|error| bad(&error))?])
}

fn print(answer: &Answer<'_>) -> anyhow::Result<()> {
    for Checked { file, report } in &answer.packets {
        let verdict = if report.intact { "intact" } else { "NOT INTACT" };
        output::line(format!("{}: {verdict}", file.display()))?;
        for finding in &report.findings {
            output::line(format!("  - {finding}"))?;
        }
        about(report)?;
    }
    for why in &answer.chain {
        output::line(format!("chain: {why}"))?;
    }
    Ok(())
}

/// What the packet says that it is. Its texts are quoted: they may hold anything.
fn about(report: &Report) -> anyhow::Result<()> {
    if let Some(packet) = &report.packet {
        let kind = match (packet.draft, packet.addendum_to) {
            (true, _) => "draft, sealed nothing and proves no payment".to_owned(),
            (false, Some(earlier)) => format!("addendum to packet {}", earlier.packet_id),
            (false, None) => "sealed".to_owned(),
        };
        output::line(format!(
            "  packet {} of {:?}, claim {:?}: {kind}",
            packet.packet_id, packet.tenant, packet.claim
        ))?;
        if let Some(chain) = packet.chain {
            let previous = chain.previous.map_or_else(|| "nothing".to_owned(), |hash| hash.to_string());
            output::line(format!("  number {} of its account, after {previous}", chain.position))?;
        }
        output::line(format!("  {} files, contents fixed {}", report.entries, packet.created_at))?;
    }
    if let Some(hash) = report.manifest_sha256 {
        output::line(format!("  manifest SHA-256 {hash}"))?;
    }
    let key = report.key_id.as_deref().unwrap_or("unknown");
    output::line(match report.signer {
        Signer::GivenKey => format!("  signed by key {key}, which is one of the given keys"),
        Signer::OwnKeyOnly => format!(
            "  signed by key {key}, which comes with the packet: this proves integrity only, not who signed. Give the published key with --key"
        ),
        Signer::Nobody => "  no good signature: nothing that it says can be relied on".to_owned(),
    })
}

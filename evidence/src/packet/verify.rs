//! Checks a packet without anybody's help, and says everything that is wrong with it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::archive::{self, Entries};
use super::findings::Finding;
use super::keys::PublicKey;
use super::manifest::{Header, MANIFEST, Manifest, SIGNATURE, root};
use super::sha256::Sha256;
use super::unarchive::{self, Item, Limits};

/// Whose word the signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// One of the given keys: who holds it sealed this packet.
    GivenKey,
    /// The key inside the packet. Whoever alters a packet can sign it with a key of his own, so this shows only that nothing was altered
    /// by accident or by somebody without a program like this.
    OwnKeyOnly,
    /// Nobody's.
    Nobody,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// Everything that is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// Who vouches for it.
    pub signer: Signer,
    /// Names the key that the packet was signed with.
    pub key_id: Option<String>,
    /// What the packet says that it is; to be believed as far as the signature is.
    pub packet: Option<Header>,
    /// Hash of the manifest, by which other packets name this one.
    pub manifest_sha256: Option<Sha256>,
    /// Entries besides the manifest and its signature.
    pub entries: usize,
}

/// Checks a packet. Without `keys`, its own key is used.
#[must_use]
pub fn verify(file: &[u8], keys: &[PublicKey]) -> Report {
    let mut report = Report {
        intact: false,
        findings: Vec::new(),
        signer: Signer::Nobody,
        key_id: None,
        packet: None,
        manifest_sha256: None,
        entries: 0,
    };
    match unarchive::read(file, Limits::default()) {
        Ok(items) => check(&mut report, file, items, keys),
        Err(why) => report.findings.push(Finding::Unreadable(why)),
    }
    // What is about the file around the contents comes last.
    report.findings.sort_by_key(|finding| matches!(finding, Finding::WrongOrder | Finding::Repacked { .. }));
    report.intact = report.findings.is_empty();
    report
}

/// What does not fit between packets that are each intact: a packet must name the manifest of the one before it, of its account.
/// Packets between which others are missing are not compared.
#[must_use]
pub fn chain_breaks<'a>(reports: impl Iterator<Item = &'a Report>) -> Vec<String> {
    let mut chains: BTreeMap<&str, BTreeMap<u64, (&Header, Sha256)>> = BTreeMap::new();
    let mut breaks = Vec::new();
    for report in reports.filter(|report| report.intact) {
        let (Some(packet), Some(hash)) = (&report.packet, report.manifest_sha256) else { continue };
        let Some(chain) = packet.chain else { continue };
        let other = chains.entry(&packet.tenant).or_default().insert(chain.position, (packet, hash));
        if other.is_some_and(|(_, other)| other != hash) {
            breaks.push(format!("two packets of {:?} have the number {}", packet.tenant, chain.position));
        }
    }
    for (tenant, packets) in &chains {
        for (position, (packet, _)) in packets {
            let Some((_, before)) = packets.get(&(position - 1)) else { continue };
            if packet.chain.and_then(|chain| chain.previous) != Some(*before) {
                breaks.push(format!("number {position} of {tenant:?} does not follow number {}", position - 1));
            }
        }
    }
    breaks
}

fn check(report: &mut Report, file: &[u8], items: Vec<Item>, keys: &[PublicKey]) {
    let mut files = gather(&mut report.findings, items);
    let repacked = archive::write(&files).map_or(Some(0), |sealed| first_difference(file, &sealed));
    let (manifest, signature) = (files.remove(MANIFEST), files.remove(SIGNATURE));
    report.entries = files.len();
    if let Some(bytes) = manifest {
        report.manifest_sha256 = Some(Sha256::of(&[&bytes]));
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(manifest) if manifest.is_known() => {
                check_signature(report, &manifest, &bytes, signature.as_deref(), keys);
                check_manifest(&mut report.findings, &manifest);
                check_files(&mut report.findings, &manifest, &files);
                report.packet = Some(manifest.header);
            }
            Ok(manifest) => report.findings.push(Finding::UnknownFormat(manifest.format)),
            Err(why) => report.findings.push(Finding::BadManifest(why.to_string())),
        }
    } else if !report.findings.iter().any(|finding| finding.path() == Some(MANIFEST)) {
        report.findings.push(Finding::NoManifest);
    }
    // Whatever the manifest cannot speak of: headers, times, comments, bytes between entries. Without all entries there is nothing to compare.
    let whole =
        !report.findings.iter().any(|finding| matches!(finding, Finding::Damaged { .. } | Finding::Duplicate { .. }));
    report.findings.extend(repacked.filter(|_| whole).map(|at| Finding::Repacked { at }));
}

/// The readable entries by name. What is odd about names and order is found on the way.
fn gather(findings: &mut Vec<Finding>, items: Vec<Item>) -> Entries {
    if !items.is_sorted_by(|a, b| a.name <= b.name) {
        findings.push(Finding::WrongOrder);
    }
    let mut files = Entries::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for Item { name, content } in items {
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times == 2 {
            findings.push(Finding::Duplicate { path: name.clone() });
        }
        if !archive::is_name(&name) {
            findings.push(Finding::BadName { path: name.clone() });
        }
        match content {
            // Of several, the first: the later ones are found as duplicates.
            Ok(bytes) => drop(files.entry(name).or_insert(bytes)),
            Err(why) => findings.push(Finding::Damaged { path: name, why }),
        }
    }
    files
}

fn check_signature(
    report: &mut Report,
    manifest: &Manifest,
    bytes: &[u8],
    signature: Option<&[u8]>,
    keys: &[PublicKey],
) {
    let own: Option<PublicKey> = manifest.signature.public_key.parse().ok();
    let key_id = own.map_or_else(|| manifest.signature.key_id.clone(), |key| key.id());
    report.key_id = Some(key_id.clone());
    if own.is_none() || manifest.signature.key_id != key_id {
        report.findings.push(Finding::BadManifest("its key and the name of its key do not fit".to_owned()));
    }
    let Some(signature) = signature else {
        // A signature that is there and unreadable was found before.
        if !report.findings.iter().any(|finding| finding.path() == Some(SIGNATURE)) {
            report.findings.push(Finding::NoSignature);
        }
        return;
    };
    if !own.is_some_and(|key| key.verifies(bytes, signature)) {
        report.findings.push(Finding::BadSignature { key_id });
    } else if keys.is_empty() {
        report.signer = Signer::OwnKeyOnly;
    } else if own.is_some_and(|key| keys.contains(&key)) {
        report.signer = Signer::GivenKey;
    } else {
        report.findings.push(Finding::WrongKey { key_id });
    }
}

fn check_manifest(findings: &mut Vec<Finding>, manifest: &Manifest) {
    if !manifest.entries.is_sorted_by(|a, b| a.path < b.path) {
        findings.push(Finding::WrongOrder);
    }
    if root(&manifest.entries) != manifest.merkle.root {
        findings.push(Finding::WrongRoot);
    }
    match (&manifest.header.chain, manifest.header.draft) {
        (Some(_), true) => findings.push(Finding::BadChain("a draft has no place in the chain")),
        (None, false) => findings.push(Finding::BadChain("a sealed packet has a place in the chain")),
        (Some(chain), false) if chain.position == 0 || (chain.position == 1) == chain.previous.is_some() => {
            findings.push(Finding::BadChain("every packet but the first names the one before it"));
        }
        _ => {}
    }
}

fn check_files(findings: &mut Vec<Finding>, manifest: &Manifest, files: &Entries) {
    for entry in &manifest.entries {
        let path = || entry.path.clone();
        let Some(bytes) = files.get(&entry.path) else {
            if !findings.iter().any(|finding| matches!(finding, Finding::Damaged { path, .. } if *path == entry.path)) {
                findings.push(Finding::Missing { path: path() });
            }
            continue;
        };
        let found = Sha256::of(&[bytes]);
        if found != entry.sha256 {
            findings.push(Finding::Altered { path: path(), expected: entry.sha256, found });
        } else if bytes.len() as u64 != entry.bytes {
            findings.push(Finding::WrongLength { path: path() });
        }
    }
    let listed: std::collections::BTreeSet<&str> = manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
    let extra = files.keys().filter(|path| !listed.contains(path.as_str()));
    findings.extend(extra.map(|path| Finding::Extra { path: path.clone() }));
}

fn first_difference(file: &[u8], sealed: &[u8]) -> Option<u64> {
    if file == sealed {
        return None;
    }
    let same = file.iter().zip(sealed).take_while(|(a, b)| a == b).count();
    Some(same as u64)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;

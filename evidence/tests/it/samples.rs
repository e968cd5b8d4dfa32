//! Invoices that others publish as test data, kept in the cache of `./dev test`.

use evidence::reading::decimal::Decimal;
use evidence::reading::invoice::Invoice;
use std::path::{Path, PathBuf};

/// All XML files below a folder of the collection, in a fixed order.
pub fn below(folder: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("RECOUP_TEST_DOCUMENTS").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("RECOUP_CACHE").map(PathBuf::from);
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/recoup"));
        Some(cache.or_else(home)?.join("documents-1"))
    });
    let root = root.expect("RECOUP_TEST_DOCUMENTS or HOME is set").join(folder);
    let mut files = vec![];
    collect(&root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "no test invoices in {}: './dev test' fetches them", root.display());
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("the folder is ours").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            files.push(path);
        }
    }
}

/// Name of a file, for messages.
pub fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// Every element of this local name (or of any name for which `wanted` holds), with its trimmed text: read by brute force, so
/// that the reader is checked against something that shares nothing with it.
pub fn texts(xml: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = vec![];
    for piece in xml.split('<').skip(1).filter(|piece| !piece.starts_with(['/', '?', '!'])) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        let name = tag.split_whitespace().next().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default();
        if wanted(name) && !text.trim().is_empty() && !tag.ends_with('/') {
            found.push((name.to_owned(), text.trim().to_owned()));
        }
    }
    found
}

/// Every amount in the document's block of totals is read, by its name and in its order.
pub fn assert_totals(invoice: &Invoice, block: &str, name: &str) {
    let expected: Vec<(String, Decimal)> = texts(block, |tag| tag.ends_with("Amount"))
        .into_iter()
        .map(|(tag, text)| (tag, text.parse().expect("decimal")))
        .collect();
    let read: Vec<(String, Decimal)> = invoice
        .totals
        .iter()
        .map(|total| (total.name.clone(), total.amount.decimal().parse().expect("ours")))
        .collect();
    assert_eq!(read, expected, "{name}: totals");
}

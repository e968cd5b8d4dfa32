//! The catalogue has every message.

use std::path::Path;

use super::*;

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let read = |path| std::fs::read_to_string(path).expect("a text");
    folders.iter().flat_map(|folder| sources(folder)).chain(files.iter().map(read)).collect()
}

#[test]
fn every_declared_message_is_listed_with_its_key() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared-events/src"));
    // Name, wire name and key, as the `messages!` lists declare them.
    let declared: BTreeSet<(String, String, String)> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(" \"")?;
            let (kind, key) = rest.strip_suffix(',')?.split_once("\" ")?;
            let is_name = name.chars().all(char::is_alphanumeric);
            is_name.then(|| (name.to_owned(), kind.to_owned(), key.to_owned()))
        })
        .collect();
    let listed: BTreeSet<(String, String, String)> = entries()
        .iter()
        .filter(|entry| entry.kind != COMMAND_REJECTED)
        .map(|entry| (entry.name.clone(), entry.kind.to_owned(), entry.key.to_owned()))
        .collect();
    assert!(declared.len() > 40, "{declared:?}");
    assert_eq!(listed, declared);
}

#[test]
fn every_command_has_one_handler_and_every_message_says_what_it_is_for() {
    for entry in entries() {
        assert!(!entry.doc.is_empty(), "{} has no words", entry.kind);
        if entry.topics[0].kind == Kind::Command {
            assert_eq!(entry.consumers, [entry.topics[0].service.name()], "{}", entry.kind);
        }
    }
}

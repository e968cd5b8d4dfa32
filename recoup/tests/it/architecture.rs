//! The dependency directions of the house: messages below, the kit above them, services side by side, the binary on top.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may use of the others, and what its tests may use beside that.
const ALLOWED: [(&str, &[&str], &[&str]); 14] = [
    ("shared-events", &[], &[]),
    ("migrations", &[], &[]),
    ("service-kit", &["shared-events"], &["migrations"]),
    ("providers", &["shared-events", "service-kit"], &["sandbox"]),
    ("tracking", &["shared-events", "service-kit"], &["migrations"]),
    ("commission", &["shared-events", "service-kit"], &["migrations"]),
    ("evidence", &["shared-events", "service-kit", "providers"], &["migrations"]),
    ("claims", &["shared-events", "service-kit", "providers"], &["migrations", "sandbox"]),
    ("orders", &["shared-events", "service-kit", "providers"], &["migrations", "sandbox"]),
    ("notify", &["shared-events", "service-kit", "providers"], &["migrations", "sandbox"]),
    // Nothing of the claims' rules: what it says is owed has to be found out without them.
    ("sandbox", &["shared-events", "service-kit"], &[]),
    ("bff", &["shared-events", "service-kit", "providers"], &["sandbox"]),
    (
        "recoup",
        &[
            "shared-events",
            "service-kit",
            "migrations",
            "providers",
            "tracking",
            "commission",
            "evidence",
            "claims",
            "orders",
            "notify",
            "sandbox",
            "bff",
        ],
        &[],
    ),
    ("e2e", &["shared-events", "service-kit", "migrations", "tracking", "commission", "bff"], &[]),
];

/// What rules must not know: where data lives, how it travels, and what time it is.
const IMPURE: [&str; 7] = ["sqlx", "axum", "pulsar", "tokio", "reqwest", "Clock", "Utc::now"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates lie in the workspace").to_owned()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"].as_array().expect("there are packages").clone()
}

#[test]
fn crates_depend_only_downwards_and_services_not_on_each_other() {
    let allowed: BTreeMap<&str, (&[&str], &[&str])> =
        ALLOWED.into_iter().map(|(name, uses, tests)| (name, (uses, tests))).collect();
    let packages = packages();
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in &packages {
        let name = package["name"].as_str().expect("packages have names");
        let (uses, tests) =
            allowed.get(name).unwrap_or_else(|| panic!("{name} is new: say here what it may depend on"));
        for dependency in package["dependencies"].as_array().expect("a list") {
            let on = dependency["name"].as_str().expect("dependencies have names");
            // A crate may test itself with more features.
            if !names.contains(&on) || on == name {
                continue;
            }
            let in_tests = dependency["kind"] == "dev";
            assert!(uses.contains(&on) || (in_tests && tests.contains(&on)), "{name} must not depend on {on}");
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn rules_know_no_database_no_network_and_no_clock() {
    let rules = [
        "tracking/src/domain",
        "commission/src/domain",
        "evidence/src/matching",
        "evidence/src/packet",
        "evidence/src/paper",
        "evidence/src/cost",
        "claims/src/reports",
        "claims/src/policy",
        "claims/src/detection",
        "orders/src/domain",
        "claims/src/claiming",
        "notify/src/domain",
    ];
    for folder in rules.map(|folder| root().join(folder)) {
        let mut files = vec![folder.with_extension("rs")];
        rust_files(&folder, &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).expect("the file is there");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for (number, line) in code.enumerate() {
                let word = IMPURE.iter().find(|word| line.contains(**word));
                assert!(word.is_none(), "{}: {} in line of code {number}: {line}", file.display(), word.unwrap_or(&""));
            }
        }
    }
}

#[test]
fn no_module_is_called_utils_helpers_or_mod() {
    let mut files = Vec::new();
    for (name, ..) in ALLOWED {
        rust_files(&root().join(name).join("src"), &mut files);
    }
    for file in files {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        assert!(!["mod", "utils", "util", "helpers", "common", "manager"].contains(&stem), "{}", file.display());
    }
}

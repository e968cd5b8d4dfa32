//! What became of findings when rows arrived late, or Amazon paid or took back by itself.

use std::collections::BTreeMap;

use super::finding::{Finding, Status};

/// One difference between two evaluations of the same subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Owed, and was not known before.
    Raised(Finding),
    /// Owed to another extent, or in another state; with what is new in its arithmetic.
    Changed {
        /// As it is now.
        now: Finding,
        /// Units before.
        units_before: i64,
        /// Status before.
        status_before: Status,
        /// Steps of the arithmetic that are new.
        why: Vec<String>,
    },
    /// Too late.
    Expired(Finding),
    /// No longer owed.
    Resolved {
        /// As it was.
        was: Finding,
        /// Why, in words.
        why: String,
    },
}

/// Compares the findings before and after.
pub fn changes(before: Vec<Finding>, after: Vec<Finding>) -> Vec<Change> {
    let mut known: BTreeMap<String, Finding> =
        before.into_iter().map(|finding| (finding.natural_key(), finding)).collect();
    let mut changes = Vec::new();
    for finding in after {
        match known.remove(&finding.natural_key()) {
            None if finding.status == Status::Expired => {}
            None => changes.push(Change::Raised(finding)),
            Some(was) if was.status != Status::Expired && finding.status == Status::Expired => {
                changes.push(Change::Expired(finding));
            }
            Some(was) => {
                let same = was.units == finding.units && was.status == finding.status;
                if !same || was.expected_value != finding.expected_value {
                    let is_new = |step: &&String| !was.arithmetic.contains(step);
                    let why = finding.arithmetic.iter().filter(is_new).cloned().collect();
                    changes.push(Change::Changed {
                        units_before: was.units,
                        status_before: was.status,
                        why,
                        now: finding,
                    });
                }
            }
        }
    }
    // What is left is owed no more: everything of it was settled since.
    changes.extend(known.into_values().filter(|was| was.status != Status::Expired).map(|was| {
        let why =
            format!("{} of {} owed before; all of it is settled by rows that arrived since", was.units, was.subject);
        Change::Resolved { was, why }
    }));
    changes
}

//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};

use super::state::State;

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// 429.
    Throttle,
    /// 500.
    Error,
    /// The answer comes late.
    Slow,
    /// The answer breaks off in its middle.
    Truncate,
    /// The document's link is over already.
    ExpireLink,
    /// All refresh tokens and access tokens so far are taken back, at once.
    Revoke,
    /// All access tokens are over, at once.
    ExpireToken,
    /// It is done, and no answer comes.
    AcceptThenHang,
    /// Nothing is done, and no answer comes.
    Hang,
    /// A report that is through has nothing to tell.
    Cancelled,
    /// A report goes wrong.
    Fatal,
    /// A document has a header and no rows.
    HeaderOnly,
}

/// One thing to go wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// An operation by its name, `token`, `document`, or `*`.
    pub(super) operation: String,
    pub(super) kind: Kind,
    /// How often.
    #[serde(default = "once")]
    pub(super) times: u32,
    /// How late, in milliseconds.
    #[serde(default)]
    pub(super) millis: Option<u64>,
}

fn once() -> u32 {
    1
}

impl State {
    /// The next fault of an operation, of one of these kinds.
    pub(super) fn fault(&mut self, operation: &str, kinds: &[Kind]) -> Option<Fault> {
        let fits = |fault: &Fault| {
            (fault.operation == operation || fault.operation == "*") && fault.times > 0 && kinds.contains(&fault.kind)
        };
        let at = self.faults.iter().position(fits)?;
        self.faults[at].times -= 1;
        let fault = self.faults[at].clone();
        self.faults.retain(|fault| fault.times > 0);
        Some(fault)
    }
}

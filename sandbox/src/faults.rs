//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
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
pub(crate) struct Fault {
    /// An operation by its name, `token`, `document`, or `*`.
    pub(crate) operation: String,
    pub(crate) kind: Kind,
    /// How often.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// How late, in milliseconds.
    #[serde(default)]
    pub(crate) millis: Option<u64>,
}

fn once() -> u32 {
    1
}

/// The next fault of an operation, of one of these kinds.
pub(crate) fn take(faults: &mut Vec<Fault>, operation: &str, kinds: &[Kind]) -> Option<Fault> {
    let fits = |fault: &Fault| {
        (fault.operation == operation || fault.operation == "*") && fault.times > 0 && kinds.contains(&fault.kind)
    };
    let at = faults.iter().position(fits)?;
    faults[at].times -= 1;
    let fault = faults[at].clone();
    faults.retain(|fault| fault.times > 0);
    Some(fault)
}

//! Points at which a test build can be told to die or to freeze, and safeguards that it can be told to leave out: so the fault tests
//! hit exact instants, and prove that each safeguard is needed. Release builds contain nothing of it.
//!
//! `RECOUP_FAULT=relay.after_receipt:kill:3` kills the process (SIGKILL) when it passes that point for the third time; `freeze` stops it
//! (SIGSTOP). `RECOUP_SABOTAGE=no_inbox` leaves out the inbox. Both take several, separated by commas.

#[cfg(debug_assertions)]
mod armed {
    use std::process::{Command, id};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use crate::config::Env;

    struct Fault {
        point: String,
        signal: &'static str,
        pass: u64,
        passed: AtomicU64,
    }

    static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
        listed("RECOUP_FAULT")
            .iter()
            .map(|text| {
                let parts: Vec<&str> = text.split(':').collect();
                let (point, signal, pass) = match parts[..] {
                    [point, "kill", pass] => (point.to_owned(), "-KILL", pass.parse()),
                    [point, "freeze", pass] => (point.to_owned(), "-STOP", pass.parse()),
                    _ => panic!("RECOUP_FAULT: {text} is not point:kill:pass or point:freeze:pass"),
                };
                Fault {
                    point,
                    signal,
                    pass: pass.expect("RECOUP_FAULT: the pass is a number"),
                    passed: AtomicU64::new(0),
                }
            })
            .collect()
    });
    static SABOTAGE: LazyLock<Vec<String>> = LazyLock::new(|| listed("RECOUP_SABOTAGE"));

    fn listed(variable: &str) -> Vec<String> {
        let env = Env::process();
        env.get(variable).map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default()
    }

    pub(super) fn point(name: &str) {
        for fault in FAULTS.iter().filter(|fault| fault.point == name) {
            if fault.passed.fetch_add(1, Ordering::Relaxed) + 1 == fault.pass {
                // Blocks this thread on purpose: nothing behind the point may happen before the signal arrives.
                let sent = Command::new("kill").args([fault.signal, &id().to_string()]).status();
                assert!(sent.is_ok_and(|status| status.success()), "kill does not work here");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    pub(super) fn sabotaged(safeguard: &str) -> bool {
        SABOTAGE.iter().any(|left_out| left_out == safeguard)
    }
}

/// Dies or freezes here when the test said so.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::point(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// As [`point`], at one of several points of a group: `orders.after_call` with `capture` is `orders.after_call.capture`.
#[inline]
pub fn point_of(group: &'static str, one: &'static str) {
    #[cfg(debug_assertions)]
    armed::point(&format!("{group}.{one}"));
    #[cfg(not(debug_assertions))]
    let _ = (group, one);
}

/// Whether the test said that this safeguard is to be left out.
#[inline]
pub fn sabotaged(safeguard: &'static str) -> bool {
    #[cfg(debug_assertions)]
    return armed::sabotaged(safeguard);
    #[cfg(not(debug_assertions))]
    {
        let _ = safeguard;
        false
    }
}

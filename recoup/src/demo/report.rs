//! How the story is told: chapters with their times, progress while events are sent, and the books side by side.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::output::{line, table};

use super::books::dollars;
use super::recompute::Totals;
use super::story::PARTNERS;

/// Prints a chapter's head; its time follows with [`Chapter::end`].
pub struct Chapter {
    began: Instant,
}

impl Chapter {
    /// Begins a chapter.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn begin(number: u32, title: &str) -> anyhow::Result<Self> {
        line(format!("\n== {number:>2}. {title} {}", "=".repeat(90_usize.saturating_sub(title.len()))))?;
        Ok(Self { began: Instant::now() })
    }

    /// Ends it with the time that it took.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn end(self) -> anyhow::Result<()> {
        say(format!("({} ms)", self.began.elapsed().as_millis()))
    }
}

/// One line of a chapter.
///
/// # Errors
/// When nobody reads it any more.
pub fn say(text: impl Display) -> anyhow::Result<()> {
    line(format!("   {text}"))
}

/// A count that moves on the terminal; nothing at all elsewhere.
pub struct Progress {
    what: &'static str,
    total: usize,
    shown: bool,
}

impl Progress {
    /// Counts `what` up to `total`.
    pub fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, shown: std::io::stderr().is_terminal() }
    }

    /// So many are done.
    pub fn at(&self, done: usize) {
        if self.shown {
            self.write(&format!("\r   {}: {done} of {} ", self.what, self.total));
        }
    }

    fn write(&self, text: &str) {
        // Progress that cannot be shown is no reason to stop.
        let mut terminal = std::io::stderr().lock();
        drop(terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            self.write("\r\x1b[K");
        }
    }
}

/// Prints the books of the system beside those worked out from the log; the number of differences.
///
/// # Errors
/// When nobody reads it any more.
pub fn compare(system: &BTreeMap<&'static str, Totals>, log: &BTreeMap<&'static str, Totals>) -> anyhow::Result<usize> {
    type Figure = (&'static str, fn(&Totals) -> String);
    let figures: [Figure; 7] = [
        ("conversions", |own| own.conversions.to_string()),
        ("turnover", |own| dollars(own.turnover)),
        ("earned", |own| dollars(own.earned)),
        ("reversed", |own| dollars(own.reversed)),
        ("clawed back", |own| dollars(own.clawed_back)),
        ("paid", |own| dollars(own.paid)),
        ("available", |own| dollars(own.available)),
    ];
    let mut differences = 0;
    let mut rows = Vec::new();
    for partner in PARTNERS {
        let (says, should) =
            (system.get(partner).copied().unwrap_or_default(), log.get(partner).copied().unwrap_or_default());
        for (index, (name, figure)) in figures.into_iter().enumerate() {
            let (says, should) = (figure(&says), figure(&should));
            let verdict = if says == should { "=" } else { "DIFFERENT" };
            differences += usize::from(says != should);
            let partner = if index == 0 { partner } else { "" };
            rows.push(vec![format!("   {partner}"), name.to_owned(), says, should, verdict.to_owned()]);
        }
    }
    table(&["   partner", "", "#Recoup's API", "#from the log", ""], &rows)?;
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_that_differs_is_counted() {
        let log = BTreeMap::from([(PARTNERS[0], Totals { earned: 100, paid: 100, ..Totals::default() })]);
        let system =
            BTreeMap::from([(PARTNERS[0], Totals { earned: 101, paid: 100, available: 1, ..Totals::default() })]);
        assert_eq!(compare(&log, &log).expect("printed"), 0);
        assert_eq!(compare(&system, &log).expect("printed"), 2);
        assert_eq!(compare(&BTreeMap::new(), &log).expect("printed"), 2);
    }
}

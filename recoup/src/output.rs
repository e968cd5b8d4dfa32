//! What a command prints and how it ends.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use service_kit::config::ConfigError;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It could not.
    Failed,
    /// The command line or the environment is wrong.
    Usage,
    /// It compared, and found differences.
    Different,
}

impl Exit {
    /// Reports an error on stderr, and says how to end because of it.
    pub fn of(error: &anyhow::Error) -> Self {
        let closed = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        };
        if error.chain().any(closed) {
            // Whoever read our output has seen enough (`recoup read ... | head`).
            return Self::Done;
        }
        eprintln!("recoup: {error:#}");
        let usage = error.chain().any(|cause| cause.is::<ConfigError>() || cause.is::<BadUsage>());
        if usage { Self::Usage } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Different => 3,
        })
    }
}

/// An argument that the command line parser cannot judge by itself.
#[derive(Debug)]
pub struct BadUsage(pub String);

impl Display for BadUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUsage {}

/// Prints one line.
///
/// # Errors
/// When nobody reads it any more.
pub fn line(text: impl Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints a value as JSON, on several lines.
///
/// # Errors
/// When nobody reads it any more.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Prints a table with aligned columns; numbers (columns whose head starts with `#`) to the right.
///
/// # Errors
/// When nobody reads it any more.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let titles: Vec<&str> = head.iter().map(|title| title.trim_start_matches('#')).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        longest.max(titles[column].chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let print = |cells: Vec<&str>| {
        let mut text = String::new();
        for ((cell, width), title) in cells.iter().zip(&widths).zip(head) {
            let padded = if title.starts_with('#') { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            text.push_str(&padded);
        }
        line(text.trim_end())
    };
    print(titles.clone())?;
    rows.iter().try_for_each(|row| print(row.iter().map(String::as_str).collect()))
}

//! The figures, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Milliseconds from sending a POST to the committed commission.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

impl Quantiles {
    /// Quantiles by rank (the smallest value that at least the share q does not exceed).
    #[expect(clippy::float_arithmetic, reason = "statistics of durations, no money")]
    pub(super) fn of(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        let rank = |q: f64| {
            millis.get(((millis.len() as f64 * q).ceil() as usize).saturating_sub(1)).copied().unwrap_or(f64::NAN)
        };
        Self { p50: rank(0.5), p99: rank(0.99), p999: rank(0.999) }
    }
}

/// What was measured. A part that was not asked for is null.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) machine: String,
    pub(super) bare_loop_events_per_s: Option<f64>,
    pub(super) events_per_s: Option<f64>,
    pub(super) ratio: Option<f64>,
    pub(super) http_posts_per_s: Option<f64>,
    pub(super) latency_ms: BTreeMap<String, Quantiles>,
    pub(super) rss_mb: Option<f64>,
    pub(super) ready_ms: Option<u64>,
    pub(super) lost: Option<i64>,
    pub(super) duplicated: Option<i64>,
}

impl Report {
    /// An empty report that names the machine.
    pub(super) fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split(':').nth(1))
                .unwrap_or("unknown")
                .trim()
                .to_owned()
        };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = format!(
            "{cores} cores, {}, {} memory, Linux {}",
            field(&read("/proc/cpuinfo"), "model name"),
            field(&read("/proc/meminfo"), "MemTotal"),
            read("/proc/sys/kernel/osrelease").trim(),
        );
        Self { machine, ..Self::default() }
    }

    /// Works out what follows from the figures.
    #[expect(clippy::float_arithmetic, reason = "a ratio of rates, no money")]
    pub(super) fn finish(&mut self) {
        self.ratio = self.events_per_s.zip(self.bare_loop_events_per_s).map(|(ours, bare)| ours / bare);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |value: Option<f64>, digits: usize| value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"));
        writeln!(f, "machine                       {}", self.machine)?;
        writeln!(f, "bare loop                     {} events/s", number(self.bare_loop_events_per_s, 0))?;
        writeln!(f, "pipeline, HTTP to commission  {} events/s  (target 12000)", number(self.events_per_s, 0))?;
        writeln!(f, "ratio                         {}  (target 0.60)", number(self.ratio, 2))?;
        writeln!(f, "single-event POSTs            {} /s  (target 8000)", number(self.http_posts_per_s, 0))?;
        for (rate, quantiles) in &self.latency_ms {
            writeln!(
                f,
                "latency {rate:21} p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
                quantiles.p50, quantiles.p99, quantiles.p999
            )?;
        }
        writeln!(f, "memory of serve all           {} MB at most  (target 150)", number(self.rss_mb, 0))?;
        writeln!(
            f,
            "start to ready                {} ms  (target 2000)",
            self.ready_ms.map_or_else(|| "-".into(), |ms| ms.to_string())
        )?;
        let count = |value: Option<i64>| value.map_or_else(|| "-".into(), |value| value.to_string());
        write!(f, "lost {}, counted twice {}", count(self.lost), count(self.duplicated))
    }
}

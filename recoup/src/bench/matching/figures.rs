//! What is measured of one set.

use evidence::matching::decision::{AUTOMATIC, Gate, PROMPT};
use evidence::matching::metrics::{self, Counts};
use serde::Serialize;

/// The figures of one set; shares are fractions.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    set: String,
    /// With context.
    pub(super) f1: f64,
    pub(super) f1_pairwise: f64,
    precision: f64,
    recall: f64,
    precision_at_085: f64,
    recall_at_085: f64,
    share_prompt: f64,
    ece: f64,
    brier: f64,
    wilson_low: f64,
    /// Whether answers would be automatic.
    gate: bool,
    /// In seconds of one core's time.
    pairs_per_s: f64,
    pub(super) seconds: f64,
    rss_mb: f64,
    log_loss: f64,
    pr_auc: f64,
    /// Answers at 0.85 and above.
    automatic: u64,
}

/// How long things took.
pub(super) struct Spent {
    pub(super) pairs_per_s: f64,
    pub(super) seconds: f64,
}

impl Figures {
    /// From the answers with context and pairwise; `lost` matches never became candidates.
    pub(super) fn of(set: &str, context: &[f64], pairwise: &[f64], labels: &[bool], lost: u64, spent: &Spent) -> Self {
        let at = |bound: f64, answers: &[f64]| {
            let counts = Counts::at(bound, answers, labels);
            Counts { misses: counts.misses + lost, ..counts }
        };
        let (half, sure) = (at(PROMPT, context), at(AUTOMATIC, context));
        let gate = Gate::judge(context, labels);
        let prompts = context.iter().filter(|p| (PROMPT..AUTOMATIC).contains(*p)).count();
        Self {
            set: set.to_owned(),
            f1: half.f1(),
            f1_pairwise: at(PROMPT, pairwise).f1(),
            precision: half.precision(),
            recall: half.recall(),
            precision_at_085: sure.precision(),
            recall_at_085: sure.recall(),
            share_prompt: prompts as f64 / context.len().max(1) as f64,
            ece: gate.ece,
            brier: metrics::brier(context, labels),
            wilson_low: gate.wilson_low,
            gate: gate.open,
            pairs_per_s: spent.pairs_per_s.round(),
            seconds: spent.seconds,
            rss_mb: peak_rss_mb(),
            log_loss: metrics::log_loss(context, labels),
            pr_auc: metrics::pr_auc(context, labels),
            automatic: sure.hits + sure.false_alarms,
        }
    }
}

/// The table.
pub(super) fn print(all: &[Figures]) {
    println!(
        "{:<24} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>4} {:>8} {:>6} {:>6}",
        "set",
        "F1",
        "alone",
        "P",
        "R",
        "P.85",
        "R.85",
        "n.85",
        "prompt",
        "ECE",
        "Brier",
        "Wilson",
        "gate",
        "pairs/s",
        "s",
        "MB"
    );
    for f in all {
        println!(
            "{:<24} {:>6.4} {:>6.4} {:>6.4} {:>6.4} {:>6.4} {:>6.4} {:>6} {:>6.4} {:>6.4} {:>6.4} {:>6.4} {:>4} {:>8} {:>6.1} {:>6.0}",
            f.set,
            f.f1,
            f.f1_pairwise,
            f.precision,
            f.recall,
            f.precision_at_085,
            f.recall_at_085,
            f.automatic,
            f.share_prompt,
            f.ece,
            f.brier,
            f.wilson_low,
            if f.gate { "on" } else { "off" },
            f.pairs_per_s,
            f.seconds,
            f.rss_mb
        );
    }
}

/// A clock that stands still while this thread waits for a core that others use; a wall clock where the system has no such thing.
pub(super) struct OwnTime {
    wall: std::time::Instant,
    spent: Option<u64>,
}

impl OwnTime {
    pub(super) fn start() -> Self {
        Self { wall: std::time::Instant::now(), spent: on_core() }
    }

    pub(super) fn seconds(&self) -> f64 {
        let seconds = match (self.spent, on_core()) {
            (Some(before), Some(now)) => now.saturating_sub(before) as f64 / 1e9,
            _ => self.wall.elapsed().as_secs_f64(),
        };
        seconds.max(1e-9)
    }
}

/// Nanoseconds that this thread was on a core.
fn on_core() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}

/// Forgets the highest memory use so far, so that each set has its own.
pub(super) fn forget_peak() {
    // Where the system does not let us, the figure is the highest of all sets so far.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    peak.unwrap_or(0.0) / 1024.0
}

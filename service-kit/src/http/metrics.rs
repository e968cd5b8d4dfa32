//! `/metrics`: one recorder for the whole process, since `recoup serve all` runs every service in one; the label `service` tells them apart.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of histograms of times, in seconds: from a fast event to a stuck one.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds of histograms of counts (messages in a run, rows in a batch).
const COUNTS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 10_000.0];

/// The recorder of this process; the first call installs it, so call it before the first measurement.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = || {
            let seconds = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS);
            seconds.and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".into()), &COUNTS))
        };
        let installed = builder().and_then(PrometheusBuilder::install_recorder);
        installed.unwrap_or_else(|error| {
            // A recorder of somebody else's is there (a test's); ours then shows nothing, which must not stop the service.
            tracing::warn!(error = %error, "metrics are recorded elsewhere");
            PrometheusBuilder::new().build_recorder().handle()
        })
    })
}

/// The metrics page.
pub async fn page() -> String {
    recorder().run_upkeep();
    recorder().render()
}

//! Latency from sending a POST to the committed commission, at a steady rate. A trigger on the bench's own database announces each commission
//! at its commit, so the end is seen from outside the code under measurement and without polling.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use tokio::sync::mpsc;

use super::load::Connection;
use super::report::Quantiles;
use super::stack::System;

const ANNOUNCE: &str = "
CREATE OR REPLACE FUNCTION bench_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bench', string_agg(order_id, ',')) FROM (SELECT order_id, row_number() OVER () / 200 AS part FROM fresh) AS parts GROUP BY part;
    RETURN NULL;
END $$";
const WATCH: &str = "CREATE OR REPLACE TRIGGER bench_watch AFTER INSERT ON commissions REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION bench_announce()";
const UNWATCH: &str = "DROP TRIGGER bench_watch ON commissions";
/// Connections that share the rate.
const CONNECTIONS: usize = 8;

/// Events sent before those that count: each connection of the pools plans its statements with its first ones.
fn warm_up(rate: u32) -> u32 {
    rate.max(200)
}

/// How many events are sent in all.
pub(super) fn events(rate: u32, seconds: u32) -> u32 {
    rate * seconds + warm_up(rate)
}

/// Sends single events at `rate` a second for `seconds`.
#[expect(clippy::float_arithmetic, reason = "durations, no money")]
pub(super) async fn run(system: &System, rate: u32, seconds: u32) -> anyhow::Result<Quantiles> {
    for statement in [ANNOUNCE, WATCH] {
        sqlx::raw_sql(statement).execute(&system.commission).await?;
    }
    let mut listener = PgListener::connect_with(&system.commission).await?;
    listener.listen("bench").await?;
    let total = events(rate, seconds) as usize;
    let (sent_to, mut sent) = mpsc::unbounded_channel();
    let sending = tokio::spawn(send(system.tracking.clone(), system.token.clone(), rate, total, sent_to));
    let mut begun: HashMap<String, Instant> = HashMap::new();
    let mut ended: HashMap<String, Instant> = HashMap::new();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(u64::from(seconds) + 60);
    while ended.len() < total {
        tokio::select! {
            notice = listener.recv() => {
                let now = Instant::now();
                ended.extend(notice?.payload().split(',').filter(|order| order.starts_with("lat-")).map(|order| (order.to_owned(), now)));
            }
            Some((order, at)) = sent.recv() => { begun.insert(order, at); }
            () = tokio::time::sleep_until(deadline) => anyhow::bail!("{} of {total} commissions were committed", ended.len()),
        }
    }
    sending.await??;
    while let Ok((order, at)) = sent.try_recv() {
        begun.insert(order, at);
    }
    sqlx::raw_sql(UNWATCH).execute(&system.commission).await?;
    let warm = warm_up(rate) as usize;
    let millis = ended
        .iter()
        .filter(|(order, _)| {
            order
                .rsplit('-')
                .next()
                .and_then(|number| number.parse::<usize>().ok())
                .is_some_and(|number| number >= warm)
        })
        .filter_map(|(order, end)| begun.get(order).map(|begin| end.duration_since(*begin).as_secs_f64() * 1_000.0))
        .collect();
    Ok(Quantiles::of(millis))
}

/// Sends on a fixed schedule, whatever the answers do: a slow answer delays nobody else's start.
async fn send(
    base: String,
    token: String,
    rate: u32,
    total: usize,
    sent: mpsc::UnboundedSender<(String, Instant)>,
) -> anyhow::Result<()> {
    let began = tokio::time::Instant::now();
    let mut workers = Vec::new();
    for worker in 0..CONNECTIONS {
        let (base, token, sent) = (base.clone(), token.clone(), sent.clone());
        workers.push(tokio::spawn(async move {
            let mut connection = Connection::open(&base).await?;
            for number in (worker..total).step_by(CONNECTIONS) {
                tokio::time::sleep_until(began + Duration::from_secs(1) * number as u32 / rate).await;
                let order = format!("lat-{rate}-{number}");
                let body = format!(
                    r#"{{"event_id":"{order}","user_id":"visitor-{number}","event_type":"purchase","order_id":"{order}","amount":"25.00","currency":"USD"}}"#
                );
                let begun = Instant::now();
                drop(sent.send((order, begun)));
                connection.post_events(&token, body.into()).await?;
            }
            anyhow::Ok(())
        }));
    }
    for worker in workers {
        worker.await??;
    }
    Ok(())
}

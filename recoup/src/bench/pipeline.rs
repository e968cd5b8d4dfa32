//! Throughput: batched ingest in steady state, and single-event POSTs, both to the committed commission.

use std::time::{Duration, Instant};

use super::load::Connection;
use super::stack::System;

/// Events in one request of the batched ingest.
const BATCH: usize = 500;
/// Connections that send batches.
const SENDERS: usize = 4;
/// Events that may be accepted and not yet committed as commissions: more and the senders wait, so the backlog cannot grow.
const AHEAD: u64 = 12_000;
/// Connections that send single events.
const POSTERS: usize = 64;
/// Single events that are sent.
const POSTS: usize = 120_000;

/// Batched ingest; events whose commission was committed per second of steady state.
#[expect(clippy::float_arithmetic, reason = "a rate, no money")]
pub(super) async fn run(system: &mut System, seconds: u64) -> anyhow::Result<f64> {
    system.settle().await?;
    let (sender, receiver) = async_channel(SENDERS);
    let mut workers = Vec::new();
    for _ in 0..SENDERS {
        workers.push(tokio::spawn(send_batches(system.tracking.clone(), system.token.clone(), receiver.clone())));
    }
    drop(receiver);
    let warm_up = Duration::from_secs(8);
    let began = Instant::now();
    let mut start: Option<(Instant, u64)> = None;
    let mut looked = Instant::now();
    let (first_seq, first_made) = (system.newest().await?, system.events.made());
    let mut committed = 0;
    let end = loop {
        if looked.elapsed() > Duration::from_millis(100) {
            committed = system.newest().await? - first_seq;
            looked = Instant::now();
            match start {
                None if began.elapsed() >= warm_up => start = Some((looked, committed)),
                Some((since, _)) if since.elapsed() >= Duration::from_secs(seconds) => break (looked, committed),
                _ => {}
            }
        }
        if system.events.made() - first_made >= committed + AHEAD {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        sender.send(system.events.batch(BATCH)).await.map_err(|_| anyhow::anyhow!("the senders stopped"))?;
    };
    drop(sender);
    for worker in workers {
        worker.await??;
    }
    let (since, before) = start.unwrap_or(end);
    Ok((end.1 - before) as f64 / end.0.duration_since(since).as_secs_f64())
}

type Bodies = tokio::sync::mpsc::Receiver<hyper::body::Bytes>;
type Shared = std::sync::Arc<tokio::sync::Mutex<Bodies>>;

fn async_channel(size: usize) -> (tokio::sync::mpsc::Sender<hyper::body::Bytes>, Shared) {
    let (sender, receiver) = tokio::sync::mpsc::channel(size);
    (sender, std::sync::Arc::new(tokio::sync::Mutex::new(receiver)))
}

async fn send_batches(base: String, token: String, bodies: Shared) -> anyhow::Result<()> {
    let mut connection = Connection::open(&base).await?;
    loop {
        let body = bodies.lock().await.recv().await;
        let Some(body) = body else { return Ok(()) };
        connection.post_events(&token, body).await?;
    }
}

/// Single-event POSTs over keep-alive connections, from the first request to the last committed commission.
#[expect(clippy::float_arithmetic, reason = "a rate, no money")]
pub(super) async fn posts(system: &mut System) -> anyhow::Result<f64> {
    system.settle().await?;
    let bodies: Vec<_> = (0..POSTERS)
        .map(|_| (0..POSTS / POSTERS).map(|_| system.events.purchase().into()).collect::<Vec<hyper::body::Bytes>>())
        .collect();
    let began = Instant::now();
    let mut workers = Vec::new();
    for bodies in bodies {
        let (base, token) = (system.tracking.clone(), system.token.clone());
        workers.push(tokio::spawn(async move {
            let mut connection = Connection::open(&base).await?;
            for body in bodies {
                connection.post_events(&token, body).await?;
            }
            anyhow::Ok(())
        }));
    }
    for worker in workers {
        worker.await??;
    }
    system.settle().await?;
    Ok((POSTS / POSTERS * POSTERS) as f64 / began.elapsed().as_secs_f64())
}

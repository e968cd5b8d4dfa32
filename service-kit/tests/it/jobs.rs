//! A job that takes its time stays with its worker; one whose worker fell silent goes to another.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::clock::SystemClock;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob, Worker};
use service_kit::store::{Cause, Store};
use shared_events::{Service, TenantId};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const LEASE: Duration = Duration::from_millis(600);
const SOON: Duration = Duration::from_secs(20);

/// Runs until it is let go, and counts how often it began.
#[derive(Clone)]
struct Slow {
    begun: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
}

impl RunsJob for Slow {
    const KIND: &'static str = "test.slow";

    async fn run(&self, _store: &Store, _job: &Job) -> Result<(), Failure> {
        self.begun.add_permits(1);
        self.let_go.acquire().await.expect("it stays open").forget();
        Ok(())
    }
}

async fn enqueue(store: &Store) {
    enqueue_as(store, "one").await;
}

async fn enqueue_as(store: &Store, key: &str) {
    let mut work = store.read(&TenantId::try_new("demo").unwrap()).await.unwrap();
    let due_at = work.now();
    let cause = Cause::root(Uuid::now_v7(), None);
    let job = NewJob { kind: Slow::KIND, key: key.into(), due_at, payload: serde_json::json!({}), cause };
    work.enqueue(job).await.unwrap();
    work.commit().await.unwrap();
}

async fn lease_end(pool: &PgPool) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("SELECT locked_until FROM jobs").fetch_one(pool).await.unwrap()
}

/// Waits until the lease ends later than `before`.
async fn renewed(pool: &PgPool, before: DateTime<Utc>) -> DateTime<Utc> {
    let renewal = async {
        loop {
            match lease_end(pool).await {
                Some(end) if end > before => return end,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(SOON, renewal).await.expect("the lease is renewed")
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_long_job_is_not_taken_over_while_its_worker_lives(pool: PgPool) {
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    let slow = Slow { begun: Arc::new(Semaphore::new(0)), let_go: Arc::new(Semaphore::new(0)) };
    enqueue(&store).await;
    let worker = Worker::new(store.clone()).on(slow.clone()).lease(LEASE);
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run_next().await }
    });
    drop(slow.begun.acquire().await.unwrap());
    let first = lease_end(&pool).await.expect("it is leased");
    // Past the first lease's end, since each renewal lasts from its own time on.
    let end = renewed(&pool, first + LEASE).await;
    assert!(end > first + LEASE);
    assert!(!worker.run_next().await.unwrap(), "nobody else takes it");
    slow.let_go.add_permits(1);
    assert!(running.await.unwrap().unwrap());
    assert_eq!(sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs").fetch_one(&pool).await.unwrap(), 0);
    assert_eq!(slow.begun.available_permits(), 1, "it ran once");
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_job_of_a_worker_that_died_is_taken_over(pool: PgPool) {
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    let slow = Slow { begun: Arc::new(Semaphore::new(0)), let_go: Arc::new(Semaphore::new(0)) };
    enqueue(&store).await;
    let worker = Worker::new(store.clone()).on(slow.clone()).lease(LEASE);
    let dying = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run_next().await }
    });
    drop(slow.begun.acquire().await.unwrap());
    dying.abort();
    // The first run goes on by itself, with nobody to renew its lease.
    slow.let_go.add_permits(2);
    let taken = async {
        while !worker.run_next().await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, taken).await.expect("another worker takes it");
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_slow_job_delays_no_others_and_each_runs_once(pool: PgPool) {
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    let slow = Slow { begun: Arc::new(Semaphore::new(0)), let_go: Arc::new(Semaphore::new(0)) };
    for key in ["one", "two", "three", "four"] {
        enqueue_as(&store, key).await;
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(Worker::new(store.clone()).on(slow.clone()).at_once(3).run(stop.clone()));
    let three = tokio::time::timeout(SOON, slow.begun.acquire_many(3)).await.expect("three run at the same time");
    three.expect("it stays open").forget();
    assert_eq!(slow.begun.available_permits(), 0, "but not a fourth");
    slow.let_go.add_permits(1);
    let fourth = tokio::time::timeout(SOON, slow.begun.acquire()).await.expect("the fourth begins when one has ended");
    fourth.expect("it stays open").forget();
    stop.cancel();
    slow.let_go.add_permits(3);
    tokio::time::timeout(SOON, running).await.expect("what was in hand is finished").unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs").fetch_one(&pool).await.unwrap(), 0);
    assert_eq!(slow.begun.available_permits(), 0, "each ran once");
}

/// Ends together with the next step of the same chain, up to the third; at `stop_at` the worker is told to stop meanwhile.
#[derive(Clone)]
struct Chained {
    ran: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    stop_at: &'static str,
}

impl Chained {
    fn new(stop_at: &'static str) -> Self {
        Self { ran: Arc::default(), stop: CancellationToken::new(), stop_at }
    }

    fn job(chain: &str, step: u64, due_at: DateTime<Utc>) -> NewJob {
        let payload = serde_json::json!({ "chain": chain, "step": step });
        NewJob {
            kind: Self::KIND,
            key: format!("{chain}{step}"),
            due_at,
            payload,
            cause: Cause::root(Uuid::now_v7(), None),
        }
    }

    fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    /// Runs until stopped by a step.
    async fn run_until_stopped(&self, store: &Store) {
        let running = Worker::new(store.clone()).on(self.clone()).run(self.stop.clone());
        tokio::time::timeout(SOON, running).await.expect("a step stops it");
    }
}

impl RunsJob for Chained {
    const KIND: &'static str = "test.chained";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        job.finish(&mut work).await?;
        let (chain, step) = (job.payload["chain"].as_str().unwrap(), job.payload["step"].as_u64().unwrap());
        if step < 3 {
            let due_at = work.now();
            work.go_on(Self::job(chain, step + 1, due_at), job.key.clone()).await?;
        }
        work.commit().await?;
        let handed = job.handed::<String>().map(|by| format!(" by {by}")).unwrap_or_default();
        self.ran.lock().unwrap().push(format!("{}{handed}", job.key));
        if job.key == self.stop_at {
            self.stop.cancel();
        }
        Ok(())
    }
}

async fn begin_chains(store: &Store, chains: &[&str]) {
    let mut work = store.read(&TenantId::try_new("demo").unwrap()).await.unwrap();
    for chain in chains {
        let due_at = work.now();
        work.enqueue(Chained::job(chain, 1, due_at)).await.unwrap();
    }
    work.commit().await.unwrap();
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_worker_goes_on_with_what_follows_at_once(pool: PgPool) {
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    begin_chains(&store, &["a", "b"]).await;
    let chained = Chained::new("b3");
    chained.run_until_stopped(&store).await;
    assert_eq!(
        chained.ran(),
        ["a1", "a2 by a1", "a3 by a2", "b1", "b2 by b1", "b3 by b2"],
        "one chain after the other"
    );
    assert_eq!(sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs").fetch_one(&pool).await.unwrap(), 0);
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_worker_that_stops_puts_back_what_follows(pool: PgPool) {
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    begin_chains(&store, &["a"]).await;
    let first = Chained::new("a1");
    first.run_until_stopped(&store).await;
    assert_eq!(first.ran(), ["a1"]);
    let left: (String, i32, bool) =
        sqlx::query_as("SELECT key, attempts, locked_by IS NULL FROM jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(left, ("a2".into(), 0, true), "whoever comes next finds it as if nobody had had it");
    let second = Chained::new("a3");
    second.run_until_stopped(&store).await;
    assert_eq!(second.ran(), ["a2", "a3 by a2"], "what was handed over in memory went with the first");
}

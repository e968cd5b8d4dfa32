//! Small runs of a topic's partitions share a transaction. Under a load of lone messages every partition would else pay for statements and a
//! commit of its own; so while one transaction is under way, the others' runs gather, and the next one takes them all. An idle service
//! applies a lone message at once, and long runs go side by side as before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::handler::Failure;
use crate::incoming::Incoming;

/// Messages in a run that shares its transaction.
pub(crate) const SMALL: usize = 100;
/// Messages in a shared transaction.
const MOST: usize = 500;

/// How many messages were new, by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fresh(BTreeMap<u32, u64>);

impl Fresh {
    pub(crate) fn add(&mut self, partition: u32) {
        *self.0.entry(partition).or_default() += 1;
    }

    pub(crate) fn of(&self, partition: u32) -> u64 {
        self.0.get(&partition).copied().unwrap_or_default()
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) enum Shared {
    /// It is committed.
    Applied(Fresh),
    /// Nothing of it happened, and it has to be applied by itself; with the failure, when it was alone.
    Failed(Option<Failure>),
}

struct Waiting {
    run: Arc<Vec<Incoming>>,
    answer: oneshot::Sender<Fresh>,
}

/// What the partitions of one topic share.
#[derive(Default)]
pub(crate) struct Sharing {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Sharing {
    /// Applies a run by `apply`, or has it applied by whoever is next, with all that waits by then.
    pub(crate) async fn together<F: Future<Output = Result<Fresh, Failure>>>(
        &self,
        run: &Arc<Vec<Incoming>>,
        apply: impl FnOnce(Vec<Arc<Vec<Incoming>>>) -> F,
    ) -> Shared {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push(Waiting { run: Arc::clone(run), answer });
        let _turn = self.turn.lock().await;
        match answered.try_recv() {
            Ok(fresh) => return Shared::Applied(fresh),
            Err(oneshot::error::TryRecvError::Closed) => return Shared::Failed(None),
            // Nobody took it: it still waits, and this is its turn.
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let taken = self.take(run);
        match apply(taken.iter().map(|waiting| Arc::clone(&waiting.run)).collect()).await {
            Ok(fresh) => {
                for waiting in taken {
                    // Who has gone meanwhile gets the messages again, and the inbox knows them.
                    let _gone = waiting.answer.send(fresh.clone());
                }
                Shared::Applied(fresh)
            }
            Err(failure) => Shared::Failed((taken.len() == 1).then_some(failure)),
        }
    }

    /// Takes `own` and as many of the others as fit, the longest waiting first.
    fn take(&self, own: &Arc<Vec<Incoming>>) -> Vec<Waiting> {
        let mut room = MOST.saturating_sub(own.len());
        let fits = |waiting: &mut Waiting| {
            if Arc::ptr_eq(&waiting.run, own) {
                return true;
            }
            let fits = waiting.run.len() <= room && !waiting.answer.is_closed();
            room -= if fits { waiting.run.len() } else { 0 };
            fits || waiting.answer.is_closed()
        };
        let mut taken: Vec<Waiting> = self.waiting().extract_if(.., fits).collect();
        taken.retain(|waiting| Arc::ptr_eq(&waiting.run, own) || !waiting.answer.is_closed());
        taken
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use uuid::Uuid;

    use super::*;

    fn run(partition: u32, messages: usize) -> Arc<Vec<Incoming>> {
        let message = |_| Incoming::new(partition, "key".into(), vec![], vec![], Uuid::now_v7());
        Arc::new((0..messages).map(message).collect())
    }

    fn count(runs: &[Arc<Vec<Incoming>>]) -> Fresh {
        let mut fresh = Fresh::default();
        runs.iter().flat_map(|run| run.iter()).for_each(|message| fresh.add(message.partition));
        fresh
    }

    async fn until(what: impl Fn() -> bool) {
        let looking = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it comes about");
    }

    /// One run is under way and holds the turn; `others` wait behind it. Returns the sizes of the transactions and each answer.
    async fn crowd(others: &[usize], works: bool) -> (Vec<usize>, Vec<Shared>) {
        let (sharing, gate) = (Arc::<Sharing>::default(), Arc::new(Semaphore::new(0)));
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (partition, messages) in [1].into_iter().chain(others.iter().copied()).enumerate() {
            let (sharing, gate, sizes) = (Arc::clone(&sharing), Arc::clone(&gate), Arc::clone(&sizes));
            let place = tasks.len();
            let waits = Arc::clone(&sharing);
            tasks.push(tokio::spawn(async move {
                let run = run(partition as u32, messages);
                let apply = |runs: Vec<Arc<Vec<Incoming>>>| async move {
                    gate.acquire().await.expect("it stays open").forget();
                    sizes.lock().expect("whole").push(runs.len());
                    if works { Ok(count(&runs)) } else { Err(Failure::reject("no", "on purpose")) }
                };
                sharing.together(&run, apply).await
            }));
            // The first takes itself away from those who wait.
            until(|| waits.waiting().len() == place).await;
        }
        gate.add_permits(100);
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("no panic"));
        }
        assert!(sharing.waiting().is_empty());
        let sizes = sizes.lock().expect("whole").clone();
        (sizes, answers)
    }

    fn fresh(shared: &Shared, partition: u32) -> Option<u64> {
        match shared {
            Shared::Applied(fresh) => Some(fresh.of(partition)),
            Shared::Failed(_) => None,
        }
    }

    #[tokio::test]
    async fn what_gathers_during_a_transaction_shares_the_next() {
        let (sizes, answers) = crowd(&[1, 2, 3], true).await;
        assert_eq!(sizes, [1, 3]);
        let counts: Vec<_> = answers.iter().zip(0..).map(|(answer, partition)| fresh(answer, partition)).collect();
        assert_eq!(counts, [Some(1), Some(1), Some(2), Some(3)]);
    }

    #[tokio::test]
    async fn a_shared_transaction_has_an_end() {
        let (sizes, answers) = crowd(&[300, 150, 100], true).await;
        assert_eq!(sizes, [1, 2, 1]);
        assert!(answers.iter().all(|answer| fresh(answer, 0).is_some()));
    }

    #[tokio::test]
    async fn when_it_does_not_work_everybody_is_told_and_who_was_alone_why() {
        let (sizes, answers) = crowd(&[1, 1], false).await;
        assert_eq!(sizes, [1, 2]);
        assert!(matches!(answers[..], [Shared::Failed(Some(_)), Shared::Failed(None), Shared::Failed(None)]));
    }

    #[tokio::test]
    async fn one_that_left_is_not_waited_for() {
        let sharing = Sharing::default();
        let left = run(1, 1);
        let turn = sharing.turn.lock().await;
        let waits = sharing.together(&left, |runs| async move { Ok(count(&runs)) });
        assert!(tokio::time::timeout(Duration::from_millis(5), waits).await.is_err());
        drop(turn);
        let own = run(2, 1);
        let shared = sharing.together(&own, |runs| async move { Ok(count(&runs)) }).await;
        assert_eq!((fresh(&shared, 1), fresh(&shared, 2)), (Some(0), Some(1)));
    }
}

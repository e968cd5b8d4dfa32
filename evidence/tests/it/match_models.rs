//! Training, promotion, shadows and the way back.

use evidence::match_facts::Said;
use evidence::match_training::{Example, train};
use evidence::matching::growing::Growth;
use evidence::matching::random::Random;
use evidence::matching::scorer::Effort;
use evidence::{match_judge, match_metrics, revert_model, train_model};
use shared_events::ModelId;
use shared_events::evidence::{ProofSubject, RevertModel, TrainModel};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::match_bed::{Bed, CLAIM, code, day, numbered, subject, usd};
use crate::match_labels::{by_number, strangers};

async fn ask_for_model(bed: &Bed) -> ModelId {
    let model_id = ModelId(Uuid::now_v7());
    bed.handle(&train_model::Train, TrainModel { model_id, claim_type: CLAIM.into() }).await.unwrap();
    bed.drain().await;
    model_id
}

async fn state(bed: &Bed, model: ModelId) -> (String, String) {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT state::text, explanation FROM models WHERE id = $1")
        .bind(model.0)
        .fetch_one(work.conn())
        .await
        .unwrap()
}

async fn active(bed: &Bed) -> Option<ModelId> {
    let mut work = bed.work().await;
    evidence::models::deciders(&mut work, CLAIM).await.unwrap().0.id.map(ModelId)
}

/// Pairs in which what the rules think sure is right in seven of ten cases only.
pub fn overrated(from: usize, pairs: usize) -> Vec<(ProofSubject, Said, bool)> {
    let mut all = by_number(from, pairs, 0);
    all.iter_mut().enumerate().for_each(|(number, pair)| pair.2 = number % 10 >= 3);
    all
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_better_model_takes_over_and_can_be_taken_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    // Fewer than 50, so that nothing is trained without being asked for.
    bed.label(overrated(0, 40)).await;
    bed.drain().await;
    assert_eq!(active(&bed).await, None);
    bed.label(strangers(0, 9)).await;
    bed.drain().await;
    let waiting = bed.request(ProofSubject { order_id: Some("117-1".into()), ..subject() }).await;
    bed.document(&numbered("117-1")).await;
    bed.drain().await;
    assert_eq!(bed.decided(waiting).await[0].model_version, "rules-2");
    let model = ask_for_model(&bed).await;
    assert_eq!(
        bed.decided(waiting).await[0].model_version,
        evidence::models::version_of(model.0),
        "what waits is judged again by the model that decides now"
    );
    let (reached, why) = state(&bed, model).await;
    assert_eq!(reached, "active", "{why}");
    assert!(why.contains("better: log loss"), "{why}");
    assert_eq!(active(&bed).await, Some(model));
    let mut work = bed.work().await;
    let (learned, seen, held_out): (i32, i64, i64) = sqlx::query_as(
        "SELECT trained_on, (SELECT count(*) FROM labels WHERE NOT held_out), (SELECT count(*) FROM labels WHERE held_out) FROM models",
    )
    .fetch_one(work.conn())
    .await
    .unwrap();
    assert!(
        i64::from(learned) == seen && held_out > 10,
        "{learned} {seen} {held_out}: held-out labels are never learned from"
    );
    drop(work);
    let request = bed.request(subject()).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    let decided = bed.decided(request).await;
    assert!(decided[0].raw_score == 0.95 && decided[0].probability < 0.85, "{decided:?}");
    assert_eq!(decided[0].model_version, evidence::models::version_of(model.0));
    let revert = || RevertModel { model_id: model, reason: "it asks too much".into() };
    bed.handle(&revert_model::Revert, revert()).await.unwrap();
    bed.drain().await;
    assert_eq!((active(&bed).await, state(&bed, model).await.0.as_str()), (None, "retired"));
    assert_eq!(bed.decided(waiting).await[0].model_version, "rules-2", "and back");
    assert_eq!(code(bed.handle(&revert_model::Revert, revert()).await.unwrap_err()), "model_state_conflict");
    let other = bed.of_tenant("other");
    assert_eq!(code(other.handle(&revert_model::Revert, revert()).await.unwrap_err()), "model_not_found");
    let said: Vec<_> = bed.said().await.into_iter().filter(|(kind, _)| kind.starts_with("model")).collect();
    assert_eq!(said, [("model_trained".into(), 2), ("model_reverted".into(), 3)]);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn one_that_is_no_better_watches_and_goes_when_the_next_one_comes(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.label(overrated(0, 40).into_iter().chain(strangers(0, 9))).await;
    bed.drain().await;
    let first = ask_for_model(&bed).await;
    assert_eq!(active(&bed).await, Some(first));
    let second = ask_for_model(&bed).await;
    let (reached, why) = state(&bed, second).await;
    assert_eq!(reached, "shadow", "{why}");
    let request = bed.request(subject()).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    let watched = bed.decisions(request, "shadow").await;
    assert_eq!(watched.len(), 1);
    assert_eq!(watched[0].model_version, evidence::models::version_of(second.0));
    assert_eq!(watched[0].prompt_id, None, "nothing came of it");
    assert_eq!(bed.decided(request).await[0].model_version, evidence::models::version_of(first.0));
    let third = ask_for_model(&bed).await;
    assert_eq!((state(&bed, second).await.0.as_str(), state(&bed, third).await.0.as_str()), ("retired", "shadow"));
    assert_eq!(active(&bed).await, Some(first));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn fifty_new_labels_train_a_model_by_themselves(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let models = async || {
        let mut work = bed.work().await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM models").fetch_one(work.conn()).await.unwrap();
        count
    };
    bed.label(overrated(0, 40).into_iter().chain(strangers(0, 9))).await;
    bed.drain().await;
    assert_eq!(models().await, 0);
    bed.label(strangers(50, 1)).await;
    bed.drain().await;
    assert_eq!(models().await, 1);
    bed.label(strangers(60, 49)).await;
    bed.drain().await;
    assert_eq!(models().await, 1, "the last one has seen 50 of these");
    bed.label(strangers(110, 1)).await;
    bed.drain().await;
    assert_eq!(models().await, 2);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_gate_that_is_open_is_not_given_up_for_a_better_model_without_one(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.label(overrated(0, 40).into_iter().chain(strangers(0, 9))).await;
    bed.drain().await;
    // As it was before the last bad labels came.
    bed.open_gate().await;
    let model = ask_for_model(&bed).await;
    let (reached, why) = state(&bed, model).await;
    assert_eq!(reached, "shadow", "{why}");
    assert!(why.contains("better: log loss") && why.contains("the present one can"), "{why}");
    assert_eq!(active(&bed).await, None);
    // The next label has the gate judged again: it is closed, and nothing is given up.
    bed.label(strangers(900, 1)).await;
    bed.drain().await;
    assert_eq!(active(&bed).await, Some(model), "{}", state(&bed, model).await.1);
    assert_eq!(bed.count_of("model_trained").await, 2, "told when it was trained, and when it took over");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn too_few_labels_teach_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.label(by_number(0, 45, 0)).await;
    bed.drain().await;
    let command = TrainModel { model_id: ModelId(Uuid::now_v7()), claim_type: CLAIM.into() };
    let refused = bed.handle(&train_model::Train, command).await.unwrap_err();
    assert_eq!(code(refused), "too_few_labels", "all of them are matches");
}

/// Articles whose titles agree when they match, among invoices without any number that could help.
fn titled(pairs: usize) -> Vec<Example> {
    let mut random = Random::of(7);
    let word = |random: &mut Random| {
        ["steel", "bottle", "lamp", "mat", "kettle", "pump", "clock", "saw"][random.below(8)].to_owned()
    };
    let pair = |number: usize| {
        let title =
            format!("{} {} {} {}", word(&mut random), word(&mut random), word(&mut random), 100 + random.below(900));
        let proved = number.is_multiple_of(2);
        let described =
            if proved { title.clone() } else { format!("{} {}", word(&mut random), 100 + random.below(900)) };
        let subject = ProofSubject {
            title: Some(title),
            order_id: None,
            sku: None,
            asin: None,
            amount: Some(usd(1_000)),
            ..subject()
        };
        let line =
            evidence::match_facts::SaidLine { description: Some(described), quantity: Some(5), ..Default::default() };
        let said = Said { dated: Some(day("2025-01-05")), lines: vec![line], ..Said::default() };
        Example { subject, said, proved }
    };
    (0..pairs).map(pair).collect()
}

#[test]
fn what_the_rules_do_not_see_is_learned() {
    let effort =
        Effort { forests: 1, growth: Growth { rate: 0.2, trees: 30, patience: 8, ..Growth::default() }, seed: 1 };
    let (all, fresh) = (titled(300), titled(400).split_off(300));
    let trained = train("model-x", &all, &effort);
    assert_ne!(trained.judge.kind(), "rules", "{}", trained.explanation);
    let (metrics, _) = match_metrics::measure(&trained.judge, fresh.iter());
    assert!(metrics.f1 > 0.9, "{metrics:?} {}", trained.explanation);
    let (by_rules, _) = match_metrics::measure(&match_judge::Judge::fixed_rules(), fresh.iter());
    assert!(match_metrics::better(&metrics, &by_rules).0);
    // Stored and read again it says the same, and why.
    let stored = serde_json::to_vec(&trained.judge).unwrap();
    let again: match_judge::Judge = serde_json::from_slice(&stored).unwrap();
    let opinion = again.opinion(&fresh[0].subject, &fresh[0].said);
    assert!((opinion.probability - trained.judge.probability(&fresh[0].subject, &fresh[0].said)).abs() < 1e-9);
    assert!(!opinion.weights.is_empty() && !opinion.vector.is_empty());
    // The same lessons teach the same.
    assert_eq!(serde_json::to_vec(&train("model-x", &all, &effort).judge).unwrap(), stored);
}

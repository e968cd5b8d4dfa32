//! Blocking never loses an exact match, whatever else lies around, in either direction.

use evidence::match_facts::{Said, for_rules};
use evidence::match_lookup;
use evidence::match_wanted;
use evidence::matching::random::Random;
use evidence::matching::rules;
use evidence::reading::invoice::Invoice;
use shared_events::evidence::ProofSubject;
use shared_events::{DocumentId, ProofRequestId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::match_bed::{Bed, dated, invoice, numbered, of_supplier, subject, usd, with_line, with_order_reference};

const SPELLINGS: [&str; 4] = ["WTR-BTL-32OZ", "wtr btl 32oz", "WTRBTL32OZ", "Wtr/Btl-32oz"];

fn pick<'a>(random: &mut Random, texts: &[&'a str]) -> &'a str {
    texts[random.below(texts.len())]
}

fn some_invoice(random: &mut Random) -> Invoice {
    let number = pick(random, &["112-1234567-1234567", "1121234567 1234567", "R-1", "R-2", "R-3", "R-4"]);
    let mut invoice = match random.below(3) {
        0 => invoice(),
        1 => with_order_reference(number, numbered("R-9")),
        _ => numbered(number),
    };
    if random.below(2) == 0 {
        invoice = dated(pick(random, &["2025-01-05", "2025-01-20", "2025-03-01", "2019-01-01"]), invoice);
    }
    if random.below(2) == 0 {
        let supplier = pick(random, &["Acme Supplies Ltd.", "ACME supplies", "Acme Suplies", "Other GmbH"]);
        invoice = of_supplier(supplier, 20_000 + 500 * random.below(20) as i64, invoice);
    }
    for _ in 0..random.below(3) {
        let sku = if random.below(2) == 0 {
            pick(random, &SPELLINGS)
        } else {
            pick(random, &["B08XYZ1234", "TEA-1", "MAT-2"])
        };
        invoice = with_line(sku, 4 + random.below(3) as i64, invoice);
    }
    invoice
}

fn some_subject(random: &mut Random) -> ProofSubject {
    let mut some = subject();
    if random.below(2) == 0 {
        some.order_id = None;
    }
    if random.below(3) == 0 {
        some.sku = Some(pick(random, &SPELLINGS).into());
    }
    if random.below(3) == 0 {
        some.supplier = Some(pick(random, &["acme supplies", "Acme Suplies", "Nobody Inc"]).into());
    }
    some.amount = (random.below(3) > 0).then(|| usd(20_000 + 500 * random.below(20) as i64));
    some
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_the_rules_would_take_or_ask_about_is_found(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (mut seen, mut exact) = (0, 0);
    for seed in 0..8_u64 {
        let bed = bed.of_tenant(&format!("seed-{seed}"));
        let mut random = Random::of(seed);
        let mut documents: Vec<(DocumentId, Invoice)> = Vec::new();
        let mut requests: Vec<(ProofRequestId, ProofSubject)> = Vec::new();
        for _ in 0..14 {
            let (invoice, subject) = (some_invoice(&mut random), some_subject(&mut random));
            let id = DocumentId(uuid::Uuid::now_v7());
            bed.read(id, &invoice).await;
            documents.push((id, invoice));
            requests.push((bed.request(subject.clone()).await, subject));
        }
        let mut work = bed.work().await;
        for (request, subject) in &requests {
            let found = match_lookup::documents(&mut work, request.0, subject, None).await.unwrap();
            for (document, invoice) in &documents {
                let rule = rules::judge(&for_rules(subject), &Said::from(invoice).facts());
                if rule.hundredths() >= 50 {
                    seen += 1;
                    exact += usize::from(rule.hundredths() >= 90);
                    assert!(found.iter().any(|one| one.id == document.0), "{rule:?} {subject:?} {invoice:?}");
                    let back = match_wanted::requests(&mut work, document.0).await.unwrap();
                    assert!(back.contains(&request.0), "{rule:?} {subject:?} {invoice:?}");
                }
            }
        }
    }
    assert!(seen > 200 && exact > 50, "{seen} {exact}: the test looks at something");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_exact_match_is_found_among_hundreds_of_others(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let read = async |invoice: &Invoice| {
        let id = DocumentId(uuid::Uuid::now_v7());
        bed.read(id, invoice).await;
        id
    };
    // More of each kind than is looked at: of the same article, the same supplier, the same amount, and nearly the same day.
    for number in 0..70 {
        let other = with_line("WTR-BTL-32OZ", 5, numbered(&format!("R-{number}")));
        read(&dated("2024-06-01", of_supplier("Acme Supplies", 24_580, other))).await;
        read(&dated("2025-01-02", numbered(&format!("S-{number}")))).await;
    }
    let by_number = read(&numbered("112-1234567-1234567")).await;
    let by_line = read(&dated("2025-01-29", with_line("WTR-BTL-32OZ", 5, invoice()))).await;
    let request = bed.request(subject()).await;
    let mut work = bed.work().await;
    let found = match_lookup::documents(&mut work, request.0, &subject(), None).await.unwrap();
    for exact in [by_number, by_line] {
        assert!(found.iter().any(|one| one.id == exact.0));
    }
    assert!(found.len() <= 140, "{}: bounded", found.len());
    drop(work);
    // And the other way round: a document finds its request among many for the same article and supplier.
    for number in 0..80 {
        bed.request(ProofSubject { order_id: Some(format!("113-{number}")), order_date: None, ..subject() }).await;
    }
    let mut work = bed.work().await;
    let back = match_wanted::requests(&mut work, by_number.0).await.unwrap();
    assert!(back.contains(&request.0));
    assert!(match_wanted::requests(&mut work, by_line.0).await.unwrap().contains(&request.0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn every_order_that_an_invoice_names_is_compared_with_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    // A monthly invoice: far more orders than candidates of any other kind are looked at, and as many requests for the same article.
    let orders: Vec<String> = (0..130).map(|number| format!("113-{number:07}-0000001")).collect();
    let mut requests = Vec::new();
    for order in &orders {
        bed.request(ProofSubject { order_id: Some(format!("9{order}")), ..subject() }).await;
        requests.push(bed.request(ProofSubject { order_id: Some(order.clone()), ..subject() }).await);
    }
    let line = with_line("WTR-BTL-32OZ", 5, numbered("MONTHLY-1"));
    let monthly = orders.iter().fold(dated("2025-01-02", line), |invoice, order| with_order_reference(order, invoice));
    let id = DocumentId(uuid::Uuid::now_v7());
    bed.read(id, &monthly).await;
    let mut work = bed.work().await;
    let found = match_wanted::requests(&mut work, id.0).await.unwrap();
    let missed = requests.iter().filter(|request| !found.contains(&request.0)).count();
    assert_eq!(missed, 0, "of {}", requests.len());
    assert!(found.len() <= requests.len() + 110, "{}: the others are bounded", found.len());
}

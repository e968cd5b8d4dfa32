//! Packets: drafted, sealed, added to, chained.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use evidence::packet::unarchive::{Limits, read};
use evidence::packet::verify::{Signer, chain_breaks};
use evidence::packet_row;
use service_kit::auth::Role;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::packet_bed::{Bed, DELIVERY, INVOICE, code};
use crate::packets_http::{app, get, token};

fn files(packet: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let items = read(packet, Limits::default()).unwrap();
    items.into_iter().map(|item| (item.name, item.content.unwrap())).collect()
}

pub fn json(packet: &[u8], path: &str) -> serde_json::Value {
    serde_json::from_slice(&files(packet)[path]).unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_payout_seals_a_packet_with_everything_in_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    bed.drain().await;
    let packets = bed.packets().await;
    assert_eq!(packets.len(), 1);
    let report = bed.verified(packets[0]).await;
    assert_eq!((report.findings.as_slice(), report.signer), ([].as_slice(), Signer::GivenKey));
    let header = report.packet.unwrap();
    assert_eq!((header.claim.as_str(), header.draft, header.chain.unwrap().position), ("CLM-1", false, 1));
    let packet = bed.file(packets[0]).await;
    let names: Vec<String> = files(&packet).into_keys().collect();
    assert!(names[1].starts_with("documents/0001-"), "{names:?}");
    let fixed: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.starts_with("documents/")).collect();
    let expected = [
        "claim.json",
        "manifest.json",
        "manifest.sig",
        "matching.json",
        "policy.json",
        "rows/source_rows.json",
        "summary.pdf",
        "timeline.json",
    ];
    assert_eq!(fixed, expected);
    assert_eq!(files(&packet)[&names[1]], INVOICE);
    let claim = json(&packet, "claim.json");
    assert_eq!(claim["payouts"][0]["amount"], "245.80");
    assert_eq!(claim["subject"]["amount"], "245.80 USD");
    assert_eq!(json(&packet, "rows/source_rows.json")[0]["fnsku"], "X001");
    assert_eq!(json(&packet, "policy.json")["cited"]["version"], "US-2024-10-23");
    assert_eq!(json(&packet, "matching.json")[0]["probability"], 0.96);
    let said = bed.count("SELECT count(*) FROM outbox WHERE properties LIKE '%evidence.proof_packet_ready.v1%'").await;
    assert_eq!(said, 1);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn before_the_money_there_are_only_drafts(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    let (draft, told) = bed.ask(request).await.unwrap();
    assert!(told.contains(&draft.to_string()));
    bed.drain().await;
    let report = bed.verified(draft).await;
    assert!(report.intact && report.packet.as_ref().is_some_and(|packet| packet.draft && packet.chain.is_none()));
    assert_eq!(bed.count("SELECT count(*) FROM packet_chains").await, 0);
    // Later the real one is the first of the chain, and adds to no draft.
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let packets = bed.packets().await;
    let header = bed.verified(packets[1]).await.packet.unwrap();
    assert_eq!((header.draft, header.addendum_to, header.chain.unwrap().position), (false, None, 1));
    // Told twice it counts once.
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    assert_eq!(bed.packets().await, packets);
    assert_eq!(code(bed.paid(request, 200, "RMB-1").await.unwrap_err()), "payout_exists");
    assert_eq!(code(bed.paid(request, 0, "RMB-3").await.unwrap_err()), "nothing_paid");
    assert_eq!(code(bed.of_tenant("other").paid(request, 100, "RMB-4").await.unwrap_err()), "request_not_found");
    assert_eq!(code(bed.of_tenant("other").ask(request).await.unwrap_err()), "request_not_found");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_same_draft_twice_is_one(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    // Twice before it is made, and once after.
    let (first, _) = bed.ask(request).await.unwrap();
    let (second, told) = bed.ask(request).await.unwrap();
    assert!(told.contains(&first.to_string()) && !told.contains(&second.to_string()), "{told}");
    bed.drain().await;
    bed.clock.advance(TimeDelta::days(1));
    let (third, told) = bed.ask(request).await.unwrap();
    assert!(told.contains(&first.to_string()), "{told}");
    bed.drain().await;
    assert_eq!(bed.packets().await, [first]);
    // Whoever was told another id gets the same bytes, and nobody else does.
    let seller = token("demo", Role::Seller);
    let mut bytes = Vec::new();
    for id in [first, second, third] {
        let path = format!("/api/v1/evidence/packets/{id}");
        let shown = get(&app(&bed), &path, &seller, None).await.json();
        assert_eq!(shown["packet_id"], first.to_string());
        bytes.push(get(&app(&bed), &format!("{path}/download"), &seller, None).await.bytes);
        assert_eq!(get(&app(&bed), &path, &token("other", Role::Seller), None).await.status, 404);
    }
    assert!(bytes[0].starts_with(b"PK") && bytes.iter().all(|other| *other == bytes[0]));
    // Something new is another draft.
    let delivery = bed.document(DELIVERY).await;
    bed.matched(request, delivery, "proved").await;
    let (fourth, told) = bed.ask(request).await.unwrap();
    assert!(told.contains(&fourth.to_string()), "{told}");
    bed.drain().await;
    assert_eq!(bed.packets().await, [first, fourth]);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_comes_later_makes_an_addendum(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    bed.drain().await;
    let first = bed.packets().await[0];
    let before = bed.file(first).await;
    // Nothing new: the packet that is there is told.
    let (asked, told) = bed.ask(request).await.unwrap();
    assert!(told.contains(&first.to_string()) && !told.contains(&asked.to_string()), "{told}");
    bed.drain().await;
    assert_eq!(bed.packets().await, [first]);
    // Part of the money is taken back.
    bed.clock.advance(TimeDelta::days(3));
    bed.paid(request, -4_580, "RMB-REV").await.unwrap();
    bed.drain().await;
    // Another document turns up.
    let delivery = bed.document(DELIVERY).await;
    bed.matched(request, delivery, "proved").await;
    let (third, _) = bed.ask(request).await.unwrap();
    bed.drain().await;
    let packets = bed.packets().await;
    assert_eq!((packets.len(), packets[2]), (3, third));
    let mut reports = Vec::new();
    for packet in &packets {
        reports.push(bed.verified(*packet).await);
    }
    assert!(reports.iter().all(|report| report.intact));
    assert_eq!(chain_breaks(reports.iter()), [""; 0]);
    let adds: Vec<Option<Uuid>> = reports
        .iter()
        .map(|report| report.packet.as_ref().unwrap().addendum_to.map(|earlier| earlier.packet_id))
        .collect();
    assert_eq!(adds, [None, Some(packets[0].0), Some(packets[1].0)]);
    // The addenda name the document of the first packet and hold only what is new.
    let third = bed.file(third).await;
    let documents = json(&third, "claim.json")["documents"].clone();
    assert_eq!(
        (&documents[0]["in_packet"], &documents[1]["in_packet"]),
        (&first.to_string().into(), &serde_json::Value::Null)
    );
    let held: Vec<String> = files(&third).into_keys().filter(|name| name.starts_with("documents/")).collect();
    assert_eq!(held, [documents[1]["path"].as_str().unwrap()]);
    assert_eq!(files(&bed.file(packets[1]).await).keys().filter(|name| name.starts_with("documents/")).count(), 0);
    assert_eq!(bed.file(first).await, before, "what was sealed stays as it was");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn two_payouts_before_the_sealing_are_one_packet(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.paid(request, 200, "RMB-2").await.unwrap();
    let (asked, told) = bed.ask(request).await.unwrap();
    assert!(!told.contains(&asked.to_string()), "the packet of the first payout is on its way");
    bed.drain().await;
    let packets = bed.packets().await;
    assert_eq!(packets.len(), 1);
    assert!(told.contains(&packets[0].to_string()), "{told}");
    assert_eq!(json(&bed.file(packets[0]).await, "claim.json")["payouts"].as_array().unwrap().len(), 2);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn refused_and_deleted_documents_stay_out(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    let (refused, deleted) = (bed.document(b"%PDF-1.7 refused").await, bed.document(b"%PDF-1.7 deleted").await);
    bed.matched(request, refused, "refused").await;
    bed.matched(request, deleted, "proved").await;
    sqlx::query("UPDATE documents SET state = 'deleted' WHERE id = $1")
        .bind(deleted)
        .execute(&bed.owner)
        .await
        .unwrap();
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let packet = bed.file(bed.packets().await[0]).await;
    assert_eq!(json(&packet, "claim.json")["documents"].as_array().unwrap().len(), 1);
    let timeline = json(&packet, "timeline.json").to_string();
    assert!(timeline.contains("was refused"), "{timeline}");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_a_person_was_asked_and_answered_is_told(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    sqlx::query(
        r#"WITH asked AS (
               INSERT INTO prompts (tenant, id, request_id, asked, question, options, state, asked_at, expires_at, selected_option, reasoning,
                                    answered_by, answered_at, correlation)
               SELECT tenant, gen_random_uuid(), id, 'jane', 'Is it this invoice?', '[{"id": "yes", "label": "Yes, this one"}, {"id": "no", "label": "No"}]',
                      'answered', $1, $1, 'yes', 'the pallet number', 'jane', $1, id FROM proof_requests RETURNING id)
           UPDATE matches SET decision = 'prompt', decided_by = 'jane', reasoning = 'the pallet number', prompt_id = (SELECT id FROM asked)"#,
    )
    .bind(bed.clock_now())
    .execute(&bed.owner)
    .await
    .unwrap();
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let packet = bed.file(bed.packets().await[0]).await;
    let told = json(&packet, "matching.json")[0].clone();
    let prompt = serde_json::json!({"question": "Is it this invoice?", "answer": "Yes, this one", "reasoning": "the pallet number"});
    assert_eq!((&told["prompt"], &told["decided_by"]), (&prompt, &"jane".into()));
    let timeline = json(&packet, "timeline.json").to_string();
    assert!(timeline.contains("jane was asked") && timeline.contains("Document 1 was confirmed."), "{timeline}");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn packets_of_a_tenant_follow_each_other_however_many_seal_at_once(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let other = bed.of_tenant("other");
    for n in 0..6 {
        let (mine, theirs) = (bed.proved(&format!("CLM-{n}")).await, other.proved(&format!("X-{n}")).await);
        bed.paid(mine, 100, "RMB").await.unwrap();
        other.paid(theirs, 100, "RMB").await.unwrap();
    }
    let workers = [bed.worker(), bed.worker(), bed.worker(), bed.worker()];
    let drained = workers.map(|worker| async move { while worker.run_next().await.unwrap() {} });
    let [a, b, c, d] = drained;
    tokio::join!(a, b, c, d);
    bed.drain().await;
    for bed in [&bed, &other] {
        let mut reports = Vec::new();
        for packet in bed.packets().await {
            reports.push(bed.verified(packet).await);
        }
        let mut places: Vec<u64> =
            reports.iter().map(|report| report.packet.as_ref().unwrap().chain.unwrap().position).collect();
        places.sort_unstable();
        assert_eq!(places, [1, 2, 3, 4, 5, 6]);
        assert!(reports.iter().all(|report| report.intact));
        assert_eq!(chain_breaks(reports.iter()), [""; 0]);
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn nobody_gets_a_place_while_another_holds_the_end_of_the_chain(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let mut first = bed.work().await;
    assert_eq!(packet_row::next_place(&mut first).await.unwrap().position, 2);
    let mut second = bed.work().await;
    sqlx::query("SET LOCAL lock_timeout = '50ms'").execute(second.conn()).await.unwrap();
    let waited = packet_row::next_place(&mut second).await.unwrap_err();
    assert!(format!("{waited:?}").contains("lock timeout"), "{waited:?}");
    let mut stranger = bed.of_tenant("other").work().await;
    assert_eq!(packet_row::next_place(&mut stranger).await.unwrap().position, 1, "tenants do not wait for each other");
}

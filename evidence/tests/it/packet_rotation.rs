//! The key that signs packets is replaced: what it signed stays good, and what comes after is signed by the next.

use std::sync::Arc;

use evidence::packet::keys::PublicKey;
use evidence::packet::verify::{Signer, chain_breaks, verify};
use providers::files::Files;
use providers::objects::{ObjectConfig, Objects};
use serde_json::Value;
use service_kit::auth::Role;
use service_kit::jobs::Worker;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::packet_bed::Bed;
use crate::packets_http::{app, get, token};

/// The same service after its operator gave it another key and named the one before.
fn rotated(bed: &Bed) -> Bed {
    let mut next = bed.of_tenant(bed.tenant.as_str());
    let mut config = (*bed.state.config).clone();
    config.packets.former_keys.push(config.packets.signing_key.public());
    config.packets.signing_key = Arc::new("QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=".parse().unwrap());
    next.state.config = Arc::new(config);
    next
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn packets_of_both_keys_are_good_and_follow_each_other(pool: PgPoolOptions, options: PgConnectOptions) {
    let before = Bed::new(pool, options).await;
    let after = rotated(&before);
    let key = |bed: &Bed| bed.state.config.packets.signing_key.public();
    let request = before.proved("CLM-1").await;
    before.paid(request, 24_580, "RMB-1").await.unwrap();
    before.drain().await;
    // Fixed and signed with the old key, stored by a process that has the new one.
    let between = before.proved("CLM-2").await;
    before.paid(between, 100, "RMB-1").await.unwrap();
    let blocked = std::env::temp_dir().join(format!("recoup-blocked-{}", uuid::Uuid::now_v7().simple()));
    std::fs::write(&blocked, b"a file where a folder should be").unwrap();
    let objects = Objects::open(&ObjectConfig::Local { dir: blocked }).unwrap();
    let broken = Files { objects, masters: before.state.config.masters.clone() };
    assert!(Worker::new(before.store.clone()).on(before.sealing(broken)).run_next().await.unwrap());
    after.clock.advance(chrono::TimeDelta::minutes(10));
    after.drain().await;
    after.paid(request, -4_580, "RMB-REV").await.unwrap();
    after.drain().await;

    let packets = after.packets().await;
    let published = get(&app(&after), "/api/v1/evidence/packet-keys", &token("demo", Role::Seller), None).await.json();
    let listed: Vec<(&Value, &Value)> =
        published["keys"].as_array().unwrap().iter().map(|key| (&key["key_id"], &key["current"])).collect();
    assert_eq!(listed, [(&key(&after).id().into(), &true.into()), (&key(&before).id().into(), &false.into())]);
    let keys: Vec<PublicKey> = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["public_key"].as_str().unwrap().parse().unwrap())
        .collect();
    let mut reports = Vec::new();
    for packet in &packets {
        reports.push(verify(&after.file(*packet).await, &keys));
    }
    let signed: Vec<(Option<String>, Signer)> =
        reports.iter().map(|report| (report.key_id.clone(), report.signer)).collect();
    let by = |bed: &Bed| (Some(key(bed).id()), Signer::GivenKey);
    assert_eq!(signed, [by(&before), by(&before), by(&after)]);
    assert!(reports.iter().all(|report| report.intact));
    assert_eq!(chain_breaks(reports.iter()), [""; 0], "the chain goes on over the change");
    // The view names it too.
    let path = format!("/api/v1/evidence/packets/{}", packets[2]);
    let view = get(&app(&after), &path, &token("demo", Role::Seller), None).await.json();
    assert_eq!(view["key_id"], key(&after).id());
    // Who has only the new key is told that the old packet is not signed with it.
    let stranger = verify(&after.file(packets[0]).await, &[key(&after)]);
    assert!(!stranger.intact && stranger.findings[0].to_string().contains(&key(&before).id()), "{stranger:?}");
    assert!(verify(&after.file(packets[2]).await, &[key(&after)]).intact);
}

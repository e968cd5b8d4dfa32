//! What instances share through a real Redis, and what they do without.

use std::time::{Duration, Instant};

use service_kit::limits::SubjectLimits;
use service_kit::testing::{RedisServer, eventually};
use shared_events::{Subject, TenantId};

fn who(name: &str) -> (TenantId, Subject) {
    (TenantId::try_new("demo").expect("a name"), Subject::try_new(name).expect("a name"))
}

#[tokio::test]
async fn two_instances_count_together_and_each_alone_when_redis_is_away() {
    let Some(mut server) = RedisServer::start().await else { return };
    // So slow that nothing comes back during the test: two at once, then one a second.
    let [one, other] = [(); 2].map(|()| SubjectLimits::new(1).shared(Some(server.client())));
    let (tenant, greedy) = who("greedy");
    let began = Instant::now();
    let mut allowed = 0;
    for _ in 0..10 {
        allowed += usize::from(one.check(&tenant, &greedy).await.is_ok());
        allowed += usize::from(other.check(&tenant, &greedy).await.is_ok());
    }
    let filled = usize::try_from(began.elapsed().as_secs()).expect("soon") + 1;
    assert!((2..=2 + filled).contains(&allowed), "{allowed} of 20 in {:?}", began.elapsed());
    let (_, modest) = who("modest");
    assert!(other.check(&tenant, &modest).await.is_ok(), "somebody else's allowance is whole");
    let wait = one.check(&tenant, &greedy).await.expect_err("too many");
    assert_eq!(wait.status().as_u16(), 429);
    // A time passes, and there is room for one again.
    eventually("room for one", async || one.check(&tenant, &greedy).await.ok()).await;
    server.stop();
    let began = Instant::now();
    let mut allowed = 0;
    for _ in 0..10 {
        allowed += usize::from(one.check(&tenant, &greedy).await.is_ok());
    }
    assert!((2..=4).contains(&allowed), "each counts by itself now: {allowed}");
    assert!(began.elapsed() < Duration::from_secs(2), "and nobody waits for it: {:?}", began.elapsed());
}

#[tokio::test]
async fn what_one_keeps_the_other_finds_until_its_time_and_no_name_is_in_the_clear() {
    let Some(mut server) = RedisServer::start().await else { return };
    let (one, other) = (server.client(), server.client());
    assert_eq!(other.get("user ann").await, Ok(None));
    one.keep("user ann", b"active", Duration::from_secs(60)).await.expect("kept");
    assert_eq!(other.get("user ann").await, Ok(Some(b"active".to_vec())));
    let mut raw = redis::Client::open(server.address())
        .expect("an address")
        .get_multiplexed_async_connection()
        .await
        .expect("connected");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut raw).await.expect("keys");
    assert!(keys.len() == 1 && keys[0].starts_with("recoup:kept:") && !keys[0].contains("ann"), "{keys:?}");
    one.keep("user ann", b"gone soon", Duration::from_millis(20)).await.expect("kept");
    eventually("it is forgotten", async || other.get("user ann").await.ok().filter(Option::is_none)).await;
    assert_eq!(other.ping().await, Ok(()));
    server.stop();
    assert!(other.ping().await.is_err() && one.get("user ann").await.is_err());
}

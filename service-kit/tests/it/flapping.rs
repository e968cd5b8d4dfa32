//! The way to the broker flaps: connections are cut again and again, some of them while they are being made. Nothing is lost, nothing is
//! done twice, nothing is out of order, and nobody stays stuck.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shared_events::CampaignId;
use shared_events::tracking::{ActivateCampaign, PauseCampaign};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{World, envelope};

/// Until everything has to be applied after the last cut.
const RECOVERY: Duration = Duration::from_secs(60);
/// Larger than any frame of the protocol.
const LARGEST_FRAME: usize = 6 * 1024 * 1024;

/// A way to the broker that can be cut. The broker tells every client its own address, so that it would go around; in frames that go to
/// the client that address is replaced by this one's, which is as long.
struct Way {
    address: SocketAddr,
    /// Counted up to cut all that is open.
    cuts: watch::Sender<usize>,
    /// Connections that are closed as soon as they are made.
    refusing: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Way {
    async fn to(broker: SocketAddr) -> Self {
        // Another address of the loopback with as many digits, and the same port.
        let mut found = None;
        for last in 2..10 {
            let address = SocketAddr::from(([127, 0, 0, last], broker.port()));
            if let Ok(listener) = TcpListener::bind(address).await {
                found = Some((address, listener));
                break;
            }
        }
        let (address, listener) = found.expect("a free address of the loopback");
        let (refusing, made, (cuts, cut)) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), watch::channel(0));
        let (refused, counted) = (Arc::clone(&refusing), Arc::clone(&made));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let refused =
                    refused.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
                if refused {
                    continue;
                }
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = pass(client, broker, address) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts, refusing, made }
    }

    /// Cuts what is open, and the next few connections in the middle of their making.
    fn cut(&self, refuse: usize) {
        self.refusing.store(refuse, Ordering::Relaxed);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn pass(client: TcpStream, broker: SocketAddr, own: SocketAddr) -> std::io::Result<()> {
    let upstream = TcpStream::connect(broker).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = upstream.into_split();
    let up = async move { tokio::io::copy(&mut from_client, &mut to_broker).await.map(drop) };
    let down = async move {
        let (theirs, ours) = (broker.to_string().into_bytes(), own.to_string().into_bytes());
        assert_eq!(theirs.len(), ours.len(), "frames keep their lengths");
        loop {
            let size = from_broker.read_u32().await?;
            let mut frame = vec![0; usize::try_from(size).expect("it fits").min(LARGEST_FRAME)];
            from_broker.read_exact(&mut frame).await?;
            if let Some(at) = frame.windows(theirs.len()).position(|window| window == theirs) {
                frame[at..at + ours.len()].copy_from_slice(&ours);
            }
            to_client.write_all(&[&size.to_be_bytes()[..], &frame].concat()).await?;
        }
    };
    let down: std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> = Box::pin(down);
    tokio::select! { ended = up => ended, ended = down => ended }
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn nothing_is_lost_or_doubled_while_connections_flap(pool: PgPool) {
    let broker = service_kit::testing::Namespace::empty().service_address();
    let way = Way::to(broker).await;
    let world = Arc::new(World::start_through(pool, Some(format!("pulsar://{}", way.address))).await);
    let before = way.made.load(Ordering::Relaxed);
    assert!(before > 0, "it is the way that is taken");
    let campaigns: Vec<CampaignId> = (0..60).map(|_| CampaignId(Uuid::now_v7())).collect();
    let mut callers = JoinSet::new();
    for lane in campaigns.chunks(15).map(<[CampaignId]>::to_vec) {
        let world = Arc::clone(&world);
        callers.spawn(async move {
            for campaign_id in lane {
                // As the edge's callers do: what was not confirmed is sent again under the same id, and only then the next.
                let command = ActivateCampaign { campaign_id };
                let activate = envelope(&command, Uuid::now_v7());
                while world.try_send_as(&activate, &command).await.is_err() {}
                let command = PauseCampaign { campaign_id };
                let pause = envelope(&command, Uuid::now_v7());
                while world.try_send_as(&pause, &command).await.is_err() {}
            }
        });
    }
    let mut cuts = 0;
    // Cut after cut until all is sent, at least a dozen: some soon after another, while clients are still connecting.
    while cuts < 12 || !callers.is_empty() {
        tokio::time::sleep(Duration::from_millis([350, 40, 700, 5, 150][cuts % 5])).await;
        way.cut(cuts % 4);
        cuts += 1;
        while let Some(done) = callers.try_join_next() {
            done.expect("no panic");
        }
        if cuts >= 40 {
            // Enough: whoever is not done by now finishes in peace.
            while let Some(done) = callers.join_next().await {
                done.expect("no panic");
            }
        }
    }
    let began = Instant::now();
    let applied = || campaigns.iter().filter(|id| world.heard.seen(**id).len() >= 2).count();
    while applied() < campaigns.len() {
        assert!(
            began.elapsed() < RECOVERY,
            "{} of {} are applied {RECOVERY:?} after the last of {cuts} cuts",
            applied(),
            campaigns.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for id in campaigns {
        assert_eq!(world.asked.seen(id), ["activate", "pause"]);
        assert_eq!(world.heard.seen(id), ["activated", "paused"]);
    }
    assert!(way.made.load(Ordering::Relaxed) > before + cuts / 2, "clients came back through the way");
}

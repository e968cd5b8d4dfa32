//! A broker behind TLS whose certificate comes from an authority of one's own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{SinkExt, StreamExt};
use pulsar::message::Codec;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use service_kit::admin::Admin;
use service_kit::bus::Bus;
use service_kit::config::{Authorities, PulsarConfig, Role};
use service_kit::http_client::install_tls_provider;
use service_kit::reader::Span;
use service_kit::testing::{Namespace, eventually};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::Framed;
use uuid::Uuid;

use crate::reading::{all, publish_as, read_as};

/// An authority that vouches for 127.0.0.1, with the key of the one it vouches for.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("recoup-tls-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let of_itself = ["-subj", "/CN=a test's authority", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl(&folder, &[&["req", "-x509"], &key[..], &of_itself].concat());
        let vouched = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=127.0.0.1"];
        let means = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        let out = ["-keyout", "server.key", "-out", "server.pem"];
        openssl(&folder, &[&["req", "-x509"], &key[..], &vouched, &means, &out].concat());
        Self { folder }
    }

    fn trusted(&self) -> Authorities {
        self.folder.join("ca.pem").to_str().unwrap().parse().unwrap()
    }

    fn acceptor(&self) -> TlsAcceptor {
        install_tls_provider();
        let certificate = CertificateDer::from_pem_file(self.folder.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.folder.join("server.key")).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let made = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The broker and its admin interface behind TLS, as a managed one shows itself.
struct Behind {
    config: PulsarConfig,
    /// Connections to the broker whose handshake was done, and those that were broken off in it.
    connections: Arc<AtomicUsize>,
    broken_off: Arc<AtomicUsize>,
}

/// Puts the test's broker behind TLS.
async fn behind_tls(namespace: &Namespace, authority: &Authority) -> Behind {
    let plain = namespace.role(Role::Bff);
    let (broker, admin) = (listener().await, listener().await);
    let service_url = format!("pulsar+ssl://{}", broker.local_addr().unwrap());
    let admin_url = format!("https://{}", admin.local_addr().unwrap());
    let (connections, broken_off) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counts = [Arc::clone(&connections), Arc::clone(&broken_off)];
    let (acceptor, own) = (authority.acceptor(), service_url.clone());
    let address = namespace.service_address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = broker.accept().await {
            let (acceptor, [done, broken_off], own) = (acceptor.clone(), counts.clone(), own.clone());
            tokio::spawn(async move {
                let Ok(outside) = acceptor.accept(stream).await else {
                    broken_off.fetch_add(1, Ordering::SeqCst);
                    return;
                };
                done.fetch_add(1, Ordering::SeqCst);
                pass_on(outside, TcpStream::connect(address).await.unwrap(), &own).await;
            });
        }
    });
    let (acceptor, address) = (authority.acceptor(), plain.admin_url.trim_start_matches("http://").to_owned());
    tokio::spawn(async move {
        while let Ok((stream, _)) = admin.accept().await {
            let (acceptor, address) = (acceptor.clone(), address.clone());
            tokio::spawn(async move {
                if let Ok(mut outside) = acceptor.accept(stream).await {
                    let mut inside = TcpStream::connect(address).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
                }
            });
        }
    });
    Behind { config: PulsarConfig { service_url, admin_url, ..plain }, connections, broken_off }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Carries messages both ways. The broker knows nothing of its TLS address, so the answer to "where is this topic" is completed.
async fn pass_on(outside: TlsStream<TcpStream>, inside: TcpStream, own: &str) {
    let (mut to_client, mut from_client) = Framed::new(outside, Codec).split();
    let (mut to_broker, mut from_broker) = Framed::new(inside, Codec).split();
    let asking = async {
        while let Some(Ok(message)) = from_client.next().await {
            if to_broker.send(message).await.is_err() {
                break;
            }
        }
    };
    let answering = async {
        while let Some(Ok(mut message)) = from_broker.next().await {
            if let Some(found) = &mut message.command.lookup_topic_response {
                found.broker_service_url_tls = Some(own.to_owned());
            }
            if to_client.send(message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

#[tokio::test]
async fn messages_go_both_ways_through_tls_of_an_authority_of_ones_own() {
    let (namespace, authority) = (Namespace::provisioned().await, Authority::new());
    let behind = behind_tls(&namespace, &authority).await;
    let reached = |role| PulsarConfig {
        authorities: Some(authority.trusted()),
        token: namespace.role(role).token,
        role,
        ..behind.config.clone()
    };
    publish_as(reached(Role::Bff), 0..50).await;
    let sending = behind.connections.load(Ordering::SeqCst);
    assert!(sending > 0, "messages went around the TLS");
    assert_eq!(all(read_as(reached(Role::Replayer), Span::ALL).await).await, (0..50).collect::<Vec<_>>());
    assert!(behind.connections.load(Ordering::SeqCst) > sending, "messages came around the TLS");
}

#[tokio::test]
async fn a_broker_that_another_authority_vouches_for_is_refused() {
    let (namespace, authority, other) = (Namespace::empty(), Authority::new(), Authority::new());
    let behind = behind_tls(&namespace, &authority).await;
    for authorities in [None, Some(other.trusted())] {
        let config = PulsarConfig { authorities, ..behind.config.clone() };
        let before = behind.broken_off.load(Ordering::SeqCst);
        Bus::new(config.clone()).client().await.map(drop).expect_err("nobody we trust vouches for it");
        eventually("the handshake is broken off", async || {
            (behind.broken_off.load(Ordering::SeqCst) > before).then_some(())
        })
        .await;
        let refused = Admin::new(&config).get("clusters").await.expect_err("nobody we trust vouches for it");
        assert!(format!("{refused:?}").contains("invalid peer certificate"), "{refused:?}");
    }
    assert_eq!(behind.connections.load(Ordering::SeqCst), 0, "no token was sent");
}

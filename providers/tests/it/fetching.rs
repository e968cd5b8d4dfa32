//! Files are fetched from a real server, and only by the way that was checked.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Redirect;
use axum::routing::get;
use futures::future::BoxFuture;
use providers::fetch::{FetchError, Fetcher, Names};
use tokio::net::TcpListener;

/// `files.example` is the test's own server; `inside.example` is what an attacker's name server says.
#[derive(Clone, Default)]
struct TestNames {
    asked: Arc<AtomicUsize>,
}

impl Names for TestNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        // The second question about a name is answered as after a rebinding.
        let again = self.asked.fetch_add(1, Ordering::SeqCst) > 0;
        let address = match host {
            "files.example" => "127.0.0.1",
            "rebound.example" if !again => "127.0.0.1",
            _ => "10.0.0.1",
        };
        Box::pin(async move { Ok(vec![address.parse().expect("an address")]) })
    }

    fn may_talk_to(&self, address: IpAddr) -> bool {
        address.is_loopback() || providers::fetch::is_public(address)
    }
}

async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = move |host: &str, path: &str| Redirect::temporary(&format!("http://{host}:{port}{path}"));
    let app = Router::new()
        .route(
            "/files/invoice.pdf",
            get(|headers: HeaderMap| async move {
                assert!(!headers.contains_key(header::AUTHORIZATION));
                "%PDF-1.7"
            }),
        )
        .route("/moved", get(move || async move { to("files.example", "/files/invoice.pdf") }))
        .route("/round", get(move || async move { to("files.example", "/round") }))
        .route("/inside", get(move || async move { to("inside.example", "/files/invoice.pdf") }))
        .route("/metadata", get(|| async { Redirect::temporary("http://169.254.169.254/latest/") }))
        .route("/gone", get(|| async { StatusCode::NOT_FOUND }))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
        .route("/huge", get(|| async { vec![b'x'; 26 * 1024 * 1024] }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

async fn fetch(path: &str) -> Result<(Vec<u8>, Option<String>), FetchError> {
    let port = server().await;
    fetch_from(&TestNames::default(), &format!("http://files.example:{port}{path}")).await
}

async fn fetch_from(names: &TestNames, address: &str) -> Result<(Vec<u8>, Option<String>), FetchError> {
    let mut fetched = Fetcher::new(names.clone(), true).fetch(address).await?;
    let mut content = vec![];
    while let Some(piece) = fetched.piece().await? {
        content.extend_from_slice(&piece);
    }
    Ok((content, fetched.file_name))
}

fn code(error: FetchError) -> &'static str {
    match error {
        FetchError::Refused { code, .. } => code,
        FetchError::Failed(_) => "failed",
    }
}

#[tokio::test]
async fn a_file_is_fetched_also_where_it_was_moved_to() {
    for path in ["/files/invoice.pdf", "/moved"] {
        let (content, name) = fetch(path).await.unwrap();
        assert_eq!((content.as_slice(), name.as_deref()), (&b"%PDF-1.7"[..], Some("invoice.pdf")), "{path}");
    }
}

#[tokio::test]
async fn every_step_is_checked() {
    for path in ["/inside", "/metadata"] {
        assert_eq!(code(fetch(path).await.expect_err(path)), "private_address", "{path}");
    }
    assert_eq!(code(fetch("/round").await.expect_err("endless")), "too_many_redirects");
    assert_eq!(code(fetch("/gone").await.expect_err("404")), "not_served");
    assert_eq!(code(fetch("/huge").await.expect_err("26 MB")), "too_large");
    assert_eq!(code(fetch("/broken").await.expect_err("502")), "failed");
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (port, names) = (server().await, TestNames::default());
    // Were the name looked up again for the connection, it would lead elsewhere: this name exists only in the test.
    let (content, _) = fetch_from(&names, &format!("http://rebound.example:{port}/files/invoice.pdf")).await.unwrap();
    assert_eq!(content, b"%PDF-1.7");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let later = fetch_from(&names, &format!("http://rebound.example:{port}/files/invoice.pdf")).await;
    assert_eq!(code(later.expect_err("rebound")), "private_address");
}

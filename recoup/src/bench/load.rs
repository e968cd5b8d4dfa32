//! A load generator that costs little, since it shares the machine with what it measures: keep-alive connections, bodies made beforehand.

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One keep-alive connection to a service.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects to `http://host:port`.
    pub(super) async fn open(base: &str) -> anyhow::Result<Self> {
        let host = base.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&host).await.with_context(|| format!("connecting to {host}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // It ends when the server closes it; a request in flight reports that by itself.
            drop(connection.await);
        });
        Ok(Self { sender, host })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn call(
        &mut self,
        method: Method,
        path: &str,
        token: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, token)
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Posts events to tracking; anything but success is an error.
    pub(super) async fn post_events(&mut self, token: &str, body: Bytes) -> anyhow::Result<()> {
        let (status, answer) = self.call(Method::POST, "/api/v1/tracking/events", token, body).await?;
        anyhow::ensure!(
            status.is_success(),
            "tracking answered {status}: {}",
            String::from_utf8_lossy(&answer[..answer.len().min(300)])
        );
        Ok(())
    }
}

/// Makes events. Every event is known by its number, so that the books can be checked afterwards.
pub(super) struct Events {
    run: String,
    next: u64,
}

/// Visitors whose clicks are sent beforehand; each purchase belongs to one of them.
pub(super) const VISITORS: u64 = 20_000;
/// Partners that share them.
pub(super) const PARTNERS: u64 = 100;

impl Events {
    /// Events whose ids start with `run`.
    pub(super) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), next: 0 }
    }

    /// How many purchases were made.
    pub(super) fn made(&self) -> u64 {
        self.next
    }

    /// The click of a visitor on its partner's link, a day before the purchases.
    pub(super) fn click(visitor: u64, campaign: &str, at: &str) -> String {
        format!(
            r#"{{"event_id":"click-{visitor}","user_id":"visitor-{visitor}","event_type":"click","campaign":"{campaign}","partner":"partner-{}","occurred_at":"{at}"}}"#,
            visitor % PARTNERS
        )
    }

    /// The next purchase.
    pub(super) fn purchase(&mut self) -> String {
        let number = self.next;
        self.next += 1;
        // Some prime steps, so that visitors and amounts vary without a random source.
        let (visitor, cents) = (number.wrapping_mul(7_919) % VISITORS, 1_000 + number.wrapping_mul(104_729) % 9_000);
        format!(
            r#"{{"event_id":"{run}-{number}","user_id":"visitor-{visitor}","event_type":"purchase","order_id":"{run}-{number}","amount":"{}.{:02}","currency":"USD","metadata":{{"product_id":"prod-{}"}}}}"#,
            cents / 100,
            cents % 100,
            number % 500,
            run = self.run,
        )
    }

    /// The next `count` purchases as one JSON array.
    pub(super) fn batch(&mut self, count: usize) -> Bytes {
        let mut body = String::with_capacity(count * 220);
        body.push('[');
        for index in 0..count {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&self.purchase());
        }
        body.push(']');
        body.into()
    }
}

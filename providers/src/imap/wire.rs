//! The connection: to a server that we may talk to, encrypted, and with an end to what it may say.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use service_kit::http_client;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Account, Error};

const CONNECT: Duration = Duration::from_secs(10);

#[derive(Debug)]
enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection to a mail server.
#[derive(Debug)]
pub(super) struct Wire {
    line: Line,
    /// Bytes that may still come.
    left: u64,
}

impl Wire {
    /// Connects.
    pub(super) async fn connect(account: &Account, most: u64) -> Result<Self, Error> {
        let away = Error::Unavailable("the server cannot be reached");
        let address = match account.host.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => {
                let found = account.names.resolve(&account.host).await.map_err(|_| away.clone())?;
                // One that is not public among others is no accident.
                if found.iter().any(|address| !account.names.may_talk_to(*address)) {
                    return Err(Error::Inside);
                }
                *found.first().ok_or_else(|| away.clone())?
            }
        };
        if !account.names.may_talk_to(address) {
            return Err(Error::Inside);
        }
        let connecting = TcpStream::connect(SocketAddr::new(address, account.port));
        let stream = timeout(CONNECT, connecting).await.map_err(|_| away.clone())?.map_err(|_| away)?;
        if address.is_loopback() {
            return Ok(Self { line: Line::Plain(stream), left: most });
        }
        http_client::install_tls_provider();
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let unnamed = Error::Unavailable("the server has no name that a certificate could be for");
        let name = ServerName::try_from(account.host.clone()).map_err(|_| unnamed)?;
        let unproved = Error::Unavailable("the server does not prove who it is");
        let greeting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = timeout(CONNECT, greeting).await.map_err(|_| unproved.clone())?.map_err(|_| unproved)?;
        Ok(Self { line: Line::Tls(Box::new(stream)), left: most })
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server says too much")));
        }
        let before = buffer.filled().len();
        let polled = match &mut self.line {
            Line::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Line::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        };
        let read = buffer.filled().len().saturating_sub(before) as u64;
        self.left = self.left.saturating_sub(read);
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.line {
            Line::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Line::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.line {
            Line::Plain(stream) => Pin::new(stream).poll_flush(context),
            Line::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.line {
            Line::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Line::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

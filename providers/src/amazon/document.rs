//! The document of a report: downloaded in bounded memory, over as many links as it takes.

use std::fmt;
use std::io;

use bytes::Bytes;
use chrono::TimeDelta;
use futures::Stream;
use futures::stream::try_unfold;
use reqwest::{Response, StatusCode, header};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::unzip::Unzip;
use super::{Document, DocumentRead, Error, Operation, Session};
use crate::wire::{outcome_of, without_address};

/// A link lives for five minutes; one that is nearly over is not used any more.
const LINK_LIFE: TimeDelta = TimeDelta::seconds(270);
/// How often in a row nothing may come.
const FAILURES: u32 = 5;

impl Session {
    /// Begins to download a document.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn download(&self, report_document_id: &str) -> Result<Download, Error> {
        let document = self.get_report_document(report_document_id).await?;
        self.open(document).await
    }

    /// Begins to download a document whose link is known; when it is too old, another is asked for.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn open(&self, document: Document) -> Result<Download, Error> {
        let unzip = match document.compression_algorithm.as_deref() {
            None | Some("") => None,
            Some("GZIP") => Some(Unzip::new()),
            Some(other) => return Err(Error::Document(format!("it is compressed by {other}"))),
        };
        let mut download = Download {
            session: self.clone(),
            document,
            unzip,
            response: None,
            seen: None,
            received: 0,
            skip: 0,
            failures: 0,
            still_since: Instant::now(),
            packed: Bytes::new(),
            all_here: false,
        };
        download.connect().await?;
        Ok(download)
    }
}

/// What the first answer said about the file; later ones have to say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    length: Option<u64>,
    tag: Option<String>,
    content_type: Option<String>,
}

/// A document on its way. After a failure it goes on where it was, by a new link if that is needed.
pub struct Download {
    session: Session,
    document: Document,
    unzip: Option<Unzip>,
    response: Option<Response>,
    seen: Option<Seen>,
    received: u64,
    /// What comes once more after a server began from the start.
    skip: u64,
    failures: u32,
    /// Since when nothing has come.
    still_since: Instant,
    packed: Bytes,
    all_here: bool,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("seen", &self.seen).field("received", &self.received).finish_non_exhaustive()
    }
}

impl Download {
    /// How the file declares itself, such as `text/plain; charset=cp1252`.
    pub fn content_type(&self) -> Option<&str> {
        self.seen.as_ref()?.content_type.as_deref()
    }

    /// Bytes received, as they are sent, so compressed; beside [`Download::length`] they show how far it is.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes to receive in all, if the server says.
    pub fn length(&self) -> Option<u64> {
        self.seen.as_ref()?.length
    }

    /// The next piece of the unpacked file, some megabytes at most; `None` at its end, which is the true one: a file that was cut
    /// off is an error.
    ///
    /// # Errors
    /// [`Error::Document`] when it has to be begun anew, else what asking for the link says.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            while !self.packed.is_empty() {
                let piece = match &mut self.unzip {
                    None => std::mem::take(&mut self.packed),
                    Some(unzip) => unzip.step(&mut self.packed).map_err(damaged)?,
                };
                if !piece.is_empty() {
                    return Ok(Some(piece));
                }
            }
            if self.all_here {
                let rest = self.unzip.take().map(|mut unzip| unzip.finish().map_err(damaged)).transpose()?;
                return Ok(rest.filter(|rest| !rest.is_empty()));
            }
            match self.chunk().await? {
                Some(chunk) => self.packed = chunk,
                None => self.all_here = true,
            }
        }
    }

    /// The next bytes as they are sent.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.still_since = Instant::now();
        loop {
            if self.response.is_none() {
                self.connect().await?;
            }
            let silence = self.session.partner().patience().request;
            let Some(response) = &mut self.response else { continue };
            let problem = match timeout(silence, response.chunk()).await {
                Ok(Ok(Some(mut chunk))) => {
                    let again = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
                    let _ = chunk.split_to(again);
                    self.skip -= again as u64;
                    self.received += chunk.len() as u64;
                    if chunk.is_empty() {
                        continue;
                    }
                    self.failures = 0;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) if self.skip == 0 && self.length().is_none_or(|length| self.received >= length) => {
                    return Ok(None);
                }
                Ok(Ok(None)) => "it ends too early".to_owned(),
                Ok(Err(error)) => without_address(error),
                Err(_) => "nothing comes any more".to_owned(),
            };
            self.response = None;
            self.failed(problem).await?;
        }
    }

    async fn failed(&mut self, problem: String) -> Result<(), Error> {
        self.failures += 1;
        let patience = self.session.partner().patience();
        if self.failures >= FAILURES || self.still_since.elapsed() >= patience.deadline {
            return Err(Error::Unavailable { operation: Operation::Document, problem, request_id: None });
        }
        tracing::debug!(%problem, received = self.received, "a document is taken up again");
        sleep(patience.pause(self.failures)).await;
        Ok(())
    }

    /// Connects where it stopped.
    async fn connect(&mut self) -> Result<(), Error> {
        loop {
            if self.session.partner().now() - self.document.linked_at >= LINK_LIFE {
                self.renew().await?;
            }
            let problem = match self.ask().await {
                Err(problem) => problem,
                Ok(response) => match response.status() {
                    StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                        self.check(&response)?;
                        self.response = Some(response);
                        return Ok(());
                    }
                    // Over, whatever our clock says.
                    StatusCode::FORBIDDEN => {
                        self.failed("the link is refused".to_owned()).await?;
                        self.renew().await?;
                        continue;
                    }
                    StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PRECONDITION_FAILED => return Err(changed()),
                    status => format!("it answered {}", status.as_u16()),
                },
            };
            self.failed(problem).await?;
        }
    }

    async fn renew(&mut self) -> Result<(), Error> {
        let fresh = self.session.get_report_document(&self.document.report_document_id).await?;
        if fresh.compression_algorithm != self.document.compression_algorithm {
            return Err(changed());
        }
        self.document = fresh;
        Ok(())
    }

    async fn ask(&self) -> Result<Response, String> {
        let partner = self.session.partner();
        let link = self.document.url.expose();
        // In development everything is on loopback; Amazon has no other links than these.
        let plain = partner.endpoints().api(self.session.region()).starts_with("http://");
        if !link.starts_with("https://") && !plain {
            return Err("the link is not https".to_owned());
        }
        let mut request = partner.http().get(link);
        if self.received > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.received));
        }
        let sent = timeout(partner.patience().request, request.send()).await;
        outcome_of(sent.map_err(|_| "no answer in time".to_owned())?).map_err(|(problem, _)| problem)
    }

    /// Notes what the first answer says, and makes sure that a later one is about the same file.
    fn check(&mut self, response: &Response) -> Result<(), Error> {
        let text = |name: header::HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        let range = text(header::CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes ")?.split_once('/'));
        let length = match range.filter(|_| partial) {
            Some((span, whole)) if span.starts_with(&format!("{}-", self.received)) => whole.parse().ok(),
            Some(_) => return Err(changed()),
            None if partial => return Err(changed()),
            None => text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        };
        self.skip = if partial { 0 } else { self.received };
        let tag = text(header::ETAG).map(str::to_owned);
        let seen = Seen { length, tag, content_type: text(header::CONTENT_TYPE).map(str::to_owned) };
        match &self.seen {
            Some(before) if *before != seen => Err(changed()),
            Some(_) => Ok(()),
            None => {
                self.seen = Some(seen);
                Ok(())
            }
        }
    }

    /// As a stream of pieces.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        try_unfold(self, |mut download| async move { Ok(download.piece().await?.map(|piece| (piece, download))) })
    }

    /// As something to read from in a thread that may block (`spawn_blocking`), not in a task.
    pub fn into_read(self, runtime: Handle) -> DocumentRead {
        DocumentRead::new(self, runtime)
    }
}

fn damaged(error: io::Error) -> Error {
    Error::Document(format!("damaged GZIP: {error}"))
}

fn changed() -> Error {
    Error::Document("it changed while it was read".to_owned())
}

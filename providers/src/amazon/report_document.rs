//! A link to a report's document.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use service_kit::config::Secret;

use super::call::{Question, segment};
use super::{Error, Operation, Session};

/// A document and a link to it. The link is a secret: whoever has it can read the document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Amazon's id of it.
    pub report_document_id: String,
    /// Where it is for five minutes.
    pub url: Secret,
    /// `GZIP`, or none.
    pub compression_algorithm: Option<String>,
    /// When the link was given.
    pub linked_at: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    report_document_id: String,
    url: String,
    compression_algorithm: Option<String>,
}

impl Session {
    /// Asks for a link to a document.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_report_document(&self, report_document_id: &str) -> Result<Document, Error> {
        let linked_at = self.partner().now();
        let path = format!("/reports/2021-06-30/documents/{}", segment(report_document_id));
        let answer: Answer = self.call(&Question::get(Operation::GetReportDocument, path)).await?;
        let (report_document_id, url) = (answer.report_document_id, Secret::new(answer.url));
        Ok(Document { report_document_id, url, compression_algorithm: answer.compression_algorithm, linked_at })
    }
}

//! Reports 2021-06-30: asked for, waited for, and then a document.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::amount::iso;
use super::call::{Question, segment};
use super::open_enum::open_enum;
use super::{Error, Operation, Session, Timestamp};

const REPORTS: &str = "/reports/2021-06-30/reports";

open_enum! {
    /// How far a report is.
    ProcessingStatus {
        /// Not begun.
        InQueue = "IN_QUEUE",
        /// Begun.
        InProgress = "IN_PROGRESS",
        /// There is a document.
        Done = "DONE",
        /// There is none: nothing to report, asked for too often, or cancelled.
        Cancelled = "CANCELLED",
        /// It went wrong; a document may tell why.
        Fatal = "FATAL",
    }
}

impl ProcessingStatus {
    /// Whether it stays as it is.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Fatal)
    }
}

/// A wish for a report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateReport {
    /// Options of this type of report.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub report_options: BTreeMap<String, String>,
    /// `GET_LEDGER_DETAIL_VIEW_DATA`, ...
    pub report_type: String,
    /// From when, if the type takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_start_time: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_end_time: Option<Timestamp>,
    /// The marketplaces. Some types ignore them and tell of the whole region.
    pub marketplace_ids: Vec<String>,
}

impl CreateReport {
    /// A report of these marketplaces, without a time and options.
    pub fn new<I: Into<String>>(report_type: &str, marketplace_ids: impl IntoIterator<Item = I>) -> Self {
        Self {
            report_options: BTreeMap::new(),
            report_type: report_type.to_owned(),
            data_start_time: None,
            data_end_time: None,
            marketplace_ids: marketplace_ids.into_iter().map(Into::into).collect(),
        }
    }

    /// The same for a time.
    #[must_use]
    pub fn between(mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        self.data_start_time = Some(start.into());
        self.data_end_time = Some(end.into());
        self
    }

    /// The same with an option.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.report_options.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// Which reports to list: by their properties, or the page after another.
#[derive(Debug, Clone, Default)]
pub struct GetReports {
    /// Up to ten types.
    pub report_types: Vec<String>,
    /// Up to five states.
    pub processing_statuses: Vec<ProcessingStatus>,
    /// Up to ten marketplaces.
    pub marketplace_ids: Vec<String>,
    /// 1 to 100; Amazon takes 10 by itself.
    pub page_size: Option<u32>,
    /// Ninety days back by itself.
    pub created_since: Option<DateTime<Utc>>,
    /// Until now by itself.
    pub created_until: Option<DateTime<Utc>>,
    /// The next page; everything else has to be left out then.
    pub next_token: Option<String>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it was asked for.
    #[serde(default)]
    pub marketplace_ids: Vec<String>,
    /// Amazon's number of it, unique with the seller.
    pub report_id: String,
    /// Its type.
    pub report_type: String,
    /// From when it tells.
    pub data_start_time: Option<Timestamp>,
    /// Until when.
    pub data_end_time: Option<Timestamp>,
    /// The schedule that made it.
    pub report_schedule_id: Option<String>,
    /// When it was asked for.
    pub created_time: Timestamp,
    /// How far it is.
    pub processing_status: ProcessingStatus,
    /// When Amazon began.
    pub processing_start_time: Option<Timestamp>,
    /// When Amazon was through.
    pub processing_end_time: Option<Timestamp>,
    /// What it can be fetched by.
    pub report_document_id: Option<String>,
}

/// Some reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportPage {
    /// The reports.
    pub reports: Vec<Report>,
    /// What the next page is asked by.
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    report_id: String,
}

impl Session {
    /// Asks for a report and gives its id. After a lost answer it is asked for again, so a report may be made twice.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_report(&self, wish: &CreateReport) -> Result<String, Error> {
        let created: Created = self.call(&Question::post(Operation::CreateReport, REPORTS, wish)).await?;
        Ok(created.report_id)
    }

    /// How far a report is.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_report(&self, report_id: &str) -> Result<Report, Error> {
        self.call(&Question::get(Operation::GetReport, format!("{REPORTS}/{}", segment(report_id)))).await
    }

    /// Lists reports, the newest first; those that Amazon makes by itself, such as settlements, are found here.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_reports(&self, query: &GetReports) -> Result<ReportPage, Error> {
        let question = Question::get(Operation::GetReports, REPORTS)
            .with_list("reportTypes", &query.report_types)
            .with_list("processingStatuses", &query.processing_statuses)
            .with_list("marketplaceIds", &query.marketplace_ids)
            .with("pageSize", query.page_size)
            .with("createdSince", query.created_since.map(iso))
            .with("createdUntil", query.created_until.map(iso))
            .with("nextToken", query.next_token.as_ref());
        self.call(&question).await
    }
}

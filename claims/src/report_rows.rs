//! Rows of reports as they are kept, read back with their types.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::ConnectionId;
use shared_events::money::Currency;
use uuid::Uuid;

use crate::detection::{Fact, SettlementReader};
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::reasons::{LedgerReason, ReimbursementReason};
use crate::reports::{FieldError, Reimbursement, Report, RowKey, SettlementLine, reread};

/// What parts the fields of a row that is kept: no file has it.
pub const FIELD_END: char = '\u{1f}';
/// The most rows that one question gives.
const MOST: i64 = 20_000;

/// A row as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The report it is from.
    pub kind: Kind,
    /// Its identity.
    pub key: RowKey,
    /// The marketplace that its report was asked for.
    pub place: Marketplace,
    /// The day it is about; of fees, the day since when they are known.
    pub day: NaiveDate,
    currency: Option<Currency>,
    header: Arc<[String]>,
    pub(crate) raw: String,
}

struct Line {
    report: String,
    hash: Uuid,
    occurrence: i32,
    marketplace: String,
    day: NaiveDate,
    currency: Option<String>,
    header_id: Option<Uuid>,
    raw: String,
}

impl Kept {
    fn read<T: Report>(&self) -> Result<T, FieldError> {
        reread(&self.header, self.raw.split(FIELD_END))
    }

    /// The row as its report's type.
    ///
    /// # Errors
    /// When this release reads the row no longer.
    pub fn typed<T: Report>(&self) -> Result<T, FieldError> {
        self.read()
    }

    /// The columns of its file.
    pub fn columns(&self) -> &[String] {
        &self.header
    }

    /// Its fields, parted by tabs.
    pub fn tabbed(&self) -> String {
        self.raw.replace('\t', " ").replace(FIELD_END, "\t")
    }

    fn line(&self) -> Result<SettlementLine, FieldError> {
        let line: SettlementLine = self.read()?;
        Ok(SettlementLine { currency: line.currency.or(self.currency), ..line })
    }

    /// What rules can use of it; `None` for a row that only a person understands so far.
    ///
    /// # Errors
    /// When this release reads the row no longer.
    pub fn fact(&self) -> Result<Option<Fact>, FieldError> {
        let json = |problem: serde_json::Error| FieldError { column: "json", problem: problem.to_string() };
        Ok(Some(match self.kind {
            Kind::Ledger => {
                let row: crate::reports::LedgerEvent = self.read()?;
                if matches!(row.reason, Some(LedgerReason::Unknown(_))) {
                    return Ok(None);
                }
                Fact::Ledger(row)
            }
            Kind::Reimbursement => {
                let row: Reimbursement = self.read()?;
                if matches!(row.reason, ReimbursementReason::Unknown(_)) {
                    return Ok(None);
                }
                Fact::Reimbursement(row)
            }
            Kind::Return => Fact::Return(self.read()?),
            Kind::Replacement => Fact::Replacement(self.read()?),
            Kind::Sale => Fact::Sale(self.read()?),
            Kind::Removal => Fact::Removal(self.read()?),
            Kind::RemovalShipment => Fact::RemovalShipment(self.read()?),
            Kind::Stock => Fact::Stock(self.read()?),
            Kind::FeePreview => Fact::FeePreview(self.day, self.read()?),
            Kind::LongTermStorage => Fact::LongTermStorage(self.read()?),
            Kind::Storage => Fact::Storage(self.read()?),
            Kind::Settlement => match SettlementReader::default().posting(&self.line()?, self.place) {
                Ok(posting) => return Ok(posting.map(Fact::Posting)),
                Err(problem) => return Err(FieldError { column: "amount", problem: problem.to_owned() }),
            },
            Kind::Inbound => Fact::Inbound(serde_json::from_str(&self.raw).map_err(json)?),
            Kind::Delivery => Fact::Delivery(serde_json::from_str(&self.raw).map_err(json)?),
            Kind::Parcel => Fact::Parcel(serde_json::from_str(&self.raw).map_err(json)?),
            // Settlements tell the rules all that was posted.
            Kind::LedgerDay | Kind::InboundDelivery | Kind::Finance => return Ok(None),
        }))
    }
}

/// Turns lines into rows, with the headers that they name.
async fn kept(work: &mut Work, lines: Vec<Line>) -> Result<Vec<Kept>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let mut wanted: Vec<Uuid> = lines.iter().filter_map(|line| line.header_id).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let headers = sqlx::query!(
        "SELECT id, names FROM report_headers WHERE tenant = $1 AND id = ANY($2)",
        tenant.as_str(),
        &wanted,
    )
    .fetch_all(work.conn())
    .await?;
    let headers: HashMap<Uuid, Arc<[String]>> = headers.into_iter().map(|row| (row.id, row.names.into())).collect();
    let nothing: Arc<[String]> = Vec::new().into();
    let read = |line: Line| {
        let header = line.header_id.and_then(|id| headers.get(&id)).unwrap_or(&nothing);
        Some(Kept {
            kind: Kind::of_name(&line.report)?,
            key: RowKey { hash: line.hash.as_u128(), occurrence: line.occurrence.unsigned_abs() },
            place: Marketplace::of_country(&line.marketplace)?,
            day: line.day,
            currency: line.currency.and_then(|code| Currency::try_new(&code).ok()),
            header: Arc::clone(header),
            raw: line.raw,
        })
    };
    Ok(lines.into_iter().filter_map(read).collect())
}

/// Rows by what rules look them up by.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Amazon's numbers of articles.
    Fnsku(&'a [String]),
    /// The seller's numbers of articles.
    Sku(&'a [String]),
    /// Orders.
    Order(&'a [String]),
    /// Amazon's numbers of cases.
    Case(&'a [String]),
}

/// Rows of some kinds.
///
/// # Errors
/// When the database is away.
pub async fn rows(
    work: &mut Work,
    connection: ConnectionId,
    by: By<'_>,
    kinds: &[Kind],
) -> Result<Vec<Kept>, sqlx::Error> {
    let (tenant, connection) = (work.tenant().clone(), connection.0);
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
    macro_rules! lines {
        ($condition:literal, $names:expr) => {
            sqlx::query_as!(
                Line,
                "SELECT report, hash, occurrence, marketplace, day, currency, header_id, raw FROM report_rows
                 WHERE tenant = $1 AND connection_id = $2 AND report = ANY($3) AND "
                    + $condition,
                tenant.as_str(),
                connection,
                &kinds,
                $names,
            )
            .fetch_all(work.conn())
            .await?
        };
    }
    let lines = match by {
        By::Fnsku(names) => lines!("fnsku = ANY($4)", names),
        By::Sku(names) => lines!("sku = ANY($4)", names),
        By::Order(names) => lines!("order_id = ANY($4)", names),
        By::Case(names) => lines!("case_id = ANY($4)", names),
    };
    kept(work, lines).await
}

/// Sales of articles before a day, from which prices of that time are estimated.
///
/// # Errors
/// When the database is away.
pub async fn sales_before(
    work: &mut Work,
    connection: ConnectionId,
    fnskus: &[String],
    day: NaiveDate,
) -> Result<Vec<Kept>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let lines = sqlx::query_as!(
        Line,
        "SELECT report, hash, occurrence, marketplace, day, currency, header_id, raw FROM report_rows
         WHERE tenant = $1 AND connection_id = $2 AND report = 'sale' AND fnsku = ANY($3) AND day < $4",
        tenant.as_str(),
        connection.0,
        fnskus,
        day,
    )
    .fetch_all(work.conn())
    .await?;
    kept(work, lines).await
}

/// Reimbursements since a day, reversals too; at most twenty thousand, the newest first.
///
/// # Errors
/// When the database is away.
pub(crate) async fn reimbursements_since(
    work: &mut Work,
    connection: ConnectionId,
    since: NaiveDate,
) -> Result<Vec<Kept>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let lines = sqlx::query_as!(
        Line,
        "SELECT report, hash, occurrence, marketplace, day, currency, header_id, raw FROM report_rows
         WHERE tenant = $1 AND connection_id = $2 AND report = 'reimbursement' AND day >= $3
         ORDER BY day DESC, hash, occurrence LIMIT $4",
        tenant.as_str(),
        connection.0,
        since,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    kept(work, lines).await
}

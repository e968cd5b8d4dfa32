//! A partner's statement of a month: what stood, what moved and why, what stands.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Limit, Path, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::PartnerId;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Accounts, Api, decimal, statement_csv, visible_partner};
use crate::domain::ledger::Balance;
use crate::payout_file::Format;

/// Movements on a page of the JSON form, and read at once for the CSV form.
pub(super) const MOVEMENTS: u16 = 1_000;

/// Which statement.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The calendar month (UTC).
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", example = "2026-11")]
    month: String,
    /// `json` unless said, or asked for by `Accept: text/csv`.
    #[param(inline)]
    format: Option<Format>,
    /// `next_cursor` of the page before (JSON; the CSV holds everything).
    cursor: Option<String>,
    /// Movements on the page, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// A partner's statement of a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    /// The partner.
    pub partner: String,
    /// The month.
    #[schema(example = "2026-11")]
    pub month: String,
    /// One entry for each currency.
    pub accounts: Vec<InCurrency>,
    /// What moved, oldest first.
    pub movements: Vec<Movement>,
    /// Where the next page of movements begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What stood and stands in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct InCurrency {
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// Before the month.
    pub opening: Accounts,
    /// After it (or now, while it lasts).
    pub closing: Accounts,
    /// What is carried into the next month; negative while claw-backs exceed what is payable.
    #[schema(example = "-12.50")]
    pub carry_forward: String,
}

/// One movement between two accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Movement {
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    #[schema(example = "approved")]
    pub movement: String,
    /// How much.
    #[schema(example = "10.00")]
    pub amount: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// The account that it left.
    #[schema(example = "accrued")]
    pub from_account: String,
    /// The account that it entered.
    #[schema(example = "payable")]
    pub to_account: String,
    /// The commission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_id: Option<Uuid>,
    /// The payout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_id: Option<Uuid>,
    /// The message that caused it; absent where a hold ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Uuid>,
    #[serde(skip)]
    pub(super) seq: i64,
}

/// The month as it was asked for, with its limits.
#[derive(Debug, Clone)]
pub(super) struct Month {
    pub text: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Month {
    fn read(text: String) -> Result<Self, Problem> {
        let bad = || Problem::invalid_field("month", "must look like 2026-11");
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").map_err(|_| bad())?;
        let next = first.checked_add_months(Months::new(1)).ok_or_else(bad)?;
        if text.len() != 7 {
            return Err(bad());
        }
        let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        Ok(Self { text, from: start(first), to: start(next) })
    }
}

/// Shows a partner's statement as JSON or CSV. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/partners/{id}/statement", tag = "partners", params(("id" = String, Path, description = "The partner"), Asked),
    security(("bearer" = [])), responses(
        (status = 200, description = "The statement", content((Statement = "application/json"), (String = "text/csv"))),
        (status = 422, description = "A parameter does not fit", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let partner = visible_partner(&caller, id)?;
    let month = Month::read(asked.month)?;
    let wants_csv = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/csv"));
    let limit = Limit::within(asked.limit, MOVEMENTS, MOVEMENTS)?;
    let after = read_position(asked.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let balances = balances(&mut work, &partner, &month).await?;
    if asked.format.unwrap_or(if wants_csv { Format::Csv } else { Format::Json }) == Format::Csv {
        drop(work);
        return statement_csv::answer(api.store, caller.tenant, partner, month, balances);
    }
    let mut movements = movements(&mut work, &partner, &month, after, limit.rows()).await?;
    let next_cursor = limit.cut(&mut movements, |last| format!("{}_{}", last.at.timestamp_micros(), last.seq));
    let accounts = balances.into_iter().map(|(currency, (opening, closing))| InCurrency {
        opening: Accounts::of(&opening, &currency),
        closing: Accounts::of(&closing, &currency),
        carry_forward: decimal(closing.available(), &currency),
        currency,
    });
    Ok(Json(Statement {
        partner: partner.to_string(),
        month: month.text,
        accounts: accounts.collect(),
        movements,
        next_cursor,
    })
    .into_response())
}

/// A cursor of movements: the microsecond and the number of the last one seen.
fn read_position(cursor: Option<&str>) -> Result<Option<(DateTime<Utc>, i64)>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let position = text
        .split_once('_')
        .and_then(|(at, seq)| Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, seq.parse().ok()?)));
    position.map(Some).ok_or_else(|| Problem::invalid_field("cursor", "is not one that this list handed out"))
}

/// What stood before the month and stands after it, by currency.
pub(super) async fn balances(
    work: &mut Work,
    partner: &PartnerId,
    month: &Month,
) -> Result<BTreeMap<String, (Balance, Balance)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT currency AS "currency!", account::text AS "account!", COALESCE(sum(minor) FILTER (WHERE at < $3), 0)::bigint AS "opening!",
                  sum(minor)::bigint AS "closing!"
           FROM postings WHERE tenant = $1 AND partner = $2 AND at < $4 GROUP BY 1, 2"#,
        tenant.as_str(),
        partner.as_str(),
        month.from,
        month.to,
    )
    .fetch_all(work.conn())
    .await?;
    let mut balances: BTreeMap<String, (Balance, Balance)> = BTreeMap::new();
    for row in rows {
        let (opening, closing) = balances.entry(row.currency).or_default();
        opening.set(&row.account, row.opening);
        closing.set(&row.account, row.closing);
    }
    Ok(balances)
}

/// Movements of the month after a position, oldest first.
pub(super) async fn movements(
    work: &mut Work,
    partner: &PartnerId,
    month: &Month,
    after: Option<(DateTime<Utc>, i64)>,
    limit: i64,
) -> Result<Vec<Movement>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let (after_at, after_seq) = after.unwrap_or((month.from, i64::MIN));
    let rows = sqlx::query!(
        r#"SELECT at, seq, currency, movement::text AS "movement!", from_account::text AS "from_account!", to_account::text AS "to_account!",
                  minor, commission_id, payout_id, cause
           FROM ledger WHERE tenant = $1 AND partner = $2 AND at >= $3 AND at < $4 AND (at, seq) > ($5, $6)
           ORDER BY at, seq LIMIT $7"#,
        tenant.as_str(),
        partner.as_str(),
        month.from,
        month.to,
        after_at,
        after_seq,
        limit,
    )
    .fetch_all(work.conn())
    .await?;
    let movements = rows.into_iter().map(|row| Movement {
        at: row.at,
        movement: row.movement,
        amount: decimal(row.minor, &row.currency),
        currency: row.currency,
        from_account: row.from_account,
        to_account: row.to_account,
        commission_id: row.commission_id,
        payout_id: row.payout_id,
        cause: row.cause,
        seq: row.seq,
    });
    Ok(movements.collect())
}

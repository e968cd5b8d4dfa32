//! The statement as CSV: opening balances, every movement, closing balances. Written page by page, so that its length does not matter.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use service_kit::problem::Problem;
use service_kit::store::Store;
use shared_events::{PartnerId, TenantId};
use uuid::Uuid;

use super::decimal;
use super::statement::{MOVEMENTS, Month, movements};
use crate::domain::ledger::{Account, Balance};

type Balances = BTreeMap<String, (Balance, Balance)>;

const HEADER: [&str; 10] = [
    "line",
    "at",
    "currency",
    "amount",
    "movement",
    "from_account",
    "to_account",
    "commission_id",
    "payout_id",
    "cause",
];

/// What is written next.
enum Next {
    Opening,
    Movements(Option<(DateTime<Utc>, i64)>),
    Closing,
}

/// The answer.
pub(super) fn answer(
    store: Store,
    tenant: TenantId,
    partner: PartnerId,
    month: Month,
    balances: Balances,
) -> Result<Response, Problem> {
    // A partner's name may hold anything; the file's name holds what every system takes.
    let name: String =
        partner.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let file = format!("attachment; filename=\"statement-{name}-{}.csv\"", month.text);
    let pages = futures::stream::try_unfold(Some(Next::Opening), move |next| {
        let (store, tenant, partner, month, balances) =
            (store.clone(), tenant.clone(), partner.clone(), month.clone(), balances.clone());
        async move {
            match next {
                None => Ok::<_, anyhow::Error>(None),
                Some(Next::Opening) => {
                    let mut lines = vec![HEADER.map(str::to_owned)];
                    lines.extend(standing("opening", month.from, &balances, |pair| &pair.0));
                    Ok(Some((write(&lines)?, Some(Next::Movements(None)))))
                }
                Some(Next::Movements(after)) => {
                    let mut work = store.read(&tenant).await?;
                    let page = movements(&mut work, &partner, &month, after, MOVEMENTS.into()).await?;
                    let next = match page.last() {
                        Some(last) if page.len() == usize::from(MOVEMENTS) => {
                            Next::Movements(Some((last.at, last.seq)))
                        }
                        _ => Next::Closing,
                    };
                    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
                    let lines: Vec<_> = page
                        .into_iter()
                        .map(|row| {
                            let (commission, payout, cause) = (id(row.commission_id), id(row.payout_id), id(row.cause));
                            [
                                "movement".to_owned(),
                                time(row.at),
                                row.currency,
                                row.amount,
                                row.movement,
                                row.from_account,
                                row.to_account,
                                commission,
                                payout,
                                cause,
                            ]
                        })
                        .collect();
                    Ok(Some((write(&lines)?, Some(next))))
                }
                Some(Next::Closing) => {
                    let lines: Vec<_> = standing("closing", month.to, &balances, |pair| &pair.1).collect();
                    Ok(Some((write(&lines)?, None)))
                }
            }
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// One line for each account, and one for what is carried forward.
fn standing<'b>(
    line: &'static str,
    at: DateTime<Utc>,
    balances: &'b Balances,
    pick: fn(&(Balance, Balance)) -> &Balance,
) -> impl Iterator<Item = [String; 10]> + 'b {
    balances.iter().flat_map(move |(currency, pair)| {
        let balance = *pick(pair);
        let row = move |account: &str, minor: i64| {
            let none = String::new;
            [
                line.to_owned(),
                time(at),
                currency.clone(),
                decimal(minor, currency),
                none(),
                none(),
                account.to_owned(),
                none(),
                none(),
                none(),
            ]
        };
        let accounts = Account::ALL.into_iter().filter(|account| *account != Account::Expense);
        accounts
            .map(move |account| row(account.name(), balance.get(account)))
            .chain(std::iter::once(row("carry_forward", balance.available())))
    })
}

fn write(lines: &[[String; 10]]) -> anyhow::Result<Bytes> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for line in lines {
        writer.write_record(line)?;
    }
    Ok(writer.into_inner()?.into())
}

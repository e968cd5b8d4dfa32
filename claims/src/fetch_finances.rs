//! Reimbursements as they are posted, by the Finances API: days before the settlement that they are part of is closed. The reason is
//! not told there; it stands in the report of reimbursements.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use providers::amazon::{ListTransactions, Transaction};
use serde::{Deserialize, Serialize};
use shared_events::money::Money;

use crate::fetch_document::Committing;
use crate::kind::Kind;
use crate::parse_report::{Batch, NewRow, Reading};
use crate::reports::{Charset, RowKey};
use crate::run_report::{Next, Running, Trouble};
use crate::run_row::Step;
use crate::synced::Entry;

/// The longest span of one question.
const SPAN: TimeDelta = TimeDelta::days(180);
/// What is younger is not told yet.
const NOT_YET: TimeDelta = TimeDelta::minutes(3);
/// How reimbursements and their reversals are described.
const REIMBURSEMENT: &str = "FBAInventoryReimbursement";
const RELEASED: [&str; 2] = ["RELEASED", "DEFERRED_RELEASED"];

/// A reimbursement that was posted, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinancePosting {
    /// When.
    pub posted_at: DateTime<Utc>,
    /// The seller's number of the article.
    pub sku: Option<String>,
    /// How much; negative when it is taken back.
    pub amount: Money,
    /// Amazon's number of the transaction.
    pub transaction: String,
}

/// Fetches and commits them.
///
/// # Errors
/// What went wrong with Amazon, or with us.
pub async fn fetch(running: &Running<'_>) -> Result<Next, Trouble> {
    running.advance(Step { state: Some("parsing"), ..Step::default() }).await?;
    let today = running.place.date_of(&running.store.now());
    let reading = Reading { kind: Kind::Finance, place: running.place, today, charset: Charset::Unknown };
    let mut committing = Committing::new(running, reading, None);
    // Two equal transactions of a moment are two: neither span nor page parts what was posted at the same time of one answer.
    let mut seen: HashMap<RowKey, u32> = HashMap::new();
    let until = running.run.window_to.min(running.store.now() - NOT_YET);
    let mut from = running.run.window_from;
    while from < until {
        let to = (from + SPAN).min(until);
        let mut next_token = None;
        loop {
            let query = ListTransactions {
                posted_after: Some(from),
                posted_before: Some(to),
                marketplace_id: Some(running.place.place().id.clone()),
                next_token,
                ..ListTransactions::default()
            };
            let page = running.session.list_transactions(&query).await?;
            let found = page.transactions.iter().filter_map(|transaction| posting(running, transaction));
            let rows = found.map(|posting| row(running, posting, &mut seen)).collect();
            committing.commit(Batch { rows, ..Batch::default() }, 0).await?;
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                break;
            }
        }
        from = to;
    }
    committing.finish().await
}

/// What a transaction says, if it is a reimbursement in this marketplace whose money is there.
fn posting(running: &Running<'_>, transaction: &Transaction) -> Option<FinancePosting> {
    let description = transaction.description.as_deref()?;
    let is_there = transaction.transaction_status.as_deref().is_none_or(|status| RELEASED.contains(&status));
    let place = transaction.marketplace_details.as_ref().and_then(|details| details.marketplace_id.as_deref());
    let is_here = place.is_none_or(|id| id == running.place.place().id);
    if !description.starts_with(REIMBURSEMENT) || !is_there || !is_here {
        return None;
    }
    let sku = transaction.items.iter().flat_map(|item| &item.contexts).find_map(|context| context.sku.clone());
    Some(FinancePosting {
        posted_at: transaction.posted_date.as_ref()?.instant()?,
        sku,
        amount: transaction.total_amount.as_ref()?.money().ok()??,
        transaction: transaction.transaction_id.clone().unwrap_or_default(),
    })
}

fn row(running: &Running<'_>, posting: FinancePosting, seen: &mut HashMap<RowKey, u32>) -> NewRow {
    let minor = posting.amount.minor.to_string();
    let sku = posting.sku.clone().unwrap_or_default();
    let mut key = RowKey::of(&["finance", &posting.transaction, &posting.posted_at.to_rfc3339(), &sku, &minor]);
    let count = seen.entry(key).or_insert(0);
    *count += 1;
    key.occurrence = *count;
    NewRow {
        key,
        raw: serde_json::to_string(&posting).expect("texts and numbers are JSON"),
        entry: Entry {
            day: Some(running.place.date_of(&posting.posted_at)),
            sku: posting.sku.clone(),
            currency: Some(posting.amount.currency),
            ..Entry::default()
        },
    }
}

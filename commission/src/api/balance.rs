//! What stands on a partner's accounts now.

use axum::extract::State;
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use utoipa::ToSchema;

use super::{Accounts, Api, visible_partner};
use crate::domain::ledger::Balance;

/// A partner's accounts in every currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balances {
    /// The partner.
    #[schema(example = "partner-1")]
    pub partner: String,
    /// One entry for each currency in which something was earned.
    pub balances: Vec<InCurrency>,
}

/// A partner's accounts in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct InCurrency {
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// The accounts.
    #[serde(flatten)]
    pub accounts: Accounts,
}

/// Shows a partner's balance. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/partners/{id}/balance", tag = "partners", params(("id" = String, Path, description = "The partner")),
    security(("bearer" = [])), responses((status = 200, description = "The balance", body = Balances)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Json<Balances>, Problem> {
    let partner = visible_partner(&caller, id)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let rows = sqlx::query!(
        "SELECT currency, accrued, payable, in_payout, paid, clawback_receivable FROM balances WHERE tenant = $1 AND partner = $2 ORDER BY currency",
        caller.tenant.as_str(),
        partner.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    let balances = rows.into_iter().map(|row| {
        let balance = Balance {
            accrued: row.accrued,
            payable: row.payable,
            in_payout: row.in_payout,
            paid: row.paid,
            clawback_receivable: row.clawback_receivable,
        };
        InCurrency { accounts: Accounts::of(&balance, &row.currency), currency: row.currency }
    });
    Ok(Json(Balances { partner: partner.to_string(), balances: balances.collect() }))
}

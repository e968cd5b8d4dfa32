//! What can be asked: commissions with their explanations, statements, balances, payouts and their files.

mod balance;
mod batch_file;
mod commission;
mod commissions;
mod history;
mod payouts;
mod statement;
mod statement_csv;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use service_kit::store::Store;
use shared_events::{Money, PartnerId, TenantId};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;
use crate::domain::payout::stored_currency;

/// What the routes need.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// Where payout files are.
    pub config: Arc<Config>,
    /// Whose commissions are listed without a token; development on loopback only.
    pub open_tenant: Option<TenantId>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup commission", description = "What partners earn and are paid", license(name = "Apache-2.0")),
    tags((name = "commissions"), (name = "partners"), (name = "payouts"))
)]
struct Document;

/// The documented routes.
pub fn router(api: Api) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(commissions::list))
        .routes(routes!(commission::show))
        .routes(routes!(balance::show))
        .routes(routes!(statement::show))
        .routes(routes!(payouts::list))
        .routes(routes!(payouts::show))
        .routes(routes!(batch_file::show))
        .with_state(api)
}

/// The partner of a path, if the caller may see it.
fn visible_partner(caller: &Caller, name: String) -> Result<PartnerId, Problem> {
    let partner = PartnerId::try_new(name).map_err(|_| Problem::not_found())?;
    caller.partner_filter(Some(partner))?.ok_or_else(Problem::not_found)
}

/// An amount of a row as a decimal text.
fn decimal(minor: i64, currency: &str) -> String {
    Money::new(minor, stored_currency(currency)).decimal()
}

/// What stands on a partner's accounts, as decimal texts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// Earned, on hold or in review.
    #[schema(example = "10.00")]
    pub accrued: String,
    /// Approved and not yet asked for.
    #[schema(example = "150.00")]
    pub payable: String,
    /// Set aside for payouts under way.
    #[schema(example = "0.00")]
    pub in_payout: String,
    /// Paid in all.
    #[schema(example = "0.00")]
    pub paid: String,
    /// Owed by the partner after claw-backs: zero or negative.
    #[schema(example = "0.00")]
    pub clawback_receivable: String,
    /// What may be asked for: payable less what is owed. Negative = carried forward against later earnings.
    #[schema(example = "150.00")]
    pub available: String,
}

impl Accounts {
    fn of(balance: &crate::domain::ledger::Balance, currency: &str) -> Self {
        Self {
            accrued: decimal(balance.accrued, currency),
            payable: decimal(balance.payable, currency),
            in_payout: decimal(balance.in_payout, currency),
            paid: decimal(balance.paid, currency),
            clawback_receivable: decimal(balance.clawback_receivable, currency),
            available: decimal(balance.available(), currency),
        }
    }
}

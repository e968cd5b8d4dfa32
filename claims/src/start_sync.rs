//! Somebody wants reports fetched now.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::StartSync;

use crate::connection_row;
use crate::kind::Kind;
use crate::plan_sync::{self, FETCHED};

/// Handles [`StartSync`].
pub struct Start;

impl Handles<StartSync> for Start {
    async fn handle(&self, work: &mut Work, message: &Delivered<StartSync>) -> Result<Outcome, Failure> {
        let StartSync { sync_id, connection_id, reports, .. } = &message.data;
        let cause = Cause::from(&message.envelope);
        let mut kinds: Vec<Kind> = Vec::new();
        for name in reports {
            let kind = Kind::of_name(name).filter(|kind| FETCHED.contains(kind));
            kinds.push(kind.ok_or_else(|| Failure::reject("report_not_found", format!("no report is called {name}")))?);
        }
        if kinds.is_empty() {
            kinds.extend(FETCHED);
        }
        let sellers = connection_row::sellers(work, *connection_id).await?;
        if sellers.is_empty() {
            return Err(Failure::reject("not_connected", "no seller is connected: connect one first"));
        }
        let (mut started, mut under_way) = (0_u32, 0_u32);
        for seller in &sellers {
            for kind in &kinds {
                for marketplace in &seller.marketplaces {
                    let run = plan_sync::start(work, &cause, seller, (*kind, marketplace), *sync_id).await?;
                    if run.is_some() { started += 1 } else { under_way += 1 }
                }
            }
        }
        Ok(Outcome::ids(&serde_json::json!({ "sync_id": sync_id, "runs": started, "already_under_way": under_way })))
    }
}

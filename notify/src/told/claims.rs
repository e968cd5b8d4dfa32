//! Alarms of claims: what somebody has to do something about.

use serde_json::{Value, json};
use shared_events::claims::{
    AccountTokenFailed, ClaimAnswered, DetectionExpiring, FeeDeclined, PayoutOverdue, ReplyKind, ReportEmptied,
};

use super::{Notice, To, Told, minute, money, notice, shown};

impl Told for PayoutOverdue {
    const PUBLIC: &'static str = "claim.overdue";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "approved_at": self.approved_at})
    }

    fn notice(&self, version: u64) -> Option<Notice> {
        let variables = vec![("claim", self.claim_id.to_string()), ("approved", minute(self.approved_at))];
        notice("claim_overdue", To::staff(), format!("{}/{version}", self.claim_id), variables)
    }
}

impl Told for ClaimAnswered {
    const PUBLIC: &'static str = "claim.answered";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "kind": self.kind, "category": self.category, "next": self.next})
    }

    /// Of answers that somebody has to do something about.
    fn notice(&self, version: u64) -> Option<Notice> {
        let template = match self.kind {
            ReplyKind::InfoRequested => "claim_info_requested",
            ReplyKind::Denied => "claim_denied",
            _ => return None,
        };
        let why = self.category.as_deref().unwrap_or("unknown").replace('_', " ");
        let variables = vec![("claim", self.claim_id.to_string()), ("category", why)];
        notice(template, To::staff(), format!("{}/{version}", self.claim_id), variables)
    }
}

impl Told for FeeDeclined {
    const PUBLIC: &'static str = "fee.declined";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "amount": money(self.amount), "reason": self.reason, "retry_at": self.retry_at})
    }

    /// One for a charge, however many claims' fees are in it.
    fn notice(&self, _: u64) -> Option<Notice> {
        let retry = self.retry_at.map_or_else(|| "-".to_owned(), minute);
        let variables =
            vec![("amount", shown(self.amount)), ("reason", self.reason.replace('_', " ")), ("retry", retry)];
        notice("fee_declined", To::staff(), self.move_id, variables)
    }
}

impl Told for AccountTokenFailed {
    const PUBLIC: &'static str = "account.token_failed";

    fn public(&self) -> Value {
        json!({"connection_id": self.connection_id, "kind": self.kind})
    }

    fn notice(&self, version: u64) -> Option<Notice> {
        let variables = vec![("connection", self.connection_id.to_string())];
        notice("account_token_failed", To::staff(), format!("{}/{version}", self.connection_id), variables)
    }
}

impl Told for ReportEmptied {
    const PUBLIC: &'static str = "sync.report_emptied";

    fn public(&self) -> Value {
        let Self { run_id, connection_id, report, marketplace } = self;
        json!({"run_id": run_id, "connection_id": connection_id, "report": report, "marketplace": marketplace})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("report", self.report.replace('_', " ")), ("marketplace", self.marketplace.clone())];
        notice("report_emptied", To::staff(), self.run_id, variables)
    }
}

impl Told for DetectionExpiring {
    const PUBLIC: &'static str = "detection.expiring";

    fn public(&self) -> Value {
        json!({"detection_id": self.detection_id, "days": self.days, "closes_at": self.closes_at})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![
            ("detection", self.detection_id.to_string()),
            ("days", self.days.to_string()),
            ("closes", minute(self.closes_at)),
        ];
        notice("detection_expiring", To::staff(), format!("{}/{}", self.detection_id, self.days), variables)
    }
}

//! What claims is asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{Subject, TenantId};
use crate::messages;
use crate::topic::{Service, Topic};

/// Stops the sending of claims for a tenant, or lets it go on. What waits is then for people to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetSubmissionSwitch {
    /// Whose claims.
    pub of_tenant: TenantId,
    /// Whether nothing is sent.
    pub stopped: bool,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub set_by: Subject,
}

messages! { Topic::commands(Service::Claims);
    SetSubmissionSwitch "claims.set_submission_switch.v1" of_tenant,
}

//! What claims tells.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{Subject, TenantId};
use crate::messages;
use crate::topic::{Service, Topic};

/// The sending of claims was stopped for a tenant, or goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmissionSwitchSet {
    /// Whose claims.
    pub of_tenant: TenantId,
    /// Whether nothing is sent.
    pub stopped: bool,
    /// Why.
    pub reason: String,
    /// Who wanted it.
    pub set_by: Subject,
}

messages! { Topic::events(Service::Claims);
    SubmissionSwitchSet "claims.submission_switch_set.v1" of_tenant,
}

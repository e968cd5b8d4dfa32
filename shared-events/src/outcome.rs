//! How a command ended. Each command ends in a domain event or in [`CommandRejected`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::MessageId;

/// Wire name of [`CommandRejected`]; every service says it on its own events topic.
pub const COMMAND_REJECTED: &str = "command.rejected.v1";

/// A command was understood and refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandRejected {
    /// The refused command.
    pub command_id: MessageId,
    /// Its wire name.
    pub command_type: String,
    /// The reason, as a stable code (`campaign_not_found`) and in words.
    pub rejection: Rejection,
}

/// A refusal that a caller can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejection {
    /// Stable code for programs.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// The field at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Rejection {
    /// A refusal with a stable code and one sentence.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), field: None }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }
}

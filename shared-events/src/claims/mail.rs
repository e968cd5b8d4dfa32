//! What was read in mailboxes: what is told. No event holds an address or the words of a mail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReplyKind;
use crate::envelope::Message;
use crate::evidence::StoredFile;
use crate::ids::{ClaimId, ConnectionId, EvidenceId, Subject};
use crate::messages;
use crate::topic::{Service, Topic};

/// A file came by mail and lies in the object store. Evidence takes it in as a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentReceived {
    /// The submission that evidence makes of it.
    pub evidence_id: EvidenceId,
    /// The mailbox.
    pub connection_id: ConnectionId,
    /// Where the bytes are.
    pub file: StoredFile,
    /// What it is taken for: `supplier_invoice`.
    pub evidence_type: String,
    /// Who connected the mailbox.
    pub received_for: Subject,
}

/// The marketplace wrote about a claim, and that changed nothing by itself: a person should read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimMessageReceived {
    /// The claim.
    pub claim_id: ClaimId,
    /// What it seems to say; none: its words tell nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seems: Option<ReplyKind>,
    /// Who should read it.
    pub asked: Subject,
}

messages! { Topic::events(Service::Claims);
    DocumentReceived "claims.document_received.v1" connection_id,
    ClaimMessageReceived "claims.claim_message_received.v1" claim_id,
}

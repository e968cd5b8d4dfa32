//! Connections: accounts that claims reads for a tenant. No message holds a secret in clear.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ConnectionId, Subject};
use crate::messages;
use crate::topic::{Service, Topic};

/// What is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// A seller's account in one of Amazon's regions.
    Amazon,
    /// A mailbox at Google, by consent.
    Gmail,
    /// Any mailbox, by password.
    Imap,
    /// A payer at Stripe.
    Stripe,
}

impl ConnectionKind {
    /// Its name: `amazon`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amazon => "amazon",
            Self::Gmail => "gmail",
            Self::Imap => "imap",
            Self::Stripe => "stripe",
        }
    }
}

/// Uses a consent that somebody gave, or a password. The same connection may be connected again, by a new consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectAccount {
    /// The connection; follows from what is connected.
    pub connection_id: ConnectionId,
    /// What is connected.
    pub kind: ConnectionKind,
    /// Amazon's region: `na`, `eu`, `fe`; empty otherwise.
    pub region: String,
    /// Amazon's id of the seller, or the mailbox's address; empty where the exchange tells it.
    pub account: String,
    /// The code or password, sealed by the BFF for the tenant and `nonce`.
    pub sealed_secret: String,
    /// Names the consent; one that was used is refused.
    pub nonce: String,
    /// Where the consent page sent the person back to.
    #[serde(default)]
    pub redirect_uri: String,
    /// Host and port of a mailbox, for IMAP.
    #[serde(default)]
    pub host: Option<String>,
    /// Host and port of the server that sends for a mailbox; none: as its provider mostly calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp_host: Option<String>,
    /// The consent has to be used before.
    pub expires_at: DateTime<Utc>,
    /// Who gave it.
    pub connected_by: Subject,
}

/// Forgets the secrets of a connection and stops its syncs. What was read stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisconnectAccount {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub asked_by: Subject,
}

/// An account can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountConnected {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What is connected.
    pub kind: ConnectionKind,
    /// Amazon's region; empty otherwise.
    pub region: String,
    /// Country codes in which a seller sells.
    pub marketplaces: Vec<String>,
}

/// An account can be used no longer: a new consent is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountTokenFailed {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What was connected.
    pub kind: ConnectionKind,
    /// What was seen.
    pub problem: String,
}

/// The secrets of a connection are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountDisconnected {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
}

messages! { Topic::commands(Service::Claims);
    ConnectAccount "claims.connect_account.v1" connection_id,
    DisconnectAccount "claims.disconnect_account.v1" connection_id,
}

messages! { Topic::events(Service::Claims);
    AccountConnected "claims.account_connected.v1" connection_id,
    AccountTokenFailed "claims.account_token_failed.v1" connection_id,
    AccountDisconnected "claims.account_disconnected.v1" connection_id,
}

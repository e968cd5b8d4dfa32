//! What orders is asked about access: keys of machines, and who works in which warehouse.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ApiKeyId, Subject};
use crate::messages;
use crate::topic::{Service, Topic};

/// Makes a key for a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateApiKey {
    /// The key that this makes.
    pub key_id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do: `orders:read`, `stock:write`, ...
    pub scopes: Vec<String>,
    /// The warehouses whose things it sees; absent = all of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouses: Option<Vec<String>>,
    /// A keyed digest of its secret; the secret itself never travels.
    pub digest: String,
    /// When it ends by itself; absent = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Gives a key a new secret; the one before works on for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotateApiKey {
    /// The key.
    pub key_id: ApiKeyId,
    /// A keyed digest of the new secret.
    pub digest: String,
    /// For how many hours the secret before works on.
    pub overlap_hours: u32,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Ends a key, with all of its secrets, at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokeApiKey {
    /// The key.
    pub key_id: ApiKeyId,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Says who works in a warehouse: these, and nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignOperators {
    /// The warehouse.
    pub warehouse_id: String,
    /// Who.
    pub operators: Vec<Subject>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: Subject,
}

messages! { Topic::commands(Service::Orders);
    CreateApiKey "orders.create_api_key.v1" key_id,
    RotateApiKey "orders.rotate_api_key.v1" key_id,
    RevokeApiKey "orders.revoke_api_key.v1" key_id,
    AssignOperators "orders.assign_operators.v1" warehouse_id,
}

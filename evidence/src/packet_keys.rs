//! `GET /api/v1/evidence/packet-keys`: the public keys that packets are checked with.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use utoipa::ToSchema;

use crate::State as App;
use crate::packet::keys::PublicKey;

/// A key that has signed packets.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Names it: the beginning of its SHA-256.
    #[schema(example = "9f86d081884c7d65")]
    pub key_id: String,
    /// `ed25519`.
    pub algorithm: &'static str,
    /// Its 32 bytes in base64.
    pub public_key: String,
    /// As OpenSSL reads it.
    pub pem: String,
    /// Whether packets are signed with it now.
    pub current: bool,
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct Keys {
    /// The present one, then former ones.
    pub keys: Vec<KeyView>,
}

fn view(key: &PublicKey, current: bool) -> KeyView {
    KeyView { key_id: key.id(), algorithm: "ed25519", public_key: key.base64(), pem: key.pem(), current }
}

/// The public keys that packets are checked with: `recoup verify --key` takes this answer as a file.
#[utoipa::path(get, path = "/api/v1/evidence/packet-keys", tag = "packets", operation_id = "list_packet_keys",
    security(("bearer" = [])), responses((status = 200, description = "The keys", body = Keys)))]
pub async fn packet_keys(State(app): State<App>, _caller: Caller) -> Result<Json<Keys>, Problem> {
    let present = app.config.packets.signing_key.public();
    let former = app.config.packets.former_keys.iter().filter(|key| **key != present).map(|key| view(key, false));
    Ok(Json(Keys { keys: std::iter::once(view(&present, true)).chain(former).collect() }))
}

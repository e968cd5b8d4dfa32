//! Where somebody is reached, what they want to be told, and which addresses are not written to. Addresses are sealed here: no message
//! and no log holds them.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::sealed::{mask_account, mask_email};
use shared_events::notify::{
    AddressMark, Channel, LiftSuppression, Preference, PutContact, RemoveContact, STAFF, SealedPoint, SetPreferences,
    SuppressAddress, SuppressionReason, contact_purpose, mark_text,
};
use shared_events::{Service, SuppressionId, TenantId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::ask::{Ask, Body, Why, checked_reason};
use crate::checks;
use crate::notifications::{MANAGERS, PATIENCE, check_recipient, recipients_of};
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(read, put, remove))
        .routes(routes!(read_preferences, set_preferences))
        .routes(routes!(list_suppressions, suppress))
        .routes(routes!(lift))
}

/// Where somebody is reached; what is absent is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ann@example.com", "phone": "+15550100", "language": "de"}))]
struct NewContact {
    /// A mail address.
    #[serde(default)]
    email: Option<String>,
    /// A telephone number, E.164.
    #[serde(default)]
    phone: Option<String>,
    /// The registration token of an app on a device.
    #[serde(default)]
    push_token: Option<String>,
    /// In which language they are written to (BCP 47).
    #[serde(default)]
    language: Option<String>,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for NewContact {}

/// An address that is not to be written to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"channel": "email", "address": "ann@example.com", "reason": "complaint"}))]
struct NewSuppression {
    /// By which channel.
    channel: Channel,
    /// The address.
    address: String,
    /// Why.
    #[serde(default = "manual")]
    reason: SuppressionReason,
    /// More about it, for the audit; 1 to 500 characters.
    #[serde(default)]
    note: Option<String>,
}

fn manual() -> SuppressionReason {
    SuppressionReason::Manual
}

impl Body for NewSuppression {}

/// What somebody wants to be told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"preferences": [{"category": "orders", "channel": "sms", "enabled": false}]}))]
struct NewPreferences {
    /// What changes; what is not named stays.
    preferences: Vec<Preference>,
}

impl Body for NewPreferences {}

fn check_address(field: &str, channel: Channel, address: &str) -> Result<(), Problem> {
    match channel {
        Channel::Email => {
            checks::email(field, address)?;
            // What would be a header or a second address in a mail is none.
            let plain = !address.chars().any(|letter| "<>,;:\"\\()[]".contains(letter));
            if plain { Ok(()) } else { Err(Problem::invalid_field(field, "must be an e-mail address")) }
        }
        Channel::Sms => {
            let digits = address.strip_prefix('+').unwrap_or_default();
            let good = (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            if good { Ok(()) } else { Err(Problem::invalid_field(field, "must be a number such as +15550100")) }
        }
        Channel::Push => checks::text(field, address, 4_096),
        Channel::InApp => Err(Problem::invalid_field(field, "is no address of this channel")),
    }
}

fn masked(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Email => mask_email(address),
        _ => mask_account(address),
    }
}

impl App {
    fn mark(&self, tenant: &TenantId, channel: Channel, address: &str) -> AddressMark {
        AddressMark(self.account_key.digest(mark_text(tenant, channel, address).as_bytes()))
    }

    fn seal_point(
        &self,
        tenant: &TenantId,
        recipient: &str,
        channel: Channel,
        address: &str,
    ) -> anyhow::Result<SealedPoint> {
        let address = address.trim();
        let sealed = self.account_key.seal(&contact_purpose(tenant, recipient, channel), address)?;
        let mark = self.mark(tenant, channel, address);
        Ok(SealedPoint { channel, sealed, mark, masked: masked(channel, address) })
    }
}

/// Whether a caller may say where this recipient is reached: itself, its own partner, or anybody for managers.
fn allow(caller: &Caller, recipient: &str) -> Result<(), Problem> {
    check_recipient("recipient", recipient)?;
    let is_own = recipient != STAFF && recipients_of(caller).iter().any(|name| name == recipient);
    if is_own || caller.has_any(&MANAGERS) { Ok(()) } else { Err(Problem::not_found()) }
}

/// Says where somebody is reached, instead of what was said before: oneself, one's partner, or anybody for managers.
#[utoipa::path(put, path = "/api/v1/contacts/{recipient}", operation_id = "put_contact", tag = "notifications", request_body = NewContact,
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])), responses(Answers))]
async fn put(
    State(app): State<Shared>,
    Path(recipient): Path<String>,
    mut ask: Ask<NewContact>,
) -> Result<Response, Problem> {
    allow(&ask.caller, &recipient)?;
    let NewContact { email, phone, push_token, language, reason } = ask.body;
    let why = checked_reason(reason)?;
    if let Some(language) = &language {
        checks::text("language", language, 35)?;
    }
    let given =
        [("email", Channel::Email, email), ("phone", Channel::Sms, phone), ("push_token", Channel::Push, push_token)];
    let mut points = Vec::new();
    for (field, channel, address) in given {
        if let Some(address) = address {
            check_address(field, channel, &address)?;
            points.push(app.seal_point(&ask.caller.tenant, &recipient, channel, &address)?);
        }
    }
    let by = ask.caller.subject.clone();
    let command = PutContact { recipient: recipient.clone(), points, language, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("recipient", recipient)])).await
}

/// Where somebody is reached, masked: oneself, one's partner, or anybody for managers.
#[utoipa::path(get, path = "/api/v1/contacts/{recipient}", operation_id = "read_contact", tag = "notifications",
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])),
    responses((status = 200, description = "The contact", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Forgets where somebody is reached, and what they were told.
#[utoipa::path(delete, path = "/api/v1/contacts/{recipient}", operation_id = "remove_contact", tag = "notifications", request_body = Why,
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])), responses(Answers))]
async fn remove(
    State(app): State<Shared>,
    Path(recipient): Path<String>,
    mut ask: Ask<Why>,
) -> Result<Response, Problem> {
    allow(&ask.caller, &recipient)?;
    let (why, by) = (ask.body.checked()?, ask.caller.subject.clone());
    let command = RemoveContact { recipient: recipient.clone(), why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("recipient", recipient)])).await
}

/// What somebody wants to be told; what is not listed may come.
#[utoipa::path(get, path = "/api/v1/contacts/{recipient}/preferences", operation_id = "read_preferences", tag = "notifications",
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])),
    responses((status = 200, description = "The preferences", body = serde_json::Value)))]
async fn read_preferences(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Says what somebody wants to be told by which channel.
#[utoipa::path(put, path = "/api/v1/contacts/{recipient}/preferences", operation_id = "set_preferences", tag = "notifications",
    request_body = NewPreferences, params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")),
    security(("bearer" = [])), responses(Answers))]
async fn set_preferences(
    State(app): State<Shared>,
    Path(recipient): Path<String>,
    mut ask: Ask<NewPreferences>,
) -> Result<Response, Problem> {
    allow(&ask.caller, &recipient)?;
    let preferences = ask.body.preferences;
    if !(1..=50).contains(&preferences.len()) {
        return Err(Problem::invalid_field("preferences", "must be 1 to 50"));
    }
    let command = SetPreferences { recipient: recipient.clone(), preferences, by: ask.caller.subject.clone() };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("recipient", recipient)])).await
}

/// Addresses that are not written to, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/suppressions", operation_id = "list_suppressions", tag = "notifications", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list_suppressions(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Stops writing to an address: it bounced, its owner complained or wants no more. For managers, and systems that act for them.
#[utoipa::path(post, path = "/api/v1/suppressions", operation_id = "suppress_address", tag = "notifications", request_body = NewSuppression,
    security(("bearer" = [])), responses(Answers))]
async fn suppress(State(app): State<Shared>, mut ask: Ask<NewSuppression>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewSuppression { channel, address, reason, note } = ask.body;
    let why = checked_reason(note).map_err(|_| Problem::invalid_field("note", "must have 1 to 500 characters"))?;
    check_address("address", channel, &address)?;
    let suppression_id = SuppressionId(ids::derive(&["suppression", &ask.ticket.id.to_string()]));
    let mark = app.mark(&ask.caller.tenant, channel, &address);
    let (masked, by) = (masked(channel, &address), ask.caller.subject.clone());
    let command = SuppressAddress { suppression_id, channel, mark, masked, reason, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("suppression_id", suppression_id.to_string())])).await
}

/// Lets an address be written to again. For managers.
#[utoipa::path(delete, path = "/api/v1/suppressions/{id}", operation_id = "lift_suppression", tag = "notifications", request_body = Why,
    params(("id" = Uuid, Path, description = "The entry")), security(("bearer" = [])), responses(Answers))]
async fn lift(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<Why>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (why, by) = (ask.body.checked()?, ask.caller.subject.clone());
    let command = LiftSuppression { suppression_id: SuppressionId(id), why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("suppression_id", id.to_string())])).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_form_of_their_channel() {
        for good in [
            (Channel::Email, "ann@example.com"),
            (Channel::Sms, "+4915112345678"),
            (Channel::Push, "dGhpcyBpcyBhIHRva2Vu:APA91b"),
        ] {
            assert!(check_address("a", good.0, good.1).is_ok(), "{good:?}");
        }
        for bad in [
            (Channel::Email, "ann@example.com>,bob@example.com"),
            (Channel::Email, "Ann <ann@example.com>"),
            (Channel::Sms, "015112345678"),
            (Channel::Sms, "+0151"),
            (Channel::Push, ""),
            (Channel::InApp, "x"),
        ] {
            assert!(check_address("a", bad.0, bad.1).is_err(), "{bad:?}");
        }
    }
}

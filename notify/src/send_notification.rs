//! `SendNotification`: somebody wants somebody to be told something.

use std::collections::BTreeSet;

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::notify::{Channel, SendNotification};
use shared_events::outcome::Rejection;

use crate::create::{Made, Wanted, create};
use crate::domain::template::VALUE;

/// Sends.
#[derive(Debug, Clone)]
pub struct Send {
    /// Channels that something can be sent by.
    pub configured: BTreeSet<Channel>,
}

impl Handles<SendNotification> for Send {
    async fn handle(&self, work: &mut Work, message: &Delivered<SendNotification>) -> Result<Outcome, Failure> {
        let command = &message.data;
        if command.variables.len() > 50 || command.variables.values().any(|value| value.chars().count() > VALUE) {
            let rejection = Rejection::new("too_long", format!("at most 50 variables of {VALUE} characters"));
            return Err(rejection.at("variables").into());
        }
        let wanted = Wanted {
            id: command.notification_id,
            recipient: command.recipient.clone(),
            template: command.template.clone(),
            variables: command.variables.clone(),
            dedupe_key: command.dedupe_key.clone(),
            language: command.language.clone(),
            channels: command.channels.clone(),
            sent_by: command.sent_by.clone(),
        };
        let made = create(work, &Cause::from(&message.envelope), &wanted, &self.configured).await?;
        let (id, is_new) = match made {
            Made::New(id) => (id, true),
            Made::Again(id) => (id, false),
        };
        Ok(Outcome::ids(&json!({"notification_id": id, "created": is_new})))
    }
}

//! One event of a service, and who may see it.

use pulsar::consumer::Message as PulsarMessage;
use serde_json::{Value, json};
use service_kit::auth::{Caller, Role};
use shared_events::Envelope;

use super::position::Position;

/// Something that happened.
#[derive(Debug)]
pub struct Happening {
    /// The partition that it came from.
    pub lane: usize,
    /// Its place there.
    pub position: Position,
    /// Roughly what it takes in memory.
    pub size: usize,
    envelope: Envelope,
    data: Value,
}

impl Happening {
    /// Reads a message; `None` for one that is not ours, which nobody can be shown.
    pub fn read(lane: usize, message: &PulsarMessage<Vec<u8>>) -> Option<Self> {
        let properties = message.metadata().properties.iter().map(|pair| (pair.key.as_str(), pair.value.as_str()));
        let envelope = Envelope::from_properties(properties).ok()?;
        let data = serde_json::from_slice(&message.payload.data).ok()?;
        let size = message.payload.data.len() * 3 + 1_000;
        Some(Self { lane, position: Position::from(message.message_id()), size, envelope, data })
    }

    /// What the event is called in the stream: its wire name, but the name alone for what evidence tells (`prompt_created`), as the
    /// seeds have it.
    pub fn name(&self) -> &str {
        let kind = self.envelope.kind.as_str();
        let seeds = kind.strip_prefix("evidence.").and_then(|rest| rest.split_once('.'));
        seeds.map_or(kind, |(name, _version)| name)
    }

    /// The event as `caller` may see it, if it may. Its tenant's always; all of them for those who run the tenant; for others
    /// what they caused, what they asked for, and what concerns their partner; what claims tell, for those who may look at claims: most
    /// of it nobody causes, such as how far a sync is. What a person is asked is for that person alone, whoever caused it.
    pub fn shown_to(&self, caller: &Caller) -> Option<Value> {
        if self.envelope.tenant != caller.tenant {
            return None;
        }
        if caller.has_any(&[Role::Admin, Role::Manager]) {
            return Some(self.told(self.data.clone()));
        }
        let is_caller = |who: &Value| who.as_str() == Some(caller.subject.as_str());
        if let Some(asked) = self.data.get("asked") {
            return is_caller(asked).then(|| self.told(self.data.clone()));
        }
        let of_claims = self.envelope.kind.starts_with("claims.") && caller.has_any(&[Role::Operator, Role::Seller]);
        let caused = self.envelope.actor.as_deref() == Some(caller.subject.as_str());
        let own = caller.partner.as_ref().map(|partner| partner.as_str());
        let is_own = |partner: &Value| own.is_some() && partner.as_str() == own;
        let mut data = self.data.clone();
        let mut concerns =
            is_own(&data["partner"]) || is_caller(&data["requested_by"]) || is_caller(&data["recipient"]);
        if let Some(credits) = data.get_mut("credits").and_then(Value::as_array_mut) {
            // What other partners earn by the same purchase is not for this one to see.
            credits.retain(|credit| is_own(&credit["partner"]));
            concerns |= !credits.is_empty();
        }
        (caused || concerns || of_claims).then(|| self.told(data))
    }

    fn told(&self, data: Value) -> Value {
        let Envelope { id, kind, subject, time, .. } = &self.envelope;
        json!({ "id": id, "type": kind, "subject": subject, "time": time, "data": data })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use shared_events::{MessageId, PartnerId, Subject, TenantId};
    use uuid::Uuid;

    use super::*;

    fn happening(data: Value) -> Happening {
        let time = DateTime::from_timestamp(1_700_000_000, 0).expect("in range");
        let envelope = Envelope {
            id: MessageId(Uuid::nil()),
            source: "/services/tracking".into(),
            kind: "tracking.conversion_attributed.v1".into(),
            subject: "s".into(),
            time,
            recorded: time,
            sequence: 1,
            tenant: TenantId::try_new("demo").expect("valid"),
            actor: Some("alice".into()),
            correlation: Uuid::nil(),
            causation: None,
            traceparent: None,
            body_digest: None,
            replay: None,
        };
        Happening { lane: 0, position: Position::START, size: 0, envelope, data }
    }

    fn caller(tenant: &str, subject: &str, role: Role) -> Caller {
        let name = Subject::try_new(subject).expect("valid");
        let partner = (role == Role::Partner).then(|| PartnerId::try_new(subject).expect("valid"));
        Caller {
            tenant: TenantId::try_new(tenant).expect("valid"),
            subject: name,
            roles: vec![role],
            partner,
            token: String::new(),
            expires_at: None,
        }
    }

    #[test]
    fn partners_see_their_own_and_nothing_of_others() {
        let event = happening(
            json!({"credits": [{"partner": "p1", "weight_bps": 4000}, {"partner": "p2", "weight_bps": 6000}]}),
        );
        let seen = event.shown_to(&caller("demo", "p1", Role::Partner)).expect("concerns p1");
        assert_eq!(seen["data"]["credits"], json!([{"partner": "p1", "weight_bps": 4000}]));
        assert!(event.shown_to(&caller("demo", "p3", Role::Partner)).is_none());
        assert!(event.shown_to(&caller("demo", "alice", Role::Customer)).is_some(), "alice caused it");
        assert!(happening(json!({"partner": "p1"})).shown_to(&caller("demo", "p1", Role::Partner)).is_some());
        assert!(happening(json!({"partner": "p1"})).shown_to(&caller("demo", "p2", Role::Partner)).is_none());
    }

    #[test]
    fn what_a_person_is_asked_is_for_that_person_and_managers() {
        let event = happening(json!({"asked": "bob", "question": "Does it?"}));
        assert!(event.shown_to(&caller("demo", "bob", Role::Seller)).is_some());
        assert!(event.shown_to(&caller("demo", "m", Role::Manager)).is_some());
        assert!(event.shown_to(&caller("demo", "alice", Role::Seller)).is_none(), "although alice caused it");
        assert!(event.shown_to(&caller("demo", "o", Role::Operator)).is_none());
        assert!(event.shown_to(&caller("other", "bob", Role::Seller)).is_none());
        let matched = happening(json!({"requested_by": "bob"}));
        assert!(matched.shown_to(&caller("demo", "bob", Role::Seller)).is_some());
        assert!(matched.shown_to(&caller("demo", "carol", Role::Seller)).is_none());
    }

    #[test]
    fn sellers_see_how_far_their_syncs_are_and_partners_do_not() {
        let mut event = happening(json!({"sync_id": Uuid::nil(), "rows": 30_000, "percent": 40}));
        (event.envelope.kind, event.envelope.actor) = ("claims.sync_progressed.v1".into(), None);
        for (role, sees) in
            [(Role::Seller, true), (Role::Operator, true), (Role::Partner, false), (Role::Customer, false)]
        {
            assert_eq!(event.shown_to(&caller("demo", "x", role)).is_some(), sees, "{role:?}");
        }
        assert!(event.shown_to(&caller("other", "x", Role::Seller)).is_none(), "not those of another tenant");
        event.data["asked"] = json!("bob");
        assert!(event.shown_to(&caller("demo", "x", Role::Seller)).is_none(), "what bob is asked is bob's");
        event.envelope.kind = "orders.order_placed.v1".into();
        event.data = json!({});
        assert!(event.shown_to(&caller("demo", "x", Role::Seller)).is_none());
    }

    #[test]
    fn evidence_goes_by_the_names_of_the_seeds() {
        let mut event = happening(json!({}));
        assert_eq!(event.name(), "tracking.conversion_attributed.v1");
        event.envelope.kind = "evidence.prompt_expiring_soon.v1".into();
        assert_eq!(event.name(), "prompt_expiring_soon");
    }

    #[test]
    fn managers_see_their_tenant_only() {
        let event = happening(json!({}));
        assert!(event.shown_to(&caller("demo", "m", Role::Manager)).is_some());
        assert!(event.shown_to(&caller("other", "m", Role::Manager)).is_none());
        assert!(event.shown_to(&caller("other", "alice", Role::Admin)).is_none());
        assert!(event.shown_to(&caller("demo", "o", Role::Operator)).is_none());
    }
}

//! The same `Idempotency-Key` with the same body is the same command; with another body it is refused.
//!
//! The key derives the command's id, so that no lock and no database is needed: a repeat is the same message, which the owning
//! service applies once. What was asked under an id is remembered here for a while, and by the owning service for 35 days.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::value::RawValue;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use shared_events::{MessageId, Service, Subject, TenantId, ids};

/// Commands that are remembered.
const REMEMBERED: usize = 20_000;

/// What was asked lately.
#[derive(Debug, Default)]
pub struct Sent(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    commands: HashMap<MessageId, Command>,
    order: VecDeque<MessageId>,
}

/// One command that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who sent it.
    pub subject: Subject,
    /// The service that it was sent to.
    pub service: Service,
    /// Digest of its body.
    pub digest: String,
}

impl Sent {
    /// Remembers a command, or returns what was sent under its id before.
    pub fn claim(&self, id: MessageId, command: Command) -> Option<Command> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = inner.commands.get(&id) {
            return Some(earlier.clone());
        }
        if inner.order.len() >= REMEMBERED
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.commands.remove(&oldest);
        }
        inner.order.push_back(id);
        inner.commands.insert(id, command);
        None
    }

    /// What was sent under `id`.
    pub fn get(&self, id: MessageId) -> Option<Command> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).commands.get(&id).cloned()
    }
}

/// The id of the command that a caller asks for by this route (ids of the path included) under this key.
pub fn command_id(caller: &Caller, route: &str, key: &str) -> MessageId {
    MessageId(ids::derive(&["command", caller.tenant.as_str(), caller.subject.as_str(), route, key]))
}

/// Refuses a key that was used with another body.
pub fn reused() -> Problem {
    Problem::unprocessable("the Idempotency-Key was used before with another body")
        .code("idempotency_key_reused")
        .field("Idempotency-Key", "was used before with another body")
}

/// JSON without what means nothing: spaces, and the order of fields. Numbers stay as they are written, so that no digit is lost.
/// The text has been read into a type before, which bounds how deep it is.
pub fn canonical(json: &str) -> Option<String> {
    let json = json.trim();
    match json.as_bytes().first()? {
        b'{' => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            let fields: Option<Vec<String>> = fields
                .iter()
                .map(|(name, value)| Some(format!("{}:{}", serde_json::to_string(name).ok()?, canonical(value.get())?)))
                .collect();
            Some(format!("{{{}}}", fields?.join(",")))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let items: Option<Vec<String>> = items.iter().map(|item| canonical(item.get())).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        b'"' => serde_json::from_str::<String>(json).ok().and_then(|text| serde_json::to_string(&text).ok()),
        _ => Some(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(subject: &str) -> Caller {
        Caller {
            tenant: TenantId::try_new("demo").expect("valid"),
            subject: Subject::try_new(subject).expect("valid"),
            roles: vec![],
            partner: None,
            token: String::new(),
            expires_at: None,
        }
    }

    #[test]
    fn a_key_names_one_command_of_one_caller_and_route() {
        let id = command_id(&caller("a"), "POST /x", "k");
        assert_eq!(id, command_id(&caller("a"), "POST /x", "k"));
        for other in [
            command_id(&caller("b"), "POST /x", "k"),
            command_id(&caller("a"), "POST /y", "k"),
            command_id(&caller("a"), "POST /x", "l"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn spaces_and_order_do_not_matter_and_digits_do() {
        let one = canonical(r#"{ "b": [1, {"y":"\u0041","x":null}], "a": 150.00 }"#);
        assert_eq!(one.as_deref(), Some(r#"{"a":150.00,"b":[1,{"x":null,"y":"A"}]}"#));
        assert_ne!(canonical(r#"{"a":9007199254740993}"#), canonical(r#"{"a":9007199254740992}"#));
    }

    #[test]
    fn the_first_to_claim_an_id_wins_and_memory_is_bounded() {
        let sent = Sent::default();
        let Caller { tenant, subject, .. } = caller("a");
        let command = |digest: &str| Command {
            tenant: tenant.clone(),
            subject: subject.clone(),
            service: Service::Tracking,
            digest: digest.into(),
        };
        let id = MessageId(uuid::Uuid::from_u128(0));
        assert_eq!(sent.claim(id, command("1")), None);
        assert_eq!(sent.claim(id, command("2")), Some(command("1")));
        for n in 1..=REMEMBERED as u128 {
            sent.claim(MessageId(uuid::Uuid::from_u128(n)), command("x"));
        }
        assert_eq!(sent.get(id), None);
    }
}

//! Amazon's own examples, answered as published.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ask::{Ask, moment};

/// One example: a request's parameters and the answer to it.
#[derive(Debug, Deserialize)]
pub struct Example {
    /// The operation.
    pub operation: String,
    /// Its method.
    pub method: String,
    /// Its path, with parameters in braces.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// The parameters; a body is the one called `body`.
    pub parameters: BTreeMap<String, Value>,
    /// The answer, as it is published.
    pub response: Box<RawValue>,
}

static EXAMPLES: LazyLock<Vec<Example>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/sp-api/examples.json")).expect("checked by a test"));

/// All of them.
pub fn examples() -> &'static [Example] {
    &EXAMPLES
}

/// Values by which Amazon marks a parameter as one of an example; other parameters do not matter beside them.
const MARKS: [&str; 4] = ["TEST_CASE", "BAD", "bad", "WRNG"];

impl Example {
    fn is_marked(&self) -> bool {
        let text = serde_json::to_string(&self.parameters).unwrap_or_default();
        MARKS.iter().any(|mark| text.contains(&format!("\"{mark}")))
    }

    fn fits(&self, ask: &Ask) -> bool {
        let all_there = self.parameters.iter().all(|(name, wanted)| match name.as_str() {
            "body" => is_part(wanted, &ask.body),
            name => ask.get(name).is_some_and(|given| is_same(wanted, given)),
        });
        let named = self.parameters.keys().filter(|name| *name != "body").count();
        // The path's parameters are left out of some examples.
        let given = ask.parameters.keys().filter(|name| *name != "SellerSKU").count();
        all_there && self.operation == ask.operation && (self.is_marked() || named == given)
    }
}

/// The most particular example of a request.
pub(super) fn example_for(ask: &Ask) -> Option<&'static Example> {
    examples().iter().filter(|example| example.fits(ask)).max_by_key(|example| example.parameters.len())
}

fn is_same(wanted: &Value, given: &str) -> bool {
    let text = match wanted {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    // The same moment may be written in several ways.
    text == given || moment(&text).is_some_and(|moment_there| moment(given) == Some(moment_there))
}

/// Whether all that is wanted is in what is given.
fn is_part(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::Object(wanted), Value::Object(given)) => {
            wanted.iter().all(|(name, value)| given.get(name).is_some_and(|given| is_part(value, given)))
        }
        (Value::String(wanted), Value::String(given)) => is_same(&Value::from(wanted.as_str()), given),
        (Value::Number(wanted), Value::Number(given)) => wanted.as_f64() == given.as_f64(),
        _ => wanted == given,
    }
}

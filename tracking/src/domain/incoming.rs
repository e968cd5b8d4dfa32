//! Reads events as callers send them. Amounts are read from the text of the number, never through a float.

use std::borrow::Cow;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared_events::{CampaignId, Currency, Money, MoneyError, PartnerId, TenantId, TrackingEventId, VisitorId, derive};
use uuid::Uuid;

use super::event::{EventKind, NewEvent, Tracked};

/// How far ahead of our clock a caller's may be.
const MOST_AHEAD: TimeDelta = TimeDelta::days(1);
/// Metadata is kept for people to look at, not as a store of documents.
const MOST_METADATA_BYTES: usize = 16 * 1024;
const MOST_METADATA_DEPTH: usize = 32;
const LONGEST_TEXT: usize = 256;
/// The source of events that name none.
pub const DEFAULT_SOURCE: &str = "api";
/// The source of what Recoup's own orders are recorded as; nobody may send events under it.
pub const ORDERS_SOURCE: &str = "recoup-orders";

/// Why one event is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The field at fault.
    pub field: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
}

/// An event as sent. Borrowed from the body: nothing is copied before it is known to be good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    campaign: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partner: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    click_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    coupon: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    order_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refers_to: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    occurred_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

/// What is read out of the metadata when the event itself does not say it.
#[derive(Debug, Default, Deserialize)]
struct AmountInMetadata<'a> {
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    currency: Option<&'a RawValue>,
}

fn refused(field: &str, reason: impl Into<String>) -> Refused {
    Refused { field: Some(field.into()), reason: reason.into() }
}

/// Reads one event of `tenant`.
///
/// # Errors
/// [`Refused`] with the field at fault.
pub fn read(
    json: &str,
    tenant: &TenantId,
    now: DateTime<Utc>,
    new_id: impl FnOnce() -> Uuid,
) -> Result<NewEvent, Refused> {
    let incoming: Incoming<'_> = serde_json::from_str(json).map_err(|_| explain(json))?;
    let kind = EventKind::from_name(&incoming.event_type)
        .ok_or_else(|| refused("event_type", "must be impression, click, lead, purchase, refund or chargeback"))?;
    let event_id = text("event_id", incoming.event_id)?;
    let source = text("source", incoming.source)?.unwrap_or_else(|| DEFAULT_SOURCE.into());
    if source == ORDERS_SOURCE {
        return Err(refused("source", "is kept for orders that were placed here"));
    }
    let order_id = text("order_id", incoming.order_id)?;
    let refers_to = text("refers_to", incoming.refers_to)?;
    if kind.takes_back() && order_id.is_none() && refers_to.is_none() {
        return Err(refused(
            "order_id",
            "a refund or chargeback names its purchase by order_id, or by refers_to (the purchase's event_id)",
        ));
    }
    if !kind.takes_back() && refers_to.is_some() {
        return Err(refused("refers_to", "only a refund or chargeback refers to a purchase"));
    }
    let metadata = incoming.metadata.map(check_metadata).transpose()?;
    let amount = amount(kind, incoming.amount, incoming.currency.as_deref(), metadata)?;
    let facts = Tracked {
        id: TrackingEventId(event_id.as_deref().map_or_else(new_id, |own| id_of(tenant, &source, own))),
        kind,
        visitor: text("user_id", incoming.user_id)?.map(|user| VisitorId::of(tenant, &user)),
        click_id: text("click_id", incoming.click_id)?,
        partner: text("partner", incoming.partner)?
            .map(|partner| PartnerId::try_new(partner).map_err(|bad| refused("partner", bad.to_string())))
            .transpose()?,
        campaign: text("campaign", incoming.campaign)?.map(|campaign| CampaignId::resolve(tenant, &campaign)),
        coupon: text("coupon", incoming.coupon)?.map(|coupon| fold_coupon(&coupon)),
        order_id,
        amount,
        occurred_at: occurred_at(incoming.occurred_at.as_deref(), now)?,
        received_at: now.trunc_subsecs(6),
        refers_to: refers_to.map(|purchase| TrackingEventId(id_of(tenant, &source, &purchase))),
    };
    Ok(NewEvent { facts, event_id, source, link: None, metadata: metadata.map(ToOwned::to_owned) })
}

/// The id of the event that a caller calls `event_id`.
pub fn id_of(tenant: &TenantId, source: &str, event_id: &str) -> Uuid {
    derive(&["event", tenant.as_str(), source, event_id])
}

/// Coupons are compared without regard to case.
pub fn fold_coupon(coupon: &str) -> String {
    coupon.to_uppercase()
}

/// The slow second look, only at what serde has refused: which field was it?
fn explain(json: &str) -> Refused {
    let mut reader = serde_json::Deserializer::from_str(json);
    let error = match serde_path_to_error::deserialize::<_, Incoming<'_>>(&mut reader) {
        Err(error) => error,
        Ok(_) => return Refused { field: None, reason: "malformed JSON: something follows the event".into() },
    };
    let path = error.path().to_string();
    let words = error.inner().to_string();
    let in_backticks = words.split('`').nth(1).filter(|_| words.contains("field `")).map(str::to_owned);
    let field = in_backticks.or((path != ".").then_some(path));
    let reason = words.split(" at line ").next().unwrap_or(&words).to_owned();
    Refused { field, reason }
}

/// Any text that is kept: short, not empty, nothing that a database or a terminal would choke on.
fn text(field: &str, value: Option<Cow<'_, str>>) -> Result<Option<String>, Refused> {
    let Some(value) = value else { return Ok(None) };
    if !is_text(&value) {
        return Err(refused(field, format!("must have 1 to {LONGEST_TEXT} bytes and no control characters")));
    }
    Ok(Some(value.into_owned()))
}

/// Whether a text can be kept.
pub fn is_text(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST_TEXT && !value.chars().any(char::is_control)
}

fn occurred_at(sent: Option<&str>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refused> {
    let Some(sent) = sent else { return Ok(now.trunc_subsecs(6)) };
    let time = DateTime::parse_from_rfc3339(sent)
        .map_err(|_| refused("occurred_at", "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"))?;
    let time = time.with_timezone(&Utc).trunc_subsecs(6);
    if time > now + MOST_AHEAD {
        return Err(refused("occurred_at", "is more than a day in the future"));
    }
    Ok(time)
}

/// Objects of bounded size and depth.
fn check_metadata(metadata: &RawValue) -> Result<&RawValue, Refused> {
    let json = metadata.get();
    if !json.starts_with('{') {
        return Err(refused("metadata", "must be an object"));
    }
    if json.len() > MOST_METADATA_BYTES {
        return Err(refused("metadata", format!("must have at most {MOST_METADATA_BYTES} bytes")));
    }
    // Braces inside strings count too: that errs on the safe side and costs one pass.
    if json.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() > MOST_METADATA_DEPTH
        && depth(json) > MOST_METADATA_DEPTH
    {
        return Err(refused("metadata", format!("must be nested at most {MOST_METADATA_DEPTH} deep")));
    }
    // Half of a surrogate pair is no text: whoever reads the event later could not.
    if json.contains("\\u") && serde_json::from_str::<serde_json::Value>(json).is_err() {
        return Err(refused("metadata", "has an escape that stands for no character"));
    }
    Ok(metadata)
}

fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn amount(
    kind: EventKind,
    sent: Option<&RawValue>,
    currency: Option<&str>,
    metadata: Option<&RawValue>,
) -> Result<Option<Money>, Refused> {
    let has_amount = kind.takes_back() || kind.is_conversion();
    if !has_amount {
        return match sent {
            Some(_) => Err(refused("amount", "an impression or a click has no amount")),
            None => currency.map_or(Ok(None), |code| currency_named("currency", code).map(|_| None)),
        };
    }
    let (sent, currency, path) = match sent {
        Some(sent) => (Some(sent), currency.map(Cow::Borrowed), ""),
        None => {
            let inside = metadata.map(amount_in_metadata).transpose()?.unwrap_or_default();
            (inside.amount, currency.map(Cow::Borrowed).or(inside.currency()?), "metadata.")
        }
    };
    let currency = currency.map_or(Ok(Currency::USD), |code| currency_named("currency", &code))?;
    let Some(sent) = sent else {
        return if kind == EventKind::Purchase { Err(refused("amount", "a purchase has an amount")) } else { Ok(None) };
    };
    let field = format!("{path}amount");
    let money = parse_amount(sent.get(), currency).map_err(|why| refused(&field, why))?;
    let smallest = i64::from(kind.takes_back());
    if money.minor < smallest {
        return Err(refused(&field, if smallest == 0 { "must not be negative" } else { "must be above 0" }));
    }
    Ok(Some(money))
}

impl<'a> AmountInMetadata<'a> {
    /// Metadata is the caller's own: what is called `currency` there only matters beside an `amount`.
    fn currency(&self) -> Result<Option<Cow<'a, str>>, Refused> {
        let Some(json) = self.amount.and(self.currency) else { return Ok(None) };
        serde_json::from_str(json.get())
            .map(Some)
            .map_err(|_| refused("metadata.currency", "must be a text such as USD"))
    }
}

fn amount_in_metadata(metadata: &RawValue) -> Result<AmountInMetadata<'_>, Refused> {
    serde_json::from_str(metadata.get()).map_err(|error| refused("metadata", format!("cannot be read: {error}")))
}

fn currency_named(field: &str, code: &str) -> Result<Currency, Refused> {
    // The list is searched from one end to the other; most events are in dollars.
    if code == "USD" {
        Ok(Currency::USD)
    } else {
        Currency::try_new(code).map_err(|bad| refused(field, bad.to_string()))
    }
}

/// A number, or a text that is one.
fn parse_amount(json: &str, currency: Currency) -> Result<Money, String> {
    let unquoted = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json);
    Money::parse(unquoted, currency).map_err(|error| match error {
        MoneyError::NotANumber => "must be a number, or a text with one, such as 19.99".into(),
        other => other.to_string(),
    })
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;

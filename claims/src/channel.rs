//! The ways by which a claim reaches a marketplace, behind one port. A channel says what happened, no more: what a person has to do is
//! handed over, and what nobody knows is unknown.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use shared_events::TenantId;
use shared_events::money::Money;
use uuid::Uuid;

use crate::claiming::letter::Letter;
use crate::policy::ClaimType;

/// A person pastes the text into the marketplace's form and enters the number of the case.
pub const ASSISTED: &str = "assisted";
/// A reply in the thread of a case, by mail.
pub const MAIL_THREAD: &str = "mail_thread";
/// The one interface for claims that there is: parcels of Amazon Shipping.
pub const AMAZON_SHIPPING: &str = "amazon_shipping";

/// A claim on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Whose.
    pub tenant: TenantId,
    /// The account that it is sent for.
    pub connection: Uuid,
    /// Names the sending: the same key is the same claim, however often it arrives.
    pub key: Uuid,
    /// The claim.
    pub claim: Uuid,
    /// Country code of the marketplace.
    pub marketplace: String,
    /// The subject of the claim, an object.
    pub subject: serde_json::Value,
    /// What is claimed.
    pub amount: Money,
    /// What it says.
    pub letter: Letter,
    /// The case that it goes on in.
    pub case_id: Option<String>,
}

/// How a sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The marketplace has it, under this case id.
    Accepted(String),
    /// The marketplace does not take it; why, in its words.
    Refused(String),
    /// It did not leave, for sure; it can be tried again.
    NotSent(String),
    /// It did not leave, and never will by this way; why. A person has to send it.
    ByHand(String),
    /// It may have arrived, or not.
    Unknown(String),
}

/// What is known of a sending whose end nobody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It arrived, under this case id.
    Arrived(String),
    /// It never arrived, for sure.
    NeverArrived,
    /// The channel cannot tell: a person has to be asked.
    CannotTell,
}

/// The future of a channel's answer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to send claims without a person.
pub trait Channel: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Sends a claim once. It never tries again by itself.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Sent>;
    /// Looks up a sending whose end nobody saw.
    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Known>;
}

/// The channels that there are. `assisted` needs none.
#[derive(Clone, Default)]
pub struct Channels(Vec<Arc<dyn Channel>>);

impl Channels {
    /// These channels.
    pub fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self(channels)
    }

    /// The channel of a name; none for `assisted`, and for one that is not set up.
    pub fn find(&self, name: &str) -> Option<&dyn Channel> {
        self.0.iter().find(|channel| channel.name() == name).map(AsRef::as_ref)
    }
}

/// By which channel a claim would go if nothing stops it.
pub fn wanted(claim_type: &str, goes_on: bool) -> &'static str {
    let of_parcel = claim_type == ClaimType::AmazonShippingClaim.name();
    match (of_parcel, goes_on) {
        (true, false) => AMAZON_SHIPPING,
        (_, true) => MAIL_THREAD,
        (false, false) => ASSISTED,
    }
}

//! Typed ids: a campaign can never be passed where a payout is meant.
//!
//! Ids that we mint are UUIDs: version 7 where nothing else identifies the thing, version 5 where a caller's own key
//! does (so that a repeated request names the same thing). Tenants, partners and subjects are named by others and stay text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Namespace of every version 5 id that Recoup derives; changing it would rename every derived thing.
pub const RECOUP_NAMESPACE: Uuid = Uuid::from_u128(0x6d1c_0f2e_7a54_5b19_9c3e_2f80_41d7_be06);

/// Derives a stable UUIDv5 from the parts of a natural key. Parts are joined with a separator that cannot occur in them
/// by accident (unit separator), so `("ab", "c")` and `("a", "bc")` differ.
pub fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&RECOUP_NAMESPACE, parts.join("\u{1f}").as_bytes())
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

uuid_ids! {
    /// A key of a machine.
    ApiKeyId,
    /// One advertising campaign of a tenant.
    CampaignId,
    /// One claim against a marketplace.
    ClaimId,
    /// One commission: what one partner earns by one conversion (or a negative one that takes it back).
    CommissionId,
    /// A seller's, a mailbox's or a payer's account that Recoup may use.
    ConnectionId,
    /// A tracked event that may earn a commission: a click, a lead or a purchase. The same id as the event's.
    ConversionId,
    /// Something that a marketplace seems to owe.
    DetectionId,
    /// An evaluation of everything that somebody asked for.
    DetectionRunId,
    /// A document of a tenant: the same bytes are the same document.
    DocumentId,
    /// A partner's participation in a campaign.
    EnrolmentId,
    /// One submission of evidence: somebody sent, or named, a document and said what it is for.
    EvidenceId,
    /// A success fee, or the credit that takes one back.
    FeeId,
    /// Money that moves for fees: a charge, or what is given back of one.
    FeeMoveId,
    /// A partner's tracked link.
    LinkId,
    /// The id of one message: a command or an event (CloudEvents `id`).
    MessageId,
    /// One sending of a webhook's message to its endpoint.
    DeliveryId,
    /// A learned matcher, or an import of labels for one.
    ModelId,
    /// Something that somebody is told.
    NotificationId,
    /// A sealed bundle of proof.
    PacketId,
    /// One order.
    OrderId,
    /// Something about an order that a person has to decide.
    OrderTaskId,
    /// A file of payouts handed to whoever moves the money.
    PayoutBatchId,
    /// One try to have an order paid.
    PaymentId,
    /// One payment to a partner.
    PayoutId,
    /// A question to a person.
    PromptId,
    /// Something that has to be proved by documents.
    ProofRequestId,
    /// Reports that are fetched together.
    SyncId,
    /// One report that is fetched.
    SyncRunId,
    /// One refund of an order.
    RefundId,
    /// The clock of refunded goods that a marketplace had sent.
    ReturnClockId,
    /// Goods of an order that came back together.
    ReturnId,
    /// One parcel of an order.
    ShipmentId,
    /// One movement of stock that a person reported.
    StockMovementId,
    /// An address that is not written to any more.
    SuppressionId,
    /// One event that came in over HTTP.
    TrackingEventId,
    /// An address of others that is told what happens.
    WebhookId,
}

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 characters without control characters")]
pub struct BadName;

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to 128 characters without control characters.
            ///
            /// # Errors
            /// [`BadName`] for anything else.
            pub fn try_new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                let fits = !text.is_empty() && text.chars().count() <= 128 && !text.chars().any(char::is_control);
                if fits { Ok(Self(text)) } else { Err(BadName) }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::try_new(String::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text_ids! {
    /// A tenant: one customer of Recoup. Everything belongs to exactly one.
    TenantId,
    /// A partner, as the tenant names it.
    PartnerId,
    /// Who a token speaks for (JWT `sub`).
    Subject,
}

/// A visitor or customer, known only by a digest: the caller's own user id never leaves the ingest request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct VisitorId(pub Uuid);

impl VisitorId {
    /// The digest of a tenant's own user id.
    pub fn of(tenant: &TenantId, user_id: &str) -> Self {
        Self(derive(&["visitor", tenant.as_str(), user_id]))
    }
}

impl CampaignId {
    /// The campaign that a path or a field names: a UUID is taken as it is, any other text is the tenant-unique code
    /// (`camp123`), from which the id follows. The edge can thus address a campaign without a lookup.
    pub fn resolve(tenant: &TenantId, id_or_code: &str) -> Self {
        Uuid::try_parse(id_or_code).map_or_else(|_| Self::from_code(tenant, id_or_code), Self)
    }

    /// The id of the campaign with this tenant-unique code.
    pub fn from_code(tenant: &TenantId, code: &str) -> Self {
        Self(derive(&["campaign", tenant.as_str(), code]))
    }
}

impl EnrolmentId {
    /// A partner takes part in a campaign at most once, so the pair names the enrolment.
    pub fn of(campaign: CampaignId, partner: &PartnerId) -> Self {
        Self(derive(&["enrolment", &campaign.to_string(), partner.as_str()]))
    }
}

impl CommissionId {
    /// One commission per conversion, partner and attribution revision.
    pub fn of(conversion: ConversionId, partner: &PartnerId, revision: u32) -> Self {
        Self(derive(&["commission", &conversion.to_string(), partner.as_str(), &revision.to_string()]))
    }
}

impl DocumentId {
    /// The document of a tenant with these bytes.
    pub fn of(tenant: &TenantId, sha256: &str) -> Self {
        Self(derive(&["document", tenant.as_str(), sha256]))
    }
}

impl From<TrackingEventId> for ConversionId {
    fn from(id: TrackingEventId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_and_its_id_name_the_same_campaign() {
        let tenant = TenantId::try_new("demo").expect("valid");
        let by_code = CampaignId::resolve(&tenant, "camp123");
        assert_eq!(CampaignId::resolve(&tenant, &by_code.to_string()), by_code);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(derive(&["ab", "c"]), derive(&["a", "bc"]));
    }

    #[test]
    fn text_ids_refuse_empty_long_and_control() {
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(TenantId::try_new(bad), Err(BadName));
        }
    }
}

//! Money of claims: payouts, what is taken back, and the fees that follow from both.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ClaimId, FeeId, PacketId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// The money of a claim is there: reimbursed, and posted to the cent. Evidence seals the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutConfirmed {
    /// The claim.
    pub claim_id: ClaimId,
    /// How much; zero when all of it was given in units.
    pub amount: Money,
    /// Units that were given back to stock instead of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// The marketplace's number of the reimbursement and the row of the report; unique within the claim.
    pub reference: String,
    /// How probable it is that it pays this claim, in ten thousandths; none: it names the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_bps: Option<i32>,
    /// The row of the finance or settlement posting.
    pub posting: String,
    /// When it was posted.
    pub paid_at: DateTime<Utc>,
}

/// The marketplace took money back. Evidence adds to the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutReversed {
    /// The claim.
    pub claim_id: ClaimId,
    /// How much, as a positive amount.
    pub amount: Money,
    /// The marketplace's number of the reversal and the row of the report; unique within the claim.
    pub reference: String,
    /// The reimbursement that it takes back.
    pub original: String,
    /// When.
    pub paid_at: DateTime<Utc>,
}

/// A claim was granted and its money has not come within five business days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutOverdue {
    /// The claim.
    pub claim_id: ClaimId,
    /// When it was granted.
    pub approved_at: DateTime<Utc>,
}

/// The packet of a paid claim is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSealed {
    /// The claim.
    pub claim_id: ClaimId,
    /// The packet.
    pub packet_id: PacketId,
}

/// A fee is owed for money that a claim brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeAccrued {
    /// The fee.
    pub fee_id: FeeId,
    /// The claim.
    pub claim_id: ClaimId,
    /// What it is a share of: confirmed cash less what was taken back.
    pub basis: Money,
    /// The share, in ten thousandths.
    pub rate_bps: i32,
    /// How much.
    pub amount: Money,
}

/// A fee is given back, because the marketplace took its money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeCredited {
    /// The credit.
    pub fee_id: FeeId,
    /// The claim.
    pub claim_id: ClaimId,
    /// How much, as a positive amount.
    pub amount: Money,
}

messages! { Topic::events(Service::Claims);
    PayoutConfirmed "claims.payout_confirmed.v1" claim_id,
    PayoutReversed "claims.payout_reversed.v1" claim_id,
    PayoutOverdue "claims.payout_overdue.v1" claim_id,
    ClaimSealed "claims.claim_sealed.v1" claim_id,
    FeeAccrued "claims.fee_accrued.v1" claim_id,
    FeeCredited "claims.fee_credited.v1" claim_id,
}

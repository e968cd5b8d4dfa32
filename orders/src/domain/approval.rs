//! Which orders another person has to allow, and who that may be.

use shared_events::Currency;
use shared_events::outcome::Rejection;

use super::fraud::Band;

/// Why a person has to decide; each makes one task in the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The order is worth a lot.
    HighValueOrder,
    /// The order is suspicious.
    FraudReview,
    /// The quality check found something.
    QcException,
    /// A carrier has trouble with a parcel, or brings it back.
    CarrierException,
    /// Part of the order has left, and the gateway does not pay the next part.
    PaymentException,
    /// A customer's bank wants the money back: evidence has to be sent, or the money is given up.
    PaymentDispute,
    /// Somebody wants an order served from what warehouses keep back.
    StockOverride,
    /// A customer, or staff for one, has a problem with an order.
    CustomerProblem,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::HighValueOrder,
        Self::FraudReview,
        Self::QcException,
        Self::CarrierException,
        Self::PaymentException,
        Self::PaymentDispute,
        Self::StockOverride,
        Self::CustomerProblem,
    ];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HighValueOrder => "high_value_order",
            Self::FraudReview => "fraud_review",
            Self::QcException => "qc_exception",
            Self::CarrierException => "carrier_exception",
            Self::PaymentException => "payment_exception",
            Self::PaymentDispute => "payment_dispute",
            Self::StockOverride => "stock_override",
            Self::CustomerProblem => "customer_problem",
        }
    }

    /// Whether an order waits for its decision, and is cancelled when that is no. Trouble after something has left holds nothing up, nor
    /// does what was asked besides.
    pub const fn holds_order(self) -> bool {
        matches!(self, Self::HighValueOrder | Self::FraudReview | Self::QcException)
    }

    /// Whether it has to be decided by somebody else than those whose wish it is. A problem is answered, not allowed.
    pub const fn needs_four_eyes(self) -> bool {
        !matches!(self, Self::CustomerProblem)
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// From how many minor units of a currency on an order is worth a lot, where that is said in hundredths: 1000.00 are 1000 yen and 1000.000
/// dinars.
pub fn high_value(hundredths: i64, currency: Currency) -> i64 {
    match currency.decimals() {
        decimals @ 0..2 => hundredths.saturating_add(10_i64.pow(2 - decimals) - 1) / 10_i64.pow(2 - decimals),
        decimals => hundredths.saturating_mul(10_i64.saturating_pow(decimals - 2)),
    }
}

/// What has to be decided before an order goes on.
pub fn needed(grand_minor: i64, high_value_minor: i64, band: Band) -> Vec<Kind> {
    let fraud = (band > Band::Pass).then_some(Kind::FraudReview);
    let value = (grand_minor >= high_value_minor).then_some(Kind::HighValueOrder);
    fraud.into_iter().chain(value).collect()
}

/// Whether these people may decide: nobody decides about what they asked for themselves.
///
/// # Errors
/// `self_approval_forbidden`.
pub fn check_decider(deciders: &[&str], requesters: &[&str]) -> Result<(), Rejection> {
    if deciders.iter().any(|decider| requesters.contains(decider)) {
        return Err(Rejection::new("self_approval_forbidden", "whoever placed an order may not decide about it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_needs_approval_and_a_cent_less_does_not() {
        assert_eq!(needed(99_999, 100_000, Band::Pass), []);
        assert_eq!(needed(100_000, 100_000, Band::Pass), [Kind::HighValueOrder]);
        assert_eq!(needed(100_000, 100_000, Band::Review), [Kind::FraudReview, Kind::HighValueOrder]);
        assert_eq!(needed(1, 100_000, Band::Hold), [Kind::FraudReview]);
    }

    #[test]
    fn the_threshold_is_an_amount_and_not_a_number_of_minor_units() {
        let of = |hundredths, code| high_value(hundredths, Currency::try_new(code).expect("listed"));
        assert_eq!((of(100_000, "USD"), of(100_000, "JPY"), of(100_000, "KWD")), (100_000, 1_000, 1_000_000));
        assert_eq!(of(100_001, "JPY"), 1_001, "999.99 and a yen are not 1000.01");
    }

    #[test]
    fn four_eyes() {
        assert!(check_decider(&["ann"], &["bob", "carl"]).is_ok());
        assert_eq!(check_decider(&["ann", "bob"], &["bob"]).expect_err("refused").code, "self_approval_forbidden");
    }
}

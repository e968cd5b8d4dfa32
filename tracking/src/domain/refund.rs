//! How much of a purchase may go back.

use shared_events::Money;

/// Why money cannot go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field at fault.
    pub field: &'static str,
    /// Why, in one sentence.
    pub reason: String,
}

/// What a refund of `asked` takes off a purchase of `paid` of which `refunded_minor` went back before. Nothing asked = the rest.
///
/// # Errors
/// [`Refusal`] for another currency, for more than is left, and when nothing is left.
pub fn refund(paid: Money, refunded_minor: i64, asked: Option<Money>) -> Result<Money, Refusal> {
    let rest = Money::new(paid.minor - refunded_minor, paid.currency);
    let amount = asked.unwrap_or(rest);
    let refuse = |field, reason| Err(Refusal { field, reason });
    if amount.currency != paid.currency {
        return refuse(
            "currency",
            format!("the purchase was paid in {}, the refund is in {}", paid.currency, amount.currency),
        );
    }
    if rest.minor == 0 {
        return refuse("amount", format!("nothing is left of the purchase of {paid}: all of it went back before"));
    }
    if amount.minor > rest.minor {
        return refuse("amount", format!("{amount} is more than the {rest} left of the purchase of {paid}"));
    }
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use shared_events::Currency;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn at_most_what_is_left_goes_back() {
        assert_eq!(refund(usd(1_000), 0, Some(usd(1_000))), Ok(usd(1_000)));
        assert_eq!(refund(usd(1_000), 300, None), Ok(usd(700)));
        assert_eq!(refund(usd(1_000), 300, Some(usd(701))).map_err(|refusal| refusal.field), Err("amount"));
        assert_eq!(refund(usd(1_000), 1_000, None).map_err(|refusal| refusal.field), Err("amount"));
    }

    #[test]
    fn currencies_do_not_mix() {
        let euros = Money::new(1, Currency::try_new("EUR").expect("listed"));
        assert_eq!(refund(usd(1_000), 0, Some(euros)).map_err(|refusal| refusal.field), Err("currency"));
    }
}

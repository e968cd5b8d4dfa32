//! Tokens of means of payment, as callers send them.

use std::collections::BTreeMap;

use service_kit::problem::Problem;

use super::ask::text;

/// Checks the tokens of means of payment: none may be a card number.
///
/// # Errors
/// 422 that names the field.
pub fn check_tokens(one: Option<&String>, several: &BTreeMap<String, String>) -> Result<(), Problem> {
    if several.len() > 8 {
        return Err(Problem::invalid_field("payment_tokens", "at most 8"));
    }
    for (name, token) in several {
        text("payment_tokens", name, 32)?;
        text("payment_tokens", token, 255)?;
    }
    for (field, token) in one
        .map(|token| ("payment_token", token))
        .into_iter()
        .chain(several.values().map(|token| ("payment_tokens", token)))
    {
        if is_card_number(token) {
            return Err(Problem::invalid_field(field, "looks like a card number; send the provider's token"));
        }
    }
    Ok(())
}

/// Thirteen to nineteen digits with a right check digit: whoever sends that has sent a card number.
fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> =
        text.chars().filter(|letter| !matches!(letter, ' ' | '-')).map_while(|letter| letter.to_digit(10)).collect();
    let all_digits = text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ' ' | '-'));
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) => twice / 10 + twice % 10,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    all_digits && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::is_card_number;

    #[test]
    fn card_numbers_are_told_from_tokens() {
        assert!(is_card_number("4242424242424242") && is_card_number("4242 4242 4242 4242"));
        for token in ["pm_card_visa", "4242424242424241", "tok_4242424242424242", "123456"] {
            assert!(!is_card_number(token), "{token}");
        }
    }
}

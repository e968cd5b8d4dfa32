//! What a line charges for, by the words of its description in the languages of the large markets.

use super::invoice::LineKind;
use super::kind_words::{COMPANIONS, GOODS, NOT_THAT, SURE, WORDS};

/// Decides the kind of a line; an amount below nothing with no telling word stays what it is: goods taken back. What has the number of an
/// article, or is bought by the piece, is `counted`: a charge only when nothing but words of charges describes it.
pub fn of(description: &str, counted: bool) -> LineKind {
    let mut text = description.to_lowercase();
    for phrase in NOT_THAT {
        text = text.replace(phrase, " goods ");
    }
    let begins_word = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            // Short words must stand alone: "ust" is not "ustensile".
            let whole = word.chars().count() > 3 || !word.is_ascii() || !after.is_some_and(char::is_alphabetic);
            whole && (!word.is_ascii() || !before.is_some_and(char::is_alphanumeric))
        })
    };
    // "free delivery" of a product that is a table: only short descriptions are about the delivery itself.
    let own: Vec<&str> = text.split_whitespace().collect();
    let told = WORDS.iter().find(|(_, words)| words.iter().any(|word| begins_word(word))).map(|(kind, _)| *kind);
    let Some(kind) = told.filter(|_| own.len() <= 12) else { return LineKind::Product };
    let sure = SURE.iter().any(|word| begins_word(word));
    let telling = |word: &str| WORDS.iter().any(|(_, words)| words.iter().any(|told| word.starts_with(told)));
    let companion = |word: &str| {
        let word = word.trim_matches(|letter: char| letter.is_ascii_punctuation() && letter != '&' && letter != '+');
        !word.chars().any(char::is_alphabetic)
            || COMPANIONS.split_whitespace().any(|known| known == word)
            || telling(word)
    };
    let is_goods = |word: &&str| {
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let stems = ["", "s", "es", "n", "en", "e"].into_iter().filter_map(|ending| bare.strip_suffix(ending));
        // Compounds: "Versandtaschen".
        stems
            .into_iter()
            .any(|stem| GOODS.iter().any(|goods| stem == *goods || (telling(bare) && stem.ends_with(goods))))
    };
    let names_goods = own.iter().any(is_goods);
    let goods =
        if counted { names_goods || (!sure && !own.iter().all(|word| companion(word))) } else { names_goods && !sure };
    if goods { LineKind::Product } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_in_many_languages() {
        for (text, kind) in [
            ("Ocean freight Shenzhen - Los Angeles", LineKind::Freight),
            ("Versandkosten DHL", LineKind::Freight),
            ("Frais de port", LineKind::Freight),
            ("Import duty 4.2 %", LineKind::Duty),
            ("Zollgebühren", LineKind::Duty),
            ("Early payment discount", LineKind::Discount),
            ("Korting 10%", LineKind::Discount),
            ("VAT 20%", LineKind::Tax),
            ("Water bottle 32 oz", LineKind::Product),
            ("Ustensile de cuisine", LineKind::Product),
            ("送料", LineKind::Freight),
        ] {
            assert_eq!(of(text, false), kind, "{text}");
        }
    }

    #[test]
    fn goods_that_are_called_after_a_charge_are_goods() {
        for text in [
            "Heavy duty storage box",
            "Heavy Duty Water Bottle",
            "Shipping labels 4x6",
            "Transport cart",
            "Handling gloves",
            "Postage scale",
            "Delivery bag",
            "Coupon organizer",
            "Voucher booklet",
            "Versandtaschen C4",
            "Zollstock 2 m",
        ] {
            assert_eq!((of(text, true), of(text, false)), (LineKind::Product, LineKind::Product), "{text}");
        }
        assert_eq!(
            of("Handling robot arm", true),
            LineKind::Product,
            "it has a number, and its words are not those of charges"
        );
        for (text, kind) in [
            ("Shipping", LineKind::Freight),
            ("Express delivery DHL", LineKind::Freight),
            ("Sea freight Ningbo - Los Angeles", LineKind::Freight),
            ("Versandkosten", LineKind::Freight),
            ("Import duty 4.2 %", LineKind::Duty),
            ("Volume discount", LineKind::Discount),
            ("Voucher", LineKind::Discount),
            ("Shipping & handling", LineKind::Freight),
        ] {
            assert_eq!((of(text, true), of(text, false)), (kind, kind), "{text}");
        }
    }
}

//! What a line charges for, by the words of its description in the languages of the large markets.

use super::invoice::LineKind;

/// Words that decide when they begin a word of the description, the most telling kinds first.
const WORDS: &[(LineKind, &[&str])] = &[
    (
        LineKind::Discount,
        &[
            "discount",
            "rebate",
            "voucher",
            "coupon",
            "promotion",
            "promo code",
            "rabatt",
            "skonto",
            "gutschein",
            "nachlass",
            "remise",
            "rabais",
            "korting",
            "descuento",
            "sconto",
            "desconto",
            "rabat",
            "値引",
            "割引",
        ],
    ),
    (
        LineKind::Duty,
        &[
            "duty",
            "duties",
            "customs",
            "import fee",
            "import charge",
            "tariff",
            "zoll",
            "einfuhr",
            "douane",
            "droits de",
            "invoerrecht",
            "arancel",
            "aduana",
            "dazi",
            "dogana",
            "alfandeg",
            "関税",
            "cło",
        ],
    ),
    (
        LineKind::Freight,
        &[
            "shipping",
            "freight",
            "delivery",
            "postage",
            "carriage",
            "courier",
            "shipment",
            "handling",
            "versand",
            "fracht",
            "porto",
            "lieferkosten",
            "transport",
            "livraison",
            "frais de port",
            "expédition",
            "verzend",
            "bezorg",
            "envío",
            "gastos de env",
            "portes",
            "spedizion",
            "trasporto",
            "frete",
            "entrega",
            "wysyłk",
            "dostaw",
            "przesyłk",
            "送料",
            "配送",
        ],
    ),
    (
        LineKind::Tax,
        &[
            "vat",
            "sales tax",
            "gst",
            "igst",
            "cgst",
            "sgst",
            "mwst",
            "umsatzsteuer",
            "ust",
            "tva",
            "btw",
            "iva",
            "消費税",
        ],
    ),
];

/// Decides the kind of a line; an amount below nothing with no telling word stays what it is: goods taken back.
pub fn of(description: &str) -> LineKind {
    let text = description.to_lowercase();
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
    if text.split_whitespace().count() > 12 {
        return LineKind::Product;
    }
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| begins_word(word)))
        .map_or(LineKind::Product, |(kind, _)| *kind)
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
            assert_eq!(of(text), kind, "{text}");
        }
    }
}

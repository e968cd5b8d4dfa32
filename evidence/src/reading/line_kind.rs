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

/// Words that name a charge whatever the line is: goods are not called that, unless another word says what they are.
const SURE: &[&str] = &[
    "freight",
    "fracht",
    "shipping cost",
    "shipping fee",
    "shipping charge",
    "shipping &",
    "delivery cost",
    "delivery fee",
    "delivery charge",
    "lieferkosten",
    "versandkosten",
    "versandpauschale",
    "transportkosten",
    "frais de",
    "frete",
    "import duty",
    "import duties",
    "customs",
    "zollgebühr",
    "zollkosten",
    "droits de",
    "einfuhr",
    "discount",
    "rebate",
    "rabatt",
    "skonto",
    "descuento",
    "sconto",
    "korting",
    "sales tax",
    "vat",
    "mwst",
    "umsatzsteuer",
    "tva",
    "btw",
    "iva",
    "送料",
    "関税",
    "値引",
    "割引",
    "消費税",
];

/// What a charge is called beside its telling word: such words, places and carriers make no goods of it.
const COMPANIONS: &str = "cost costs charge charges fee fees service services express standard economy priority air sea ocean road rail land \
    international domestic import export to from of and & + via by the per on for fuel surcharge packing packaging insurance dhl ups fedex dpd \
    gls usps hermes tnt maersk amazon cif fob ddp dap kosten gebühr gebühren pauschale und nach von für inland ausland frais et pour vers gastos \
    y para envio spese e per kosten en voor naar store code off";

/// Goods that are called after what is done with them: "shipping labels", "Versandtasche", "coupon organizer".
const GOODS: &[&str] = &[
    "label",
    "bag",
    "box",
    "cart",
    "scale",
    "glove",
    "organizer",
    "organiser",
    "booklet",
    "tape",
    "envelope",
    "mailer",
    "pouch",
    "holder",
    "trolley",
    "stand",
    "toy",
    "album",
    "printer",
    "carton",
    "crate",
    "case",
    "wallet",
    "book",
    "shoe",
    "bottle",
    "backpack",
    "sticker",
    "stamp",
    "shelf",
    "rack",
    "etikett",
    "tasche",
    "karton",
    "beutel",
    "kiste",
    "waage",
    "handschuh",
    "étiquette",
    "etiqueta",
    "etichetta",
    "caja",
    "boîte",
    "chariot",
    "sac",
    "doos",
    "zak",
];

/// Telling words that say something else here.
const NOT_THAT: &[&str] = &[
    "heavy duty",
    "heavy-duty",
    "light duty",
    "light-duty",
    "medium duty",
    "duty free",
    "duty-free",
    "off duty",
    "extra duty",
    "duty belt",
    "free shipping",
    "free delivery",
    "zoll monitor",
    "zollstock",
];

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

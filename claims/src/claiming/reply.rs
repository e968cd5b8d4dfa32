//! What a mail of the marketplace says: by its words, its quotations left out. What is not plain is left to a person.

use shared_events::claims::ReplyKind;

use super::refusal::{Category, classify};

/// Domains whose mails are the marketplace's.
const DOMAINS: [&str; 19] = [
    "amazon.com",
    "amazon.ca",
    "amazon.com.mx",
    "amazon.com.br",
    "amazon.co.uk",
    "amazon.de",
    "amazon.fr",
    "amazon.it",
    "amazon.es",
    "amazon.nl",
    "amazon.se",
    "amazon.pl",
    "amazon.com.be",
    "amazon.com.tr",
    "amazon.ae",
    "amazon.sa",
    "amazon.in",
    "amazon.co.jp",
    "amazon.com.au",
];
/// Words of which all have to occur, in lower case.
const GRANTED: [&[&str]; 5] = [
    &["has been approved"],
    &["have approved"],
    &["we have issued", "reimbursement"],
    &["will be reimbursed"],
    &["you will receive", "reimbursement"],
];
const REFUSED: [&[&str]; 6] = [
    &["unable to", "reimburs"],
    &["not eligible"],
    &["has been denied"],
    &["have denied"],
    &["cannot approve"],
    &["already", "reimburs"],
];
const WANTING: [&[&str]; 5] =
    [&["please provide"], &["please attach"], &["additional information"], &["more information"], &["please send us"]];
const LOOKING: [&[&str]; 4] = [&["under review"], &["being reviewed"], &["investigating"], &["under investigation"]];
const HAVING: [&[&str]; 3] =
    [&["we have received your"], &["thank you for contacting"], &["your case has been created"]];

/// Whether an address is the marketplace's.
pub fn is_marketplace(address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
    DOMAINS.iter().any(|known| domain == *known || domain.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
}

/// Whether the receiving mail server says, in its `Authentication-Results`, that a mail is not from where it claims to be.
pub fn is_forged(results: &str) -> bool {
    let results = results.to_ascii_lowercase();
    let fails = |check: &str| results.contains(&format!("{check}=fail"));
    fails("dmarc") || (fails("spf") && fails("dkim"))
}

/// Whether the receiving mail server vouches, in its `Authentication-Results`, that a mail is from where it claims to be.
pub fn is_vouched_for(results: &str) -> bool {
    let results = results.to_ascii_lowercase();
    !is_forged(&results) && ["dmarc=pass", "dkim=pass"].iter().any(|check| results.contains(check))
}

/// What was written now: without what is quoted from before.
pub fn fresh(text: &str) -> String {
    let is_end = |line: &str| {
        let line = line.trim().to_ascii_lowercase();
        line.starts_with("-----original message")
            || line.starts_with("________________")
            || (line.starts_with("on ") && line.ends_with("wrote:"))
    };
    let lines = text.lines().take_while(|line| !is_end(line)).filter(|line| !line.trim_start().starts_with('>'));
    lines.collect::<Vec<_>>().join("\n")
}

/// What a mail says; none when that is not plain.
pub fn understand(text: &str) -> Option<ReplyKind> {
    let text = fresh(text).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |phrases: &[&[&str]]| phrases.iter().any(|words| words.iter().all(|word| text.contains(word)));
    let (granted, refused, wanting) = (says(&GRANTED), says(&REFUSED), says(&WANTING));
    match (granted, refused, wanting) {
        (true, false, false) => Some(ReplyKind::Approved),
        (false, true, false) => Some(ReplyKind::Denied),
        // A refusal for lack of something is a refusal: its category says what is to be brought.
        (false, true, true) if classify(&text) != Category::Unknown => Some(ReplyKind::Denied),
        (false, false, true) => Some(ReplyKind::InfoRequested),
        (false, false, false) if says(&LOOKING) => Some(ReplyKind::UnderReview),
        (false, false, false) if says(&HAVING) => Some(ReplyKind::Acknowledged),
        _ => None,
    }
}

/// What may be numbers of cases in a text: words with a digit, the first hundred of them.
pub fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    for word in words.map(|word| word.trim_matches('-')) {
        let fits = (3..=40).contains(&word.len()) && word.bytes().any(|byte| byte.is_ascii_digit());
        if fits && !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
        if found.len() == 100 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_told_apart() {
        for address in ["case@amazon.com", "x@marketplace.amazon.de", "A@SELLERCENTRAL.AMAZON.CO.UK"] {
            assert!(is_marketplace(address), "{address}");
        }
        for address in ["x@notamazon.com", "x@amazon.com.evil.example", "amazon.com", "x@"] {
            assert!(!is_marketplace(address), "{address}");
        }
        assert!(is_forged("mx.example; dmarc=fail header.from=amazon.com"));
        assert!(!is_forged("mx.example; spf=fail; dkim=pass; dmarc=pass"));
        assert!(is_vouched_for("mx.example; spf=fail; dkim=pass; dmarc=pass"));
        assert!(is_vouched_for("mx.example; DKIM=Pass header.d=amazon.com"));
        for silent in ["", "mx.example; none", "mx.example; spf=pass", "mx.example; dkim=pass; dmarc=fail"] {
            assert!(!is_vouched_for(silent), "{silent}");
        }
    }

    #[test]
    fn plain_words_are_understood_and_others_are_not() {
        let cases = [
            ("Your claim has been approved.", Some(ReplyKind::Approved)),
            ("We are unable to reimburse these units.", Some(ReplyKind::Denied)),
            ("We are unable to reimburse you. Please provide a copy of the invoice.", Some(ReplyKind::Denied)),
            ("Please provide the tracking number.", Some(ReplyKind::InfoRequested)),
            ("Your case is under review.", Some(ReplyKind::UnderReview)),
            ("Thank you for contacting Seller Support.", Some(ReplyKind::Acknowledged)),
            ("One unit has been approved, and the others are not eligible.", None),
            ("How was your experience?", None),
            ("We have received your request.\n> please provide the invoice", Some(ReplyKind::Acknowledged)),
            ("Under review.\n\nOn Tue, Ann wrote:\nIt has been approved", Some(ReplyKind::UnderReview)),
        ];
        for (text, kind) in cases {
            assert_eq!(understand(text), kind, "{text}");
        }
    }

    #[test]
    fn numbers_of_cases_are_found() {
        assert_eq!(numbers("Re: [Case 15902837461] FBA-15: units, -7-"), ["15902837461", "FBA-15"]);
    }
}

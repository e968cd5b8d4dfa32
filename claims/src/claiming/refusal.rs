//! Why a claim was refused, and what to do then.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a claim is sent again with what was missing.
pub const MOST_RESUBMISSIONS: i32 = 2;
/// How often a claim about a fee can be appealed against: the second answer is final.
pub const MOST_FEE_APPEALS: i32 = 1;

/// Why a claim was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A document is missing.
    MissingDocument,
    /// Too late, or too early.
    OutOfWindow,
    /// It is reimbursed already.
    AlreadyReimbursed,
    /// What was sent does not prove it.
    InsufficientEvidence,
    /// There is no claim.
    InvalidClaim,
    /// The words tell nothing.
    Unknown,
}

impl Category {
    /// The name in the database and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingDocument => "missing_document",
            Self::OutOfWindow => "out_of_window",
            Self::AlreadyReimbursed => "already_reimbursed",
            Self::InsufficientEvidence => "insufficient_evidence",
            Self::InvalidClaim => "invalid_claim",
            Self::Unknown => "unknown",
        }
    }
}

/// Words, in lower case, of which all have to occur, and what they mean. The first that fits counts.
const WORDS: [(&[&str], Category); 23] = [
    (&["already", "reimburs"], Category::AlreadyReimbursed),
    (&["previously", "reimburs"], Category::AlreadyReimbursed),
    (&["has been reimbursed"], Category::AlreadyReimbursed),
    (&["duplicate"], Category::AlreadyReimbursed),
    (&["outside", "window"], Category::OutOfWindow),
    (&["claim window"], Category::OutOfWindow),
    (&["deadline"], Category::OutOfWindow),
    (&["too late"], Category::OutOfWindow),
    (&["no longer eligible"], Category::OutOfWindow),
    (&["not yet eligible"], Category::OutOfWindow),
    // What an interface says about any request that it does not like.
    (&["invalidinput"], Category::InvalidClaim),
    (&["not sufficient"], Category::InsufficientEvidence),
    (&["insufficient"], Category::InsufficientEvidence),
    (&["does not match"], Category::InsufficientEvidence),
    (&["unable to verify"], Category::InsufficientEvidence),
    (&["missing"], Category::MissingDocument),
    (&["please provide"], Category::MissingDocument),
    (&["attach"], Category::MissingDocument),
    (&["invoice", "required"], Category::MissingDocument),
    (&["not eligible"], Category::InvalidClaim),
    (&["invalid"], Category::InvalidClaim),
    (&["no discrepancy"], Category::InvalidClaim),
    (&["reconciled"], Category::InvalidClaim),
];

/// Why, by the words of the answer.
pub fn classify(text: &str) -> Category {
    let text = text.to_lowercase();
    let fits = |(words, _): &&(&[&str], Category)| words.iter().all(|word| text.contains(word));
    WORDS.iter().find(fits).map_or(Category::Unknown, |(_, category)| *category)
}

/// What to do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask for what is missing and send it again.
    Mend,
    /// Close it; the money came already, so the reimbursement is looked for.
    Link,
    /// Close it.
    Close,
    /// Ask a person to read the answer.
    Ask,
}

/// What to do about a refusal of this category, after the claim was sent again `resubmitted` times; `of_fee`: whether it is about a fee.
pub const fn next(category: Category, resubmitted: i32, of_fee: bool) -> Next {
    let most = if of_fee { MOST_FEE_APPEALS } else { MOST_RESUBMISSIONS };
    match category {
        Category::MissingDocument | Category::InsufficientEvidence if resubmitted < most => Next::Mend,
        Category::MissingDocument | Category::InsufficientEvidence | Category::OutOfWindow | Category::InvalidClaim => {
            Next::Close
        }
        Category::AlreadyReimbursed => Next::Link,
        Category::Unknown => Next::Ask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_and_others_are_left_to_a_person() {
        let cases = [
            ("The units have already been reimbursed under case 1.", Category::AlreadyReimbursed),
            ("Your request is outside of the claim window.", Category::OutOfWindow),
            ("Please provide a copy of the supplier invoice", Category::MissingDocument),
            ("The document provided is not sufficient to verify ownership.", Category::InsufficientEvidence),
            ("This shipment is not eligible for reimbursement", Category::InvalidClaim),
            ("400; InvalidInputException: Request is missing or has invalid parameters", Category::InvalidClaim),
            ("Thank you for contacting us.", Category::Unknown),
        ];
        for (text, category) in cases {
            assert_eq!(classify(text), category, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_brought_twice_and_for_fees_once() {
        assert_eq!(next(Category::MissingDocument, 0, false), Next::Mend);
        assert_eq!(next(Category::InsufficientEvidence, 1, false), Next::Mend);
        assert_eq!(next(Category::MissingDocument, 2, false), Next::Close);
        assert_eq!(next(Category::InsufficientEvidence, 1, true), Next::Close);
        assert_eq!(next(Category::AlreadyReimbursed, 0, false), Next::Link);
        assert_eq!(next(Category::OutOfWindow, 0, false), Next::Close);
        assert_eq!(next(Category::Unknown, 0, false), Next::Ask);
    }
}

//! What Amazon's codes and words for reasons mean: one table of data, `data/reasons.json`. What it does not list stays as it
//! was written, for quarantine; nothing is guessed.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What an adjustment of the ledger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Units cannot be found (M, 5).
    Lost,
    /// Units were damaged in the fulfilment centre (6, 7, E, H, K, U).
    Damaged,
    /// Units turned up (F).
    Found,
    /// Units turned up, changed hands, or were given instead of money (N).
    FoundOrGiven,
    /// Units were disposed of (D, G).
    Disposed,
    /// Received wrongly, or reimbursed already (O).
    Correction,
    /// One half of a change of state (P, Q).
    StateChange,
    /// One half of a change of article (3, 4).
    ArticleChange,
}

/// The reason code of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LedgerReason {
    /// A code of the legend.
    Known(Movement),
    /// A code that the legend does not have.
    Unknown(String),
}

impl LedgerReason {
    /// Looks a code up.
    pub fn of(code: &str) -> Self {
        TABLE.codes.get(code).map_or_else(|| Self::Unknown(code.to_owned()), |movement| Self::Known(*movement))
    }
}

/// Why Amazon paid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReimbursementReason {
    /// Lost in a fulfilment centre.
    LostWarehouse,
    /// Damaged in a fulfilment centre.
    DamagedWarehouse,
    /// Lost on the way in.
    LostInbound,
    /// Damaged on the way in or while being received.
    DamagedInbound,
    /// Lost on the way to a customer.
    LostOutbound,
    /// Damaged on the way to a customer.
    DamagedOutbound,
    /// A customer was refunded and did not send it back, or it came back damaged.
    CustomerReturn,
    /// Customer service gave money back without need.
    CustomerService,
    /// Lost or damaged on the way back to the seller.
    Removal,
    /// A fee was corrected.
    Fee,
    /// A sum without a unit.
    General,
    /// An earlier reimbursement was taken back.
    Reversal,
    /// A word that the table does not have.
    #[serde(skip)]
    Unknown(String),
}

impl ReimbursementReason {
    /// Looks a word up, however it is spelt: `Lost_Warehouse`, `Lost:Warehouse`, `WAREHOUSE_LOST`.
    pub fn of(text: &str) -> Self {
        TABLE.words.get(&letters(text)).cloned().unwrap_or_else(|| Self::Unknown(text.to_owned()))
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_lowercase()).collect()
}

#[derive(Debug, Deserialize)]
struct File {
    version: String,
    ledger: Vec<Code>,
    reimbursement: Vec<Word>,
}

#[derive(Debug, Deserialize)]
struct Code {
    codes: Vec<String>,
    movement: Movement,
    meaning: String,
}

#[derive(Debug, Deserialize)]
struct Word {
    spellings: Vec<String>,
    reason: ReimbursementReason,
}

struct Table {
    version: String,
    codes: HashMap<String, Movement>,
    meanings: Vec<(String, Movement, String)>,
    words: HashMap<String, ReimbursementReason>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../data/reasons.json")).expect("checked by a test");
    let mut table = Table { version: file.version, codes: HashMap::new(), meanings: Vec::new(), words: HashMap::new() };
    for entry in file.ledger {
        for code in entry.codes {
            table.codes.insert(code.clone(), entry.movement);
            table.meanings.push((code, entry.movement, entry.meaning.clone()));
        }
    }
    for entry in file.reimbursement {
        let spellings = entry.spellings.iter().map(|text| (letters(text), entry.reason.clone()));
        table.words.extend(spellings);
    }
    table
});

/// The version of the table.
pub fn version() -> &'static str {
    &TABLE.version
}

/// The legend of ledger codes: code, movement and meaning.
pub fn legend() -> &'static [(String, Movement, String)] {
    &TABLE.meanings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_legend_means_what_the_trade_says() {
        let of = |codes: &str, movement| {
            for code in codes.split(' ') {
                assert_eq!(LedgerReason::of(code), LedgerReason::Known(movement), "{code}");
            }
        };
        of("M 5", Movement::Lost);
        of("6 7 E H K U", Movement::Damaged);
        of("F", Movement::Found);
        of("N", Movement::FoundOrGiven);
        of("D G", Movement::Disposed);
        of("O", Movement::Correction);
        of("P Q", Movement::StateChange);
        of("3 4", Movement::ArticleChange);
        assert_eq!(legend().len(), 17, "one meaning a code");
        assert_eq!(LedgerReason::of("Z"), LedgerReason::Unknown("Z".to_owned()));
        assert_eq!(LedgerReason::of("m"), LedgerReason::Unknown("m".to_owned()), "codes are capitals");
    }

    #[test]
    fn spellings_of_one_reason_are_one_and_unknown_ones_are_kept() {
        for text in ["Lost_Warehouse", "Lost:Warehouse", "WAREHOUSE_LOST"] {
            assert_eq!(ReimbursementReason::of(text), ReimbursementReason::LostWarehouse, "{text}");
        }
        for text in ["Reversal", "Reimbursement_Reversal", "REVERSAL_REIMBURSEMENT", "COMPENSATED_CLAWBACK"] {
            assert_eq!(ReimbursementReason::of(text), ReimbursementReason::Reversal, "{text}");
        }
        assert_eq!(ReimbursementReason::of("CustomerReturn"), ReimbursementReason::CustomerReturn);
        assert_eq!(ReimbursementReason::of("Lost_Moon"), ReimbursementReason::Unknown("Lost_Moon".to_owned()));
    }
}

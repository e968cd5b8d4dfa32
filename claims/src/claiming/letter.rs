//! What a claim says: the text that a channel sends, or that a person pastes.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared_events::money::Money;
use utoipa::ToSchema;

use super::checklist::Checklist;

/// What the text is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Our number of the claim.
    pub reference: &'a str,
    /// `fc_lost`, ...
    pub claim_type: &'a str,
    /// Country code.
    pub marketplace: &'a str,
    /// The subject, an object of texts.
    pub subject: &'a serde_json::Value,
    /// Units.
    pub units: i64,
    /// What is claimed.
    pub amount: Money,
    /// How it was worked out.
    pub arithmetic: &'a str,
    /// Which version of the policy it cites.
    pub policy_version: &'a str,
    /// When the clock started.
    pub clock_start: NaiveDate,
    /// Keys of the rows it rests on.
    pub rows: &'a [String],
    /// What it brings along.
    pub checklist: &'a Checklist,
    /// The case that it goes on in.
    pub case_id: Option<&'a str>,
}

/// A claim as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Letter {
    /// In one line.
    pub subject: String,
    /// The rest.
    pub body: String,
}

/// Rows that are named in the text; all of them are in the packet.
const MOST_ROWS: usize = 20;

/// Writes a claim. The same facts give the same text.
pub fn write(facts: &Facts<'_>) -> Letter {
    let what = facts.claim_type.replace('_', " ");
    let subject = match facts.case_id {
        Some(case) => format!("Case {case}: further information, our reference {}", facts.reference),
        None => format!("Reimbursement request: {what}, {} unit(s), {}", facts.units, facts.marketplace),
    };
    let mut body = vec![
        format!("We request a reimbursement of {} for {} unit(s): {what}.", facts.amount, facts.units),
        String::new(),
    ];
    if let Some(subject) = facts.subject.as_object() {
        let texts = subject.iter().filter_map(|(key, value)| value.as_str().map(|value| (key, value)));
        body.extend(texts.map(|(key, value)| format!("{}: {value}", key.replace('_', " "))));
    }
    body.push(format!("date: {}", facts.clock_start));
    body.push(format!("policy: {}", facts.policy_version));
    body.extend([String::new(), "How the amount was worked out:".to_owned(), facts.arithmetic.to_owned()]);
    body.extend([String::new(), format!("Rows of your reports ({}):", facts.rows.len())]);
    body.extend(facts.rows.iter().take(MOST_ROWS).map(|row| format!("- {row}")));
    body.extend([String::new(), "Enclosed:".to_owned()]);
    let enclosed = facts.checklist.0.iter().filter(|line| line.ok);
    body.extend(enclosed.map(|line| format!("- {}", line.item.name().replace('_', " "))));
    body.extend([String::new(), format!("Our reference: {}. Prepared with automated software.", facts.reference)]);
    Letter { subject, body: body.join("\n") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared_events::money::Currency;

    use super::*;
    use crate::policy::ClaimType;

    #[test]
    fn a_letter_says_what_how_much_and_why_and_that_software_wrote_it() {
        let (rows, subject) = (vec!["row-1".to_owned()], json!({"fnsku": "X001"}));
        let checklist = Checklist::of(ClaimType::FcLost, &subject, &[("ledger", "row")]);
        let facts = Facts {
            reference: "claim-1",
            claim_type: "fc_lost",
            marketplace: "US",
            subject: &subject,
            units: 6,
            amount: Money::new(5_940, Currency::USD),
            arithmetic: "16 lost - 5 found - 5 reimbursed = 6; 6 x 9.90 USD",
            policy_version: "us-2024-10-23",
            clock_start: "2026-01-20".parse().expect("a date"),
            rows: &rows,
            checklist: &checklist,
            case_id: None,
        };
        let letter = write(&facts);
        for part in
            ["59.40", "6 unit(s)", "fnsku: X001", "16 lost - 5 found", "us-2024-10-23", "row-1", "automated software"]
        {
            assert!(letter.body.contains(part), "{part} in {}", letter.body);
        }
        let again = write(&Facts { case_id: Some("123"), ..facts.clone() });
        assert!(again.subject.starts_with("Case 123"));
        assert_eq!(write(&facts), letter);
    }
}

//! Whether an XML document has the elements that its schema asks for, in their order, with values of the right type.
//!
//! The tables are derived from the published schemas by `grammar/derive.py`.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{NaiveDate, NaiveTime};
use roxmltree::Node;

use super::decimal::Decimal;
use super::refusal::Refusal;
use super::xml::{children, path_of, text};

/// A document format: its table and the namespaces that the table's letters stand for.
pub struct Grammar {
    types: HashMap<&'static str, Vec<Child>>,
    namespaces: &'static [(char, &'static str)],
    /// Every amount must name its currency.
    amounts_name_currency: bool,
    /// Elements stand in the table's order, and none is empty.
    strict: bool,
}

struct Child {
    letter: char,
    name: &'static str,
    kind: &'static str,
    required: bool,
    repeated: bool,
}

/// The namespaces of UBL below the root element.
const UBL_NAMESPACES: &[(char, &str)] = &[
    ('a', "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"),
    ('b', "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"),
    ('e', "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"),
];

/// The namespaces of the Cross Industry Invoice.
const CII_NAMESPACES: &[(char, &str)] = &[
    ('r', "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"),
    ('a', "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"),
];

/// Those of its draft D16A.
const CII_D16A_NAMESPACES: &[(char, &str)] = &[
    ('r', "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"),
    ('a', "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:19"),
];

impl Grammar {
    /// Universal Business Language 2.0 to 2.4, invoices and credit notes.
    pub fn ubl() -> &'static Self {
        static UBL: OnceLock<Grammar> = OnceLock::new();
        UBL.get_or_init(|| {
            let table = include_str!("../../grammar/ubl.txt");
            Self { amounts_name_currency: true, ..Self::read(table, UBL_NAMESPACES) }
        })
    }

    /// Cross Industry Invoice D16B to D22B, or its draft D16A when the root knows that namespace.
    pub fn cii(root: Node) -> &'static Self {
        static CII: OnceLock<Grammar> = OnceLock::new();
        static CII_D16A: OnceLock<Grammar> = OnceLock::new();
        let table = include_str!("../../grammar/cii.txt");
        if root
            .namespaces()
            .any(|known| CII_D16A_NAMESPACES.iter().any(|(letter, space)| *letter == 'a' && known.uri() == *space))
        {
            return CII_D16A.get_or_init(|| Self { strict: false, ..Self::read(table, CII_D16A_NAMESPACES) });
        }
        CII.get_or_init(|| Self::read(table, CII_NAMESPACES))
    }

    fn read(table: &'static str, namespaces: &'static [(char, &'static str)]) -> Self {
        let child = |word: &'static str| {
            let (letter, rest) = word.split_once(':').expect("derive.py writes a letter before each child");
            let (marked, kind) = rest.split_once(':').unwrap_or((rest, rest));
            let name = marked.trim_end_matches(['?', '*', '+']);
            Child {
                letter: letter.chars().next().expect("derive.py writes one letter"),
                name,
                kind: kind.trim_end_matches(['?', '*', '+']),
                required: !marked.ends_with(['?', '*']),
                repeated: marked.ends_with(['*', '+']),
            }
        };
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        let types = lines.filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.map(child).collect()))
        });
        Self { types: types.collect(), namespaces, amounts_name_currency: false, strict: true }
    }

    /// Checks a whole document whose root is of type `root`.
    ///
    /// # Errors
    /// The first rule that is broken, with the path of the element.
    pub fn check(&self, node: Node, root: &str) -> Result<(), Refusal> {
        let Some(expected) = self.types.get(root) else { return self.check_value(node, root) };
        if node.children().any(|child| child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty())) {
            return Err(invalid("schema-text", node, "holds text beside its elements"));
        }
        if !self.strict {
            return self.check_unordered(node, root, expected);
        }
        let mut next = 0;
        let mut seen = None;
        for child in children(node) {
            let found = expected[next..].iter().position(|wanted| self.is(child, wanted));
            let Some(skipped) = found else { return Err(self.misplaced(child, root, expected, next)) };
            let at = next + skipped;
            // What was passed over must be optional, but for the element that was just read.
            let passed = (next..at).find(|passed| expected[*passed].required && seen != Some(*passed));
            if let Some(passed) = passed {
                return Err(missing(node, &expected[passed]));
            }
            let wanted = &expected[at];
            if seen == Some(at) && !wanted.repeated {
                return Err(invalid("schema-duplicate", child, "may stand only once"));
            }
            seen = Some(at);
            next = at;
            if wanted.kind != "Any" {
                self.check(child, wanted.kind)?;
            }
        }
        match (next..expected.len()).find(|rest| expected[*rest].required && seen != Some(*rest)) {
            Some(rest) => Err(missing(node, &expected[rest])),
            None => Ok(()),
        }
    }

    /// The same for a format whose order changed: everything is known, complete, and no more often than it may be.
    fn check_unordered(&self, node: Node, parent: &str, expected: &[Child]) -> Result<(), Refusal> {
        for child in children(node) {
            let wanted = expected.iter().find(|wanted| self.is(child, wanted));
            let Some(wanted) = wanted else { return Err(self.misplaced(child, parent, expected, 0)) };
            if !wanted.repeated && children(node).filter(|other| self.is(*other, wanted)).count() > 1 {
                return Err(invalid("schema-duplicate", child, "may stand only once"));
            }
            self.check(child, wanted.kind)?;
        }
        let is_missing = |wanted: &&Child| wanted.required && !children(node).any(|child| self.is(child, wanted));
        expected.iter().find(is_missing).map_or(Ok(()), |wanted| Err(missing(node, wanted)))
    }

    fn is(&self, node: Node, wanted: &Child) -> bool {
        node.tag_name().name() == wanted.name
            && self
                .namespaces
                .iter()
                .any(|(letter, space)| *letter == wanted.letter && node.tag_name().namespace() == Some(space))
    }

    fn misplaced(&self, child: Node, parent: &str, expected: &[Child], next: usize) -> Refusal {
        let name = child.tag_name().name();
        if expected[..next].iter().any(|wanted| self.is(child, wanted)) {
            return invalid("schema-order", child, "stands too late, or a second time");
        }
        if expected.iter().any(|wanted| wanted.name == name) {
            let space = child.tag_name().namespace().unwrap_or("none");
            return invalid("schema-namespace", child, &format!("is in the wrong namespace ({space})"));
        }
        invalid("schema-element", child, &format!("is not allowed in {parent}"))
    }

    fn check_value(&self, node: Node, kind: &str) -> Result<(), Refusal> {
        let value = text(node).unwrap_or_default();
        if !self.strict && value.is_empty() && children(node).next().is_none() {
            return Ok(());
        }
        if matches!(kind, "Moment" | "Flag") {
            return check_composite(node, kind);
        }
        if let Some(child) = children(node).next() {
            return Err(invalid("schema-element", child, "is not allowed here"));
        }
        let fits = match kind {
            "Amount" | "Quantity" | "Percent" | "Rate" | "Numeric" | "Measure" => value.parse::<Decimal>().is_ok(),
            "Date" => is_date(&value),
            "Time" => is_time(&value),
            "Indicator" => matches!(value.as_str(), "true" | "false" | "0" | "1"),
            _ => true,
        };
        if !fits {
            let shown: String = value.chars().take(40).collect();
            return Err(invalid("schema-value", node, &format!("is no {}: {shown:?}", kind.to_lowercase())));
        }
        if kind == "Amount" && self.amounts_name_currency && node.attribute("currencyID").is_none() {
            return Err(invalid("schema-attribute", node, "has no currencyID"));
        }
        Ok(())
    }
}

/// The date and yes-no types of the Cross Industry Invoice, which hold one element with the value.
fn check_composite(node: Node, kind: &str) -> Result<(), Refusal> {
    let mut inner = children(node);
    let (Some(value), None) = (inner.next(), inner.next()) else {
        return Err(invalid("schema-value", node, "must hold exactly one value"));
    };
    let name = value.tag_name().name();
    let written = text(value).unwrap_or_default();
    let fits = match (kind, name) {
        ("Flag", "Indicator") => matches!(written.as_str(), "true" | "false" | "0" | "1"),
        ("Flag", "IndicatorString") => !written.is_empty(),
        ("Moment", "DateTimeString" | "DateString" | "TimeString") => {
            value.attribute("format") != Some("102") || NaiveDate::parse_from_str(&written, "%Y%m%d").is_ok()
        }
        ("Moment", "DateTime") => written.get(..10).is_some_and(is_date),
        ("Moment", "Date") => is_date(&written),
        ("Moment", "Time") => is_time(&written),
        _ => return Err(invalid("schema-element", value, "is not allowed here")),
    };
    let shown: String = written.chars().take(40).collect();
    if fits { Ok(()) } else { Err(invalid("schema-value", value, &format!("is no valid value: {shown:?}"))) }
}

/// `2025-01-31`, perhaps followed by a time zone.
fn is_date(value: &str) -> bool {
    let (day, zone) = value.split_at_checked(10).unwrap_or((value, ""));
    let zone_fits = zone.is_empty() || zone == "Z" || (zone.len() == 6 && zone.starts_with(['+', '-']));
    zone_fits && NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok()
}

/// `11:32:26`, perhaps with a fraction or a time zone.
fn is_time(value: &str) -> bool {
    value.split_at_checked(8).is_some_and(|(time, _)| NaiveTime::parse_from_str(time, "%H:%M:%S").is_ok())
}

fn missing(node: Node, child: &Child) -> Refusal {
    invalid("schema-missing", node, &format!("has no {}", child.name))
}

fn invalid(rule: &str, node: Node, what: &str) -> Refusal {
    Refusal::invalid(rule, format!("{} {what}", path_of(node)))
}

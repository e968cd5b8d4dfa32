//! Puts a finding together: rows, arithmetic, window, status.

use chrono::{DateTime, NaiveDate, Utc};
use shared_events::money::Money;

use super::books::Books;
use super::finding::{Finding, Status, UsedRow};
use super::lots::Lot;
use super::valuation::Valued;
use crate::marketplace::Marketplace;
use crate::policy::{ClaimType, Window};
use crate::reports::RowKey;

/// A finding in the making.
#[derive(Debug)]
pub(crate) struct Report {
    claim_type: ClaimType,
    marketplace: Marketplace,
    subject: String,
    article: (Option<String>, Option<String>),
    clock: NaiveDate,
    units: i64,
    /// Of `units`: those that Amazon still looks for.
    waiting: i64,
    rows: Vec<UsedRow>,
    value: Valued,
    arithmetic: Vec<String>,
}

impl Report {
    /// What is left of lots of one day and place.
    pub(crate) fn of_lots(claim_type: ClaimType, subject: &str, lots: &[&Lot], value: Valued) -> Self {
        let left = lots.iter().map(|lot| lot.left).sum();
        let mut arithmetic = Vec::new();
        for lot in lots {
            arithmetic.push(lot.words.clone());
            arithmetic.extend(lot.settled.iter().cloned());
        }
        arithmetic.push(format!("leaves {left}"));
        Self {
            claim_type,
            marketplace: lots[0].marketplace,
            subject: subject.to_owned(),
            article: (None, None),
            clock: lots[0].clock,
            units: left,
            waiting: lots.iter().map(|lot| lot.waiting).sum(),
            rows: lots.iter().map(|lot| UsedRow { key: lot.key, units: lot.left }).collect(),
            value,
            arithmetic,
        }
    }

    /// One amount.
    pub(crate) fn of_amount(
        claim_type: ClaimType,
        subject: &str,
        at: (Marketplace, NaiveDate),
        key: RowKey,
        value: Valued,
    ) -> Self {
        Self {
            claim_type,
            marketplace: at.0,
            subject: subject.to_owned(),
            article: (None, None),
            clock: at.1,
            units: 1,
            waiting: 0,
            rows: vec![UsedRow { key, units: 1 }],
            value,
            arithmetic: Vec::new(),
        }
    }

    pub(crate) fn article(mut self, fnsku: &str, sku: &str) -> Self {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        self.article = (some(fnsku), some(sku));
        self
    }

    /// Rows that were looked at and of which nothing is claimed.
    pub(crate) fn also(&mut self, rows: impl IntoIterator<Item = RowKey>) {
        self.rows.extend(rows.into_iter().map(|key| UsedRow { key, units: 0 }));
    }

    pub(crate) fn finish(mut self, books: &Books, now: DateTime<Utc>) -> Finding {
        let window = Window::of(books.policy, self.marketplace, self.claim_type, self.clock);
        let auto = window.as_ref().and_then(|window| window.auto_until);
        // While some units are looked for, the others can be claimed; when all are, the finding waits.
        let all_wait = self.waiting >= self.units && self.waiting > 0;
        if self.waiting > 0 && !all_wait {
            self.arithmetic.push(format!("less {} that Amazon is still looking for", self.waiting));
            self.units -= self.waiting;
            self.hold_back();
        }
        let status = match &window {
            None => Status::Review,
            Some(window) if window.is_over(now) => Status::Expired,
            Some(_) if all_wait => Status::Researching,
            Some(window) if now < window.opens_at => Status::NotYetOpen,
            Some(_) if auto.is_some_and(|until| now < until) => Status::AwaitingAuto,
            Some(_) if self.value.unit.is_none() => Status::Review,
            Some(_) => Status::Claimable,
        };
        let expected_value = self.value.unit.map(|unit| Money::new(unit.minor * self.units, unit.currency));
        self.arithmetic.push(self.value.words);
        if let (Some(unit), Some(total)) = (self.value.unit, expected_value) {
            self.arithmetic.push(format!("{} x {unit} = {total}", self.units));
        }
        if window.is_none() {
            self.arithmetic.push(format!("no policy is known for {} on {}", self.marketplace.code(), self.clock));
        }
        Finding {
            claim_type: self.claim_type,
            marketplace: self.marketplace,
            subject: self.subject,
            fnsku: self.article.0,
            sku: self.article.1,
            units: self.units,
            rows: self.rows,
            basis: self.value.basis,
            unit_value: self.value.unit,
            expected_value,
            safe_file_by: window.as_ref().map(|window| window.safe_file_by(now)),
            window,
            status,
            arithmetic: self.arithmetic,
        }
    }

    /// Takes waiting units off the last rows.
    fn hold_back(&mut self) {
        let mut waiting = self.waiting;
        for row in self.rows.iter_mut().rev() {
            let held = waiting.min(row.units);
            row.units -= held;
            waiting -= held;
        }
    }
}

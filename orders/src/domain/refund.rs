//! How much of an order is paid back: all of it, by line, or an amount; never more than was captured.

use shared_events::outcome::Rejection;

/// A line as a refund sees it, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its number within the order.
    pub number: i32,
    /// How many were bought.
    pub quantity: i64,
    /// How many of them have left; what has not is no matter of refunds yet.
    pub sent_quantity: i64,
    /// How many of them were refunded.
    pub refunded_quantity: i64,
    /// What the line came to, tax included.
    pub gross_minor: i64,
    /// What of that was refunded by line.
    pub refunded_minor: i64,
    /// What the line came to, without tax.
    pub net_minor: i64,
}

/// An order's money as a refund sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// What was captured.
    pub captured_minor: i64,
    /// What was refunded or is being refunded.
    pub refunded_minor: i64,
    /// What the order comes to.
    pub grand_minor: i64,
    /// What its goods come to, without tax and shipping.
    pub goods_minor: i64,
    /// What of the goods was refunded or is being refunded.
    pub goods_refunded_minor: i64,
    /// The lines.
    pub lines: Vec<Line>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// All that is left.
    Whole,
    /// So many of these lines: number and quantity.
    Lines(Vec<(i32, i64)>),
    /// An amount, of no line in particular.
    Amount(i64),
}

/// What is paid back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// In all.
    pub amount_minor: i64,
    /// Of it for goods, without tax and shipping: what others were paid for on account of the goods is taken back by this.
    pub goods_minor: i64,
    /// Of it by line: number, quantity, amount.
    pub lines: Vec<(i32, i64, i64)>,
}

impl Books {
    /// What can still be paid back.
    pub const fn left(&self) -> i64 {
        self.captured_minor - self.refunded_minor
    }

    /// Works a refund out.
    ///
    /// # Errors
    /// `nothing_to_refund_conflict`, `refund_too_large`, `unknown_line` or `invalid_quantity`, with the field.
    pub fn refund(&self, wish: &Wish) -> Result<Refund, Rejection> {
        let left = self.left();
        if left <= 0 {
            let detail = if self.captured_minor == 0 { "nothing was captured yet" } else { "everything was paid back" };
            return Err(Rejection::new("nothing_to_refund_conflict", detail));
        }
        let refund = match wish {
            Wish::Whole => self.whole(),
            Wish::Amount(amount_minor) => {
                Refund { amount_minor: *amount_minor, goods_minor: self.share_of_goods(*amount_minor), lines: vec![] }
            }
            Wish::Lines(lines) => self.by_line(lines)?,
        };
        if refund.amount_minor <= 0 {
            return Err(Rejection::new("invalid_amount", "the amount must be greater than zero").at("amount"));
        }
        if refund.amount_minor > left {
            return Err(
                Rejection::new("refund_too_large", "more than what was captured and not paid back yet").at("amount")
            );
        }
        Ok(refund)
    }

    fn whole(&self) -> Refund {
        let open = self.lines.iter().filter(|line| line.open() > 0);
        let lines = open.map(|line| (line.number, line.open(), line.part(line.open()))).collect();
        // Where not all was captured, what was never taken is no part of it.
        Refund { amount_minor: self.left(), goods_minor: self.share_of_goods(self.left()), lines }
    }

    /// What of the goods has not gone back.
    const fn goods_left(&self) -> i64 {
        let left = self.goods_minor - self.goods_refunded_minor;
        if left < 0 { 0 } else { left }
    }

    /// The goods' share of an amount of no line in particular: in proportion to what is left, so that the last amount takes the rest.
    fn share_of_goods(&self, amount_minor: i64) -> i64 {
        let left = self.grand_minor - self.refunded_minor;
        if amount_minor >= left {
            return self.goods_left();
        }
        let share = i128::from(self.goods_left()) * i128::from(amount_minor.max(0)) / i128::from(left.max(1));
        i64::try_from(share).unwrap_or_default()
    }

    fn by_line(&self, wanted: &[(i32, i64)]) -> Result<Refund, Rejection> {
        let mut refund = Refund { amount_minor: 0, goods_minor: 0, lines: Vec::new() };
        for (index, (number, quantity)) in wanted.iter().enumerate() {
            let field = format!("lines[{index}]");
            let line = self.lines.iter().find(|line| line.number == *number);
            let line = line
                .ok_or_else(|| Rejection::new("unknown_line", format!("the order has no line {number}")).at(&field))?;
            let repeated = refund.lines.iter().any(|(seen, ..)| seen == number);
            let open = line.open();
            if repeated || *quantity <= 0 || *quantity > open {
                let detail = format!("line {number} has {open} left to refund; each line may be named once");
                return Err(Rejection::new("invalid_quantity", detail).at(&format!("{field}.quantity")));
            }
            let minor = line.part(*quantity);
            refund.amount_minor += minor;
            refund.goods_minor += line.net_part(*quantity);
            refund.lines.push((*number, *quantity, minor));
        }
        if refund.lines.is_empty() {
            return Err(Rejection::new("invalid_quantity", "name at least one line").at("lines"));
        }
        // Amounts of no line may have taken some of the goods before.
        refund.goods_minor = refund.goods_minor.min(self.goods_left());
        Ok(refund)
    }
}

impl Line {
    /// How many pieces can be refunded: those that have left and were not.
    const fn open(&self) -> i64 {
        self.sent_quantity - self.refunded_quantity
    }

    /// What the next `quantity` pieces come to without tax: differences of whole sums, as [`Line::part`].
    fn net_part(&self, quantity: i64) -> i64 {
        let upto = |pieces: i64| i128::from(self.net_minor) * i128::from(pieces) / i128::from(self.quantity.max(1));
        i64::try_from(upto(self.refunded_quantity + quantity) - upto(self.refunded_quantity)).unwrap_or_default()
    }

    /// What the next `quantity` pieces come to: what all refunded ones come to then, less what they came to before. So the last
    /// piece takes what rounding left.
    fn part(&self, quantity: i64) -> i64 {
        let upto = i128::from(self.gross_minor) * i128::from(self.refunded_quantity + quantity)
            / i128::from(self.quantity.max(1));
        i64::try_from(upto).unwrap_or(i64::MAX) - self.refunded_minor
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn books() -> Books {
        let line = |number, quantity, gross_minor| Line {
            number,
            quantity,
            sent_quantity: quantity,
            refunded_quantity: 0,
            gross_minor,
            refunded_minor: 0,
            net_minor: gross_minor - gross_minor / 10,
        };
        let lines = vec![line(1, 2, 4_318), line(2, 1, 2_160)];
        let goods_minor = lines.iter().map(|line| line.net_minor).sum();
        Books {
            captured_minor: 7_477,
            refunded_minor: 0,
            grand_minor: 7_477,
            goods_minor,
            goods_refunded_minor: 0,
            lines,
        }
    }

    fn code(wish: &Wish) -> String {
        books().refund(wish).expect_err("refused").code
    }

    #[test]
    fn what_has_not_left_is_not_refunded() {
        let mut part = Books { captured_minor: 4_000, ..books() };
        (part.lines[0].sent_quantity, part.lines[1].sent_quantity) = (1, 0);
        let whole = part.refund(&Wish::Whole).expect("fits");
        assert_eq!((whole.amount_minor, whole.lines), (4_000, vec![(1, 1, 2_159)]));
        assert_eq!(part.refund(&Wish::Lines(vec![(2, 1)])).expect_err("refused").code, "invalid_quantity");
    }

    #[test]
    fn whole_by_line_and_in_part() {
        assert_eq!(books().refund(&Wish::Whole).map(|refund| refund.amount_minor), Ok(7_477));
        let one = books().refund(&Wish::Lines(vec![(1, 1)]));
        assert_eq!(one, Ok(Refund { amount_minor: 2_159, goods_minor: 1_943, lines: vec![(1, 1, 2_159)] }));
        assert_eq!(books().refund(&Wish::Amount(1)).map(|refund| refund.lines), Ok(vec![]));
    }

    #[test]
    fn goods_go_back_with_their_lines_and_not_with_tax_or_shipping() {
        // 60.00 of goods and 10.00 of shipping: the lamp is 45.00 of the goods, whatever was paid in all.
        let line = |number, net_minor| Line {
            number,
            quantity: 1,
            sent_quantity: 1,
            refunded_quantity: 0,
            gross_minor: net_minor,
            refunded_minor: 0,
            net_minor,
        };
        let books = Books {
            captured_minor: 7_000,
            refunded_minor: 0,
            grand_minor: 7_000,
            goods_minor: 6_000,
            goods_refunded_minor: 0,
            lines: vec![line(1, 4_500), line(2, 1_500)],
        };
        let goods = |books: &Books, wish: &Wish| books.refund(wish).expect("possible").goods_minor;
        assert_eq!(goods(&books, &Wish::Lines(vec![(1, 1)])), 4_500);
        assert_eq!(goods(&books, &Wish::Whole), 6_000);
        assert_eq!(goods(&books, &Wish::Amount(3_500)), 3_000);
        // Half of it went back before, of no line in particular: what the lamp came to is more than the goods that are left.
        let later = Books { refunded_minor: 3_500, goods_refunded_minor: 3_000, ..books };
        assert_eq!(later.refund(&Wish::Lines(vec![(1, 1)])).expect_err("too much").code, "refund_too_large");
        assert_eq!(goods(&later, &Wish::Whole), 3_000);
        assert_eq!(goods(&later, &Wish::Lines(vec![(2, 1)])), 1_500);
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(code(&Wish::Amount(7_478)), "refund_too_large");
        assert_eq!(code(&Wish::Amount(0)), "invalid_amount");
        assert_eq!(code(&Wish::Lines(vec![(3, 1)])), "unknown_line");
        assert_eq!(code(&Wish::Lines(vec![(1, 3)])), "invalid_quantity");
        assert_eq!(code(&Wish::Lines(vec![(1, 1), (1, 1)])), "invalid_quantity");
        assert_eq!(code(&Wish::Lines(vec![])), "invalid_quantity");
        let done = Books { refunded_minor: 7_477, ..books() };
        assert_eq!(done.refund(&Wish::Whole).expect_err("refused").code, "nothing_to_refund_conflict");
    }

    proptest! {
        #[test]
        fn never_more_than_was_captured_and_line_by_line_it_comes_out_even(
            quantities in prop::collection::vec(1_i64..6, 1..5), unit in 1_i64..10_000, wishes in prop::collection::vec((0_usize..5, 1_i64..3), 0..30)
        ) {
            let lines: Vec<Line> = quantities.iter().enumerate().map(|(index, quantity)| Line {
                number: index as i32 + 1, quantity: *quantity, sent_quantity: *quantity, refunded_quantity: 0, gross_minor: quantity * unit + 1, refunded_minor: 0,
                net_minor: quantity * unit,
            }).collect();
            let goods: i64 = lines.iter().map(|line| line.gross_minor).sum();
            let goods_minor: i64 = lines.iter().map(|line| line.net_minor).sum();
            let mut books = Books {
                captured_minor: goods + 999, refunded_minor: 0, grand_minor: goods + 999, goods_minor, goods_refunded_minor: 0, lines
            };
            let take = |books: &mut Books, wish: &Wish| {
                if let Ok(refund) = books.refund(wish) {
                    books.refunded_minor += refund.amount_minor;
                    books.goods_refunded_minor += refund.goods_minor;
                    for (number, quantity, minor) in refund.lines {
                        let line = &mut books.lines[number as usize - 1];
                        line.refunded_quantity += quantity;
                        line.refunded_minor += minor;
                    }
                }
            };
            for (line, quantity) in wishes {
                take(&mut books, &Wish::Lines(vec![(line as i32 + 1, quantity)]));
                prop_assert!(books.left() >= 999);
            }
            for line in &books.lines {
                prop_assert!(line.refunded_minor <= line.gross_minor);
                prop_assert_eq!(line.refunded_quantity == line.quantity, line.refunded_minor == line.gross_minor);
            }
            take(&mut books, &Wish::Whole);
            prop_assert_eq!((books.left(), books.goods_refunded_minor), (0, books.goods_minor));
            prop_assert!(books.refund(&Wish::Amount(1)).is_err());
        }
    }
}

//! What has to be undone when an order is given up: only what this order took.

/// What of an order has to be undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Stock is set aside for it.
    pub reserved: bool,
    /// Money is promised to it, or may be: an authorisation was begun and its end is not known.
    pub authorized: bool,
    /// So much of the money was taken by this order, in minor units.
    pub captured_minor: i64,
    /// Labels were bought.
    pub labelled: bool,
}

/// One thing that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compensation {
    /// Bought labels are given back.
    VoidLabels,
    /// The promise of money is given back.
    VoidAuthorization,
    /// What this order took is paid back; never what another took.
    Refund,
    /// Stock is free again.
    ReleaseStock,
    /// The customer is told.
    Notify,
}

impl Compensation {
    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VoidLabels => "void_labels",
            Self::VoidAuthorization => "void_authorization",
            Self::Refund => "refund",
            Self::ReleaseStock => "release_stock",
            Self::Notify => "notify",
        }
    }
}

/// What has to be undone, in order: what is nearest to the outside first, stock before the customer is told.
pub fn undo(taken: Taken) -> Vec<Compensation> {
    let list = [
        (taken.labelled, Compensation::VoidLabels),
        (taken.captured_minor > 0, Compensation::Refund),
        (taken.authorized && taken.captured_minor == 0, Compensation::VoidAuthorization),
        (taken.reserved, Compensation::ReleaseStock),
        (true, Compensation::Notify),
    ];
    list.into_iter().filter_map(|(needed, compensation)| needed.then_some(compensation)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_taken_is_undone() {
        let cases = [
            (Taken::default(), vec![Compensation::Notify]),
            (Taken { reserved: true, ..Taken::default() }, vec![Compensation::ReleaseStock, Compensation::Notify]),
            (
                Taken { reserved: true, authorized: true, labelled: true, captured_minor: 0 },
                vec![
                    Compensation::VoidLabels,
                    Compensation::VoidAuthorization,
                    Compensation::ReleaseStock,
                    Compensation::Notify,
                ],
            ),
            (
                Taken { reserved: true, authorized: true, labelled: false, captured_minor: 1 },
                vec![Compensation::Refund, Compensation::ReleaseStock, Compensation::Notify],
            ),
        ];
        for (taken, wanted) in cases {
            assert_eq!(undo(taken), wanted);
        }
    }
}

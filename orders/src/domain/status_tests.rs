//! The machine, walked step by step and at random.

use proptest::prelude::*;

use super::*;

const CHANGES: [Change; 16] = [
    Change::Validate,
    Change::Hold,
    Change::Release,
    Change::Confirm,
    Change::Allocate,
    Change::Deallocate,
    Change::Authorize,
    Change::Deauthorize,
    Change::Fulfil,
    Change::ShipPart,
    Change::ShipRest,
    Change::Deliver,
    Change::Complete,
    Change::Cancel,
    Change::Return,
    Change::RefundAll,
];

#[test]
fn the_usual_way_is_open() {
    let way = [
        Change::Validate,
        Change::Confirm,
        Change::Allocate,
        Change::Authorize,
        Change::Fulfil,
        Change::ShipPart,
        Change::ShipRest,
        Change::Deliver,
        Change::Complete,
    ];
    let end = way.into_iter().try_fold(Standing::at(Status::Placed), Standing::after);
    assert_eq!(end, Ok(Standing::at(Status::Completed)));
}

#[test]
fn a_person_may_name_some_statuses_and_the_process_brings_the_others() {
    let shipped = Standing::at(Status::Shipped);
    assert_eq!(shipped.meant_by(Status::Delivered), Ok(Change::Deliver));
    for wrong in [Status::Cancelled, Status::Placed, Status::Completed, Status::Shipped, Status::Refunded] {
        assert_eq!(shipped.meant_by(wrong).expect_err("refused").code, "order_state_conflict", "{wrong:?}");
    }
    let held = Standing::at(Status::Allocated).after(Change::Hold).expect("possible");
    assert_eq!(held.meant_by(Status::Allocated), Ok(Change::Release));
    assert!(held.meant_by(Status::Confirmed).is_err());
}

#[test]
fn names_are_read_back() {
    for status in Status::ALL {
        assert_eq!(Status::from_name(status.name()), Some(status));
    }
}

proptest! {
    #[test]
    fn holding_and_releasing_changes_nothing_and_what_was_sent_is_never_cancelled(
        changes in prop::collection::vec(prop::sample::select(CHANGES.to_vec()), 0..40)
    ) {
        let mut standing = Standing::at(Status::Placed);
        let mut sent = false;
        for change in changes {
            if let Ok(next) = standing.after(change) {
                sent |= matches!(change, Change::ShipPart | Change::ShipRest);
                standing = next;
            }
            prop_assert_eq!(standing.held_from.is_some(), standing.status == Status::OnHold);
            prop_assert!(!(sent && standing.status == Status::Cancelled));
            if let Ok(held) = standing.after(Change::Hold) {
                prop_assert_eq!(held.after(Change::Release), Ok(standing));
            }
        }
    }
}

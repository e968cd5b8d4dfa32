//! The process manager's decisions, walked at random: an order never stands still without somebody to wait for.

use proptest::prelude::*;

use super::super::status::{Standing, Status};
use super::*;

#[test]
fn the_usual_way_goes_through_every_step_in_order() {
    let mut progress = Progress::default();
    let mut standing = Standing::at(Status::Placed).after(Change::Validate).expect("possible");
    for (index, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(progress.next(), Some(step));
        if step == Step::Close {
            assert_eq!(progress.then(), Next::Delivery);
            standing = standing.after(Change::Deliver).expect("possible");
        }
        let decision = decide(progress, step, Report::Done);
        for change in &decision.changes {
            standing = standing.after(*change).expect("the machine allows what the process does");
        }
        progress = decision.progress;
        assert_eq!(progress.next(), Step::ALL.get(index + 1).copied());
    }
    assert_eq!((progress.then(), standing.status), (Next::End, Status::Completed));
}

#[test]
fn what_lapsed_is_done_again_before_anything_is_sent() {
    let all = Step::ALL[..9].iter().fold(Progress::default(), |progress, step| progress.with(*step));
    assert_eq!(all.next(), Some(Step::CapturePayment));
    assert_eq!(all.authorization_lapsed().next(), Some(Step::AuthorizePayment));
    assert_eq!(all.reservation_lapsed().next(), Some(Step::ReserveStock));
    let renewed = decide(all.authorization_lapsed(), Step::AuthorizePayment, Report::Done);
    assert_eq!(
        (renewed.changes, renewed.next),
        (vec![Change::Authorize, Change::Fulfil], Next::Run(Step::CapturePayment, 0))
    );
}

#[test]
fn money_and_stock_are_never_skipped() {
    let at =
        |step: Step| Step::ALL.into_iter().take_while(|other| *other != step).fold(Progress::default(), Progress::with);
    for step in Step::ALL {
        assert_eq!(check_skip(at(step), step).is_ok(), step.can_be_skipped(), "{step:?}");
    }
    assert_eq!(check_skip(at(Step::Approve), Step::Notify).expect_err("refused").code, "step_conflict");
}

#[test]
fn progress_survives_the_database() {
    let all = Step::ALL.into_iter().fold(Progress::default(), Progress::with);
    assert_eq!(Progress::from_bits(all.bits()), all);
    assert_eq!(Progress::from_bits(-1), all);
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        6 => Just(Report::Done),
        1 => Just(Report::Held(HoldReason::Trouble)),
        1 => (0_i64..100).prop_map(Report::Later),
        1 => Just(Report::Failed),
    ]
}

proptest! {
    #[test]
    fn an_order_always_waits_for_something(reports in prop::collection::vec((report(), any::<bool>()), 1..80)) {
        let mut progress = Progress::default();
        let mut standing = Standing::at(Status::Placed).after(Change::Validate).expect("possible");
        for (report, lapses) in reports {
            if lapses && progress.has(Step::AuthorizePayment) && !progress.has(Step::CapturePayment) {
                progress = progress.authorization_lapsed();
                standing = standing.after(Change::Deauthorize).expect("possible before dispatch");
            }
            let Some(step) = progress.next() else { break };
            // Money is taken and what was sent is told and closed: nothing to give up any more.
            let report = if step > Step::CapturePayment { Report::Done } else { report };
            if step == Step::Close {
                standing = standing.after(Change::Deliver).expect("it was shipped");
            }
            let decision = decide(progress, step, report);
            for change in &decision.changes {
                standing = standing.after(*change).expect("the machine allows what the process does");
            }
            progress = decision.progress;
            match decision.next {
                Next::Person(at) => {
                    prop_assert_eq!((at, standing.status), (step, Status::OnHold));
                    standing = standing.after(Change::Release).expect("held");
                }
                Next::Run(next, seconds) => prop_assert!(progress.next() == Some(next) && seconds >= 0),
                Next::Delivery => prop_assert_eq!(standing.status, Status::Shipped),
                Next::Undo => {
                    prop_assert_eq!(standing.status, Status::Cancelled);
                    break;
                }
                Next::End => prop_assert_eq!(standing.status, Status::Completed),
            }
        }
    }
}

//! No way through the states skips a guard.

use proptest::prelude::*;

use super::*;

const STEPS: [Step; 28] = [
    Step::AskPerson,
    Step::StopAsking,
    Step::Complete,
    Step::MissAgain,
    Step::AskApproval,
    Step::Decline,
    Step::Queue,
    Step::Send,
    Step::TryAgain,
    Step::Lose,
    Step::NeverArrived,
    Step::AppealNeverArrived,
    Step::Arrive,
    Step::ArriveAgain,
    Step::GiveUp,
    Step::Acknowledge,
    Step::AskMore,
    Step::Review,
    Step::Grant,
    Step::GrantPart,
    Step::Deny,
    Step::Mend,
    Step::Confirm,
    Step::Seal,
    Step::Charge,
    Step::Reverse,
    Step::Withdraw,
    Step::Expire,
];

#[test]
fn the_straight_way_leads_from_evidence_to_the_fee() {
    let way = [
        Step::AskPerson,
        Step::Complete,
        Step::AskApproval,
        Step::Queue,
        Step::Send,
        Step::Arrive,
        Step::Acknowledge,
        Step::AskMore,
        Step::Review,
        Step::Grant,
        Step::Confirm,
        Step::Seal,
        Step::Charge,
        Step::Reverse,
    ];
    let end = way.into_iter().fold(State::EvidencePending, |state, step| {
        state.after(step).unwrap_or_else(|| panic!("{step:?} from {state:?}"))
    });
    assert_eq!(end, State::Reversed);
}

#[test]
fn what_may_have_arrived_is_never_sent_or_withdrawn_or_expired() {
    for step in [Step::Send, Step::Queue, Step::TryAgain, Step::Withdraw, Step::Expire] {
        assert_eq!(State::SubmitUnknown.after(step), None, "{step:?}");
    }
    for state in State::ALL.iter().filter(|state| !state.is_unsent()) {
        assert_eq!(state.after(Step::Withdraw), None, "{state:?}");
    }
}

#[test]
fn names_are_told_apart_and_read_back() {
    for state in State::ALL {
        assert_eq!(State::from_name(state.name()), Some(*state));
        assert_eq!(serde_json::json!(state), serde_json::json!(state.name()));
    }
    assert_eq!(State::from_name("lost"), None);
}

proptest! {
    /// However it goes: units given back are never taken again by the same claim, money is confirmed before a packet is sealed, a
    /// packet before a fee, and nothing is sent twice without an answer in between.
    #[test]
    fn no_way_skips_a_guard(steps in prop::collection::vec(0..STEPS.len(), 0..60)) {
        let (mut state, mut unanswered, mut confirmed, mut sealed) = (State::EvidencePending, false, false, false);
        for step in steps.into_iter().map(|index| STEPS[index]) {
            let Some(next) = state.after(step) else { continue };
            prop_assert!(state.holds_units(), "{state:?} is final");
            if step == Step::Send {
                prop_assert!(!unanswered, "sent twice");
                unanswered = true;
            }
            if !matches!(step, Step::Send | Step::Lose) {
                unanswered = false;
            }
            confirmed |= step == Step::Confirm;
            sealed |= step == Step::Seal;
            prop_assert!(confirmed || step != Step::Seal);
            prop_assert!(sealed || step != Step::Charge);
            state = next;
        }
    }
}

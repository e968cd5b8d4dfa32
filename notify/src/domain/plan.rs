//! By which channels a notification goes out.

use std::collections::{BTreeMap, BTreeSet};

use shared_events::notify::Channel;

use super::built_in::ACCOUNT;

/// What becomes of a notification in one channel, at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It goes out.
    Queue,
    /// It is in the recipient's list at once.
    Show,
    /// It does not go out, and why not: `not_wanted`, `no_address` or `not_configured`.
    Skip(&'static str),
    /// It does not go out: the address is not written to.
    Suppress,
}

/// What is known about a recipient.
#[derive(Debug, Clone, Default)]
pub struct Recipient {
    /// Where it is reached, and whether that address is suppressed.
    pub points: BTreeMap<Channel, bool>,
    /// Channels that it does not want for this kind.
    pub unwanted: BTreeSet<Channel>,
}

/// What becomes of a notification of this kind in each of the wanted channels.
pub fn plan(
    wanted: &[Channel],
    category: &str,
    recipient: &Recipient,
    configured: &BTreeSet<Channel>,
) -> Vec<(Channel, Start)> {
    let chosen: BTreeSet<Channel> = wanted.iter().copied().collect();
    let start = |channel: Channel| match (channel, recipient.points.get(&channel)) {
        _ if category != ACCOUNT && recipient.unwanted.contains(&channel) => Start::Skip("not_wanted"),
        (Channel::InApp, _) => Start::Show,
        (_, None) => Start::Skip("no_address"),
        (_, Some(true)) => Start::Suppress,
        (channel, Some(false)) if !configured.contains(&channel) => Start::Skip("not_configured"),
        (_, Some(false)) => Start::Queue,
    };
    chosen.into_iter().map(|channel| (channel, start(channel))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_used_when_it_is_wanted_known_allowed_and_there() {
        let recipient = Recipient {
            points: [(Channel::Email, false), (Channel::Sms, true), (Channel::Push, false)].into(),
            unwanted: [].into(),
        };
        let configured: BTreeSet<Channel> = [Channel::Email, Channel::Sms].into();
        let all = Channel::ALL;
        let planned = plan(&all, "orders", &recipient, &configured);
        let expected = [
            (Channel::Email, Start::Queue),
            (Channel::Sms, Start::Suppress),
            (Channel::Push, Start::Skip("not_configured")),
            (Channel::InApp, Start::Show),
        ];
        assert_eq!(planned, expected);
        let picky = Recipient { unwanted: all.into(), ..recipient.clone() };
        assert!(plan(&all, "orders", &picky, &configured).iter().all(|(_, start)| *start == Start::Skip("not_wanted")));
        assert_eq!(plan(&all, ACCOUNT, &picky, &configured), expected);
        let nobody = plan(&[Channel::Email], "orders", &Recipient::default(), &configured);
        assert_eq!(nobody, [(Channel::Email, Start::Skip("no_address"))]);
    }
}

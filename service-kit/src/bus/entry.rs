//! Cutting messages that wait into entries: an entry that the broker finds too large would fail for all that are in it.

use std::iter::Peekable;

use super::Outbound;

/// Messages in one entry at most; also bounds a consumer's transaction.
pub(crate) const ENTRY_MESSAGES: usize = 500;
/// Payload and property bytes in one entry at most.
const ENTRY_BYTES: usize = 1_000_000;

/// Takes as many messages as fit into one entry, in their order, and at least one: a message that is too large alone goes alone. What waits
/// for the receipt of each comes with it. Nothing when there are none left.
pub(crate) fn next_entry<W>(rest: &mut Peekable<impl Iterator<Item = (Outbound, W)>>) -> (Vec<Outbound>, Vec<W>) {
    let (mut messages, mut waiting, mut bytes) = (Vec::new(), Vec::new(), 0);
    while let Some((message, waits)) = rest.next_if(|(next, _)| {
        messages.is_empty() || (messages.len() < ENTRY_MESSAGES && bytes + next.size() <= ENTRY_BYTES)
    }) {
        bytes += message.size();
        messages.push(message);
        waiting.push(waits);
    }
    (messages, waiting)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The sizes of the payloads in each entry; what waits for a message is its number.
    fn cut(sizes: &[usize]) -> Vec<Vec<usize>> {
        let of_size = |(number, bytes): (usize, &usize)| {
            let payload = vec![b'x'; *bytes];
            (Outbound { key: String::new(), properties: HashMap::new(), payload }, number)
        };
        let mut rest = sizes.iter().enumerate().map(of_size).peekable();
        let (mut entries, mut numbers) = (Vec::new(), Vec::new());
        loop {
            let (messages, waiting) = next_entry(&mut rest);
            if messages.is_empty() {
                break;
            }
            assert_eq!(messages.len(), waiting.len());
            entries.push(messages.iter().map(|message| message.payload.len()).collect());
            numbers.extend(waiting);
        }
        assert_eq!(numbers, (0..sizes.len()).collect::<Vec<_>>(), "everything once and in order");
        entries
    }

    #[test]
    fn an_entry_ends_before_it_has_too_many_bytes() {
        let entries = cut(&[400_000, 500_000, 200_000, 3_000_000, 10, 10]);
        assert_eq!(entries, [vec![400_000, 500_000], vec![200_000], vec![3_000_000], vec![10, 10]]);
    }

    #[test]
    fn an_entry_ends_before_it_has_too_many_messages() {
        let lengths: Vec<usize> = cut(&[1; 2 * ENTRY_MESSAGES + 1]).iter().map(Vec::len).collect();
        assert_eq!(lengths, [ENTRY_MESSAGES, ENTRY_MESSAGES, 1]);
    }

    #[test]
    fn nothing_is_no_entry() {
        assert!(cut(&[]).is_empty());
    }
}

//! Runs: what a consumer takes at a time, always whole entries.

use anyhow::Context;
use futures::{FutureExt, StreamExt};
use pulsar::consumer::Message as PulsarMessage;
use pulsar::proto::MessageIdData;

use crate::bus::Stream;
use crate::faults;
use crate::inbox::Processor;
use crate::incoming::Incoming;

/// Messages that make a run long enough; the last entry may take it beyond.
const RUN: usize = 500;

/// Messages that are handled together.
pub(super) struct Run {
    pub(super) messages: Vec<Incoming>,
    /// One id per entry: acknowledging it acknowledges the whole entry.
    pub(super) entries: Vec<MessageIdData>,
}

/// Takes the messages that are there, up to a run's length, and completes the last entry. Those that nobody here handles count for the
/// length only.
pub(super) async fn gather(
    processor: &Processor,
    stream: &mut Stream,
    first: Option<Result<PulsarMessage<Vec<u8>>, pulsar::Error>>,
) -> anyhow::Result<Run> {
    let mut run = Run { messages: Vec::new(), entries: Vec::new() };
    let (mut next, mut looked_at) = (first, 0);
    loop {
        let message = next.context("the broker ended the stream")??;
        let expected = message.metadata().num_messages_in_batch.unwrap_or(1).max(1);
        let id = message.message_id();
        let index = id.batch_index.unwrap_or(0).max(0);
        let starts =
            run.entries.last().is_none_or(|last| (last.ledger_id, last.entry_id) != (id.ledger_id, id.entry_id));
        if starts {
            run.entries.push(MessageIdData { batch_index: None, batch_size: None, ..id.clone() });
        }
        let careless = faults::sabotaged("ack_first_of_entry");
        let complete = index + 1 >= expected || careless;
        looked_at += 1;
        let message = Incoming::read(message, processor.partition);
        if processor.wants(&message) {
            run.messages.push(message);
        }
        if complete {
            if looked_at >= RUN || careless {
                return Ok(run);
            }
            match stream.next().now_or_never() {
                Some(ready) => next = Some(ready.context("the broker ended the stream")?),
                None => return Ok(run),
            }
        } else {
            // The rest of the entry is already on its way from the client's own buffer.
            next = stream.next().await;
        }
    }
}

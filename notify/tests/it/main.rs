//! Notify on a real database; mail goes to GreenMail, texts and push messages to the sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alarms;
mod bed;
mod carrying;
mod choices;
mod http;
mod once;
mod reached;
mod receiver;
mod templates;
mod webhooks;

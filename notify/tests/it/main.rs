//! Notify on a real database; mail goes to GreenMail, texts and push messages to the sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bed;
mod carrying;
mod http;
mod once;
mod receiver;
mod templates;
mod webhooks;

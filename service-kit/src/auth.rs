//! Who calls: tokens are verified against one configured algorithm, issuer and audience, and become a [`Caller`].
//!
//! Token times are checked against the machine's clock, not the injected one: whoever issued the token does not know that
//! a demo moved the time.

mod caller;
mod keys;
mod mint;
mod verify;

pub use caller::{Caller, Role};
pub use keys::{KEY_HEADER, KEY_PREFIX, KeyRing};
pub use mint::{Claims, mint};
pub use verify::Verifier;

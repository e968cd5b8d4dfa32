//! Amazon as far as claims need it, on loopback: the login, the consent page, and the operations of the Selling Partner API.
//!
//! What Amazon publishes as static examples is answered as published. Everything else is answered from a seller's [`World`], in
//! which time passes: rows turn up until *now*, reports take their time, links and tokens run out. Under `/_sandbox` a test or a
//! demo moves the clock, lets Amazon decide about cases, and makes the sandbox fail.
//!
//! The region is the first part of the path (`/na`, `/eu`, `/fe`), or follows from the marketplaces that are asked for.

mod ask;
mod cases;
mod claims;
mod control;
mod dispatch;
mod documents;
mod finances;
mod inbound;
mod inventory;
mod login;
mod orders;
mod pages;
mod published;
mod reports;
mod reversals;
mod state;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::routing::{get, post};
use chrono::{DateTime, Days, TimeDelta, Utc};
use service_kit::clock::Clock;

use crate::world::{self, World};

pub use published::{Example, examples};

/// How a sandbox is made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The seller's world.
    pub world: world::Settings,
    /// The time at the beginning.
    pub now: DateTime<Utc>,
    /// Where the consent page sends sellers back to, when the address names no other place.
    pub redirect_uri: String,
    /// Requests a second that each operation allows, beyond a burst of thirty.
    pub rate: u32,
}

impl Settings {
    /// The world of a seed, whose year ended yesterday; the time is `now`.
    pub fn of_seed(seed: u64, now: DateTime<Utc>) -> Self {
        let mut world = world::Settings::of_seed(seed);
        world.last_day = now.date_naive() - Days::new(1);
        Self { world, now, redirect_uri: "http://127.0.0.1:8002/api/integrations/callback".to_owned(), rate: 50 }
    }

    /// The world of a seed as it was made, looked at on its last evening.
    pub fn at_the_end_of(world: world::Settings) -> Self {
        let now = world.last_day.and_hms_opt(20, 0, 0).expect("a time").and_utc();
        Self { world, ..Self::of_seed(world.seed, now) }
    }
}

/// A sandbox.
#[derive(Debug, Clone)]
pub struct Amazon(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    settings: Settings,
    state: Mutex<state::State>,
}

impl Amazon {
    /// Makes the world. Its time goes on with `clock`.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let world = World::generate(settings.world);
        let ahead = settings.now - clock.now();
        Self(Arc::new(Inner { clock, settings, state: Mutex::new(state::State::new(world, ahead)) }))
    }

    /// The time there.
    pub fn now(&self) -> DateTime<Utc> {
        let ahead = self.state().ahead;
        self.0.clock.now() + ahead
    }

    /// Moves the time on.
    pub fn advance(&self, step: TimeDelta) {
        self.state().ahead += step;
    }

    /// Another seller's world at another time; everything that was there is forgotten, and tokens of before are good no more, so that
    /// nobody reads the new seller's rows as the old one's.
    pub(crate) fn begin_again(&self, world: world::Settings, now: DateTime<Utc>) {
        let mut made = state::State::new(World::generate(world), now - self.0.clock.now());
        made.only = Some(BTreeSet::new());
        *self.state() = made;
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/auth/o2/token", post(login::token))
            .route("/apps/authorize/consent", get(login::consent))
            .route("/_documents/{id}", get(documents::download))
            .route("/_sandbox/clock", get(control::clock).post(control::move_clock))
            .route("/_sandbox/world", post(control::begin_again))
            .route("/_sandbox/faults", get(control::faults).post(control::add_fault).delete(control::clear_faults))
            .route("/_sandbox/cases", get(cases::list).post(cases::decide))
            .route("/_sandbox/cases/{case_id}", get(cases::one))
            .route("/_sandbox/claims", get(claims::list))
            .route("/_sandbox/reverse", post(reversals::reverse))
            .route("/_sandbox/knowledge", get(control::knowledge))
            .route("/_sandbox/truth", get(control::truth))
            .route("/_sandbox/calls", get(control::calls))
            .fallback(dispatch::operation)
            .with_state(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, state::State> {
        self.0.state.lock().expect("nothing panics while it holds the sandbox")
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

//! Somebody asks a person a question about a request in words of their own. The answer is kept, and settles nothing.

use chrono::TimeDelta;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::{AskPerson, PromptOption};
use shared_events::outcome::Rejection;

use crate::prompts::changes::{self, NewPrompt};
use crate::prompts::{Timing, row};
use crate::request_row;

/// Prompts that one request may have in its life: beyond that somebody is plagued.
const MOST_PROMPTS: i64 = 200;
/// Longest time to answer.
pub const LONGEST: TimeDelta = TimeDelta::days(30);

/// Handles [`AskPerson`].
pub struct AskIt {
    /// How long prompts stay open.
    pub timing: Timing,
}

impl Handles<AskPerson> for AskIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<AskPerson>) -> Result<Outcome, Failure> {
        let command = &message.data;
        let request = request_row::lock(work, command.request_id)
            .await?
            .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
        if request.state != "open" {
            let detail = format!("the request is {}; only an open one can be asked about", request.state);
            return Err(Failure::reject("request_state_conflict", detail));
        }
        if row::lock(work, command.prompt_id).await?.is_some() {
            return Err(Failure::reject("prompt_exists", "there is already a prompt with this id"));
        }
        if row::count_of_request(work, command.request_id).await? >= MOST_PROMPTS {
            return Err(Failure::reject("too_many_prompts", "too much was asked about this request already"));
        }
        check_options(&command.options)?;
        let expires_at = command.expires_at.unwrap_or(work.now() + self.timing.ttl);
        if expires_at <= work.now() || expires_at > work.now() + LONGEST {
            let detail = format!("must be in the future and at most {} days away", LONGEST.num_days());
            return Err(Rejection::new("bad_expiry", detail).at("expires_at").into());
        }
        let prompt = NewPrompt {
            prompt_id: command.prompt_id,
            request_id: command.request_id,
            asked: command.asked.clone().unwrap_or_else(|| row::subject(&request.requested_by)),
            asked_by: Some(command.asked_by.clone()),
            question: command.question.clone(),
            options: command.options.clone(),
            expires_at,
        };
        changes::insert(work, &Cause::from(&message.envelope), &self.timing, &prompt).await?;
        Ok(Outcome::ids(&serde_json::json!({ "prompt_id": command.prompt_id, "expires_at": expires_at })))
    }
}

fn check_options(options: &[PromptOption]) -> Result<(), Rejection> {
    let is_repeated = |option: &PromptOption| options.iter().filter(|other| other.id == option.id).count() > 1;
    if !(2..=3).contains(&options.len()) || options.iter().any(is_repeated) {
        return Err(Rejection::new("bad_options", "must be two or three, with different ids").at("options"));
    }
    Ok(())
}

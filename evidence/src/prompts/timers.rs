//! The timers of prompts: a reminder, and the expiry at the very deadline. Each looks at the prompt when it is due, so that a timer that
//! comes twice, or late, or for a prompt that is closed, changes nothing.

use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::PromptId;
use shared_events::evidence::{PromptExpired, PromptExpiringSoon};
use uuid::Uuid;

use super::Timing;
use super::changes::{self, NewPrompt};
use super::row::{self, Prompt};

/// Sets the timers of a new prompt.
///
/// # Errors
/// When the database is away.
pub async fn set(work: &mut Work, cause: &Cause, timing: &Timing, prompt: &NewPrompt) -> Result<(), sqlx::Error> {
    // One that does not stay open for longer than that is reminded of half way.
    let open_for = prompt.expires_at - work.now();
    let reminder = timing.reminder.min(open_for / 2);
    for (kind, due_at) in [(Remind::KIND, prompt.expires_at - reminder), (Expire::KIND, prompt.expires_at)] {
        let payload = serde_json::json!({ "prompt_id": prompt.prompt_id });
        let key = prompt.prompt_id.to_string();
        work.enqueue(NewJob { kind, key, due_at, payload, cause: cause.clone() }).await?;
    }
    Ok(())
}

/// Lets a pending prompt expire. It is locked by the caller.
///
/// # Errors
/// When the database is away.
pub async fn expire(work: &mut Work, cause: &Cause, prompt: &Prompt) -> Result<(), sqlx::Error> {
    let version = changes::expire(work, prompt.id).await?;
    let expired = PromptExpired { prompt_id: prompt.id, request_id: prompt.request_id, asked: prompt.asked.clone() };
    work.emit(cause, version, &expired);
    Ok(())
}

/// Runs the expiry of a prompt.
pub struct Expire;

impl RunsJob for Expire {
    const KIND: &'static str = "evidence.expire_prompt";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        if let Some(prompt) = pending(&mut work, job).await?
            && prompt.expires_at <= work.now()
        {
            expire(&mut work, &job.cause, &prompt).await?;
            super::ask_next(&mut work, &job.cause, prompt.request_id, prompt.id).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Runs the reminder of a prompt.
pub struct Remind;

impl RunsJob for Remind {
    const KIND: &'static str = "evidence.remind_prompt";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        // After the deadline there is nothing left to remind of.
        if let Some(prompt) = pending(&mut work, job).await?
            && !prompt.is_reminded
            && work.now() < prompt.expires_at
        {
            let version = changes::remind(&mut work, prompt.id).await?;
            let Prompt { id: prompt_id, request_id, asked, expires_at, .. } = prompt;
            work.emit(&job.cause, version, &PromptExpiringSoon { prompt_id, request_id, asked, expires_at });
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Locks the prompt of a job, if it is pending.
async fn pending(work: &mut Work, job: &Job) -> Result<Option<Prompt>, Failure> {
    let id = job.payload["prompt_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
    let id = id.ok_or_else(|| Failure::reject("malformed", "the job names no prompt"))?;
    let prompt = row::lock(work, PromptId(id)).await?;
    Ok(prompt.filter(|prompt| prompt.state == "pending"))
}

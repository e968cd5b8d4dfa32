//! A person answers a prompt, and what was uncertain is settled.

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::{AnswerPrompt, PromptAnswered};
use shared_events::outcome::Rejection;

use crate::prompts::row::{self, Answer, Prompt};
use crate::prompts::{changes, may_answer, named, question};
use crate::{matched, prompts, request_row};

/// Handles [`AnswerPrompt`].
pub struct AnswerIt;

impl Handles<AnswerPrompt> for AnswerIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<AnswerPrompt>) -> Result<Outcome, Failure> {
        let command = &message.data;
        let unknown = || Failure::reject("prompt_not_found", "there is no such prompt");
        let request_id = row::request_of(work, command.prompt_id).await?.ok_or_else(unknown)?;
        // The request is locked first, as everywhere.
        let request = request_row::lock(work, request_id).await?.ok_or_else(unknown)?;
        let prompt = row::lock(work, command.prompt_id).await?.ok_or_else(unknown)?;
        if let Some(first) = judge(&prompt, command)? {
            return Ok(told(&prompt, first));
        }
        let answer = Answer {
            selected_option: command.selected_option.clone(),
            reasoning: command.reasoning.clone(),
            answered_by: command.answered_by.clone(),
            answered_at: command.answered_at,
        };
        let version = changes::answer(work, prompt.id, &answer).await?;
        let cause = Cause::from(&message.envelope);
        let answered = PromptAnswered {
            prompt_id: prompt.id,
            request_id,
            asked: prompt.asked.clone(),
            selected_option: answer.selected_option.clone(),
            answered_by: answer.answered_by.clone(),
        };
        work.emit(&cause, version, &answered);
        // One that came in time and is handled late may find the request settled.
        if request.state == "open" {
            let documents = row::documents(work, prompt.id).await?;
            let verdicts = question::verdicts(&answer.selected_option, &documents);
            if verdicts.is_empty() {
                prompts::ask_next(work, &cause, request_id, prompt.id).await?;
            }
            for (document_id, proved) in verdicts {
                let (who, why) = (&answer.answered_by, answer.reasoning.as_deref());
                matched::settle_by_person(work, &cause, request_id, document_id, proved, who, why).await?;
            }
        }
        Ok(told(&prompt, &answer))
    }
}

/// Whether the answer counts: the earlier answer when there is one already, nothing when this one is to be taken.
fn judge<'p>(prompt: &'p Prompt, command: &AnswerPrompt) -> Result<Option<&'p Answer>, Rejection> {
    if !may_answer(&prompt.asked, &command.answered_by, command.is_manager) {
        return Err(Rejection::new("answer_forbidden", "only the person who is asked, or a manager, may answer"));
    }
    if let Some(first) = &prompt.answer {
        return Ok(Some(first));
    }
    if prompt.state == "cancelled" {
        return Err(Rejection::new("prompt_cancelled", "the question was withdrawn: it does not matter any more"));
    }
    // When it came in decides, not what a timer has said meanwhile: an answer in time counts although it is handled late.
    if command.answered_at >= prompt.expires_at {
        return Err(Rejection::new("prompt_expired", "the time to answer is over"));
    }
    if !prompt.options.iter().any(|option| option.id == command.selected_option) {
        let detail = format!("must be one of: {}", named(&prompt.options));
        return Err(Rejection::new("unknown_option", detail).at("selected_option"));
    }
    Ok(None)
}

fn told(prompt: &Prompt, answer: &Answer) -> Outcome {
    Outcome::ids(&json!({
        "prompt_id": prompt.id,
        "request_id": prompt.request_id,
        "state": "answered",
        "selected_option": answer.selected_option,
        "reasoning": answer.reasoning,
        "answered_by": answer.answered_by,
        "answered_at": answer.answered_at,
    }))
}

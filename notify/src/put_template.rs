//! `PutTemplate`: a text of the tenant's own, as a new version. A built-in template's text may use that template's variables only.

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::notify::{PutTemplate, TemplateChanged};
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::domain::template::{BadText, Text};
use crate::domain::{built_in, language};

/// Keeps a text.
#[derive(Debug, Clone, Copy)]
pub struct Put;

/// A refusal that names the part at fault.
pub fn misfit((part, bad): (&'static str, BadText)) -> Rejection {
    Rejection::new("bad_template", format!("{part} {bad}")).at(part)
}

impl Handles<PutTemplate> for Put {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutTemplate>) -> Result<Outcome, Failure> {
        let PutTemplate { template, language, subject, text, short, why, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let plain = template.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if template.is_empty() || template.len() > 64 || !plain {
            let detail = "must have 1 to 64 small letters, digits or _";
            return Err(Rejection::new("bad_name", detail).at("template").into());
        }
        if language::tag(language).as_ref() != Some(language) {
            return Err(Rejection::new("bad_language", "is no language tag such as de or de-AT").at("language").into());
        }
        let known = built_in::ALL.get(template.as_str()).map(|known| known.variables.as_slice());
        let written = Text { subject: subject.clone(), text: text.clone(), short: short.clone() };
        written.check(known).map_err(misfit)?;
        // One writer at a time, so that versions and what is said about them are in order.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", format!("template/{tenant}/{template}"))
            .fetch_one(work.conn())
            .await?;
        let all = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM template_texts WHERE tenant = $1 AND template = $2"#,
            tenant.as_str(),
            template,
        )
        .fetch_one(work.conn())
        .await?;
        let version = sqlx::query_scalar!(
            "INSERT INTO template_texts (tenant, template, language, version, subject, text, short, written_by, written_at)
             SELECT $1, $2, $3, COALESCE(max(version), 0) + 1, $4, $5, $6, $7, $8
             FROM template_texts WHERE tenant = $1 AND template = $2 AND language = $3 RETURNING version",
            tenant.as_str(),
            template,
            language,
            subject,
            text,
            short,
            by.as_str(),
            now,
        )
        .fetch_one(work.conn())
        .await?;
        let (before, after) = (json!({"version": version - 1}), json!({"language": language, "version": version}));
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "put_template", subject: template.clone(), before, after, why };
        audit::write(work, entry).await?;
        let event = TemplateChanged { template: template.clone(), language: language.clone(), text_version: version };
        work.emit(&Cause::from(&message.envelope), u64::try_from(all + 1).unwrap_or_default(), &event);
        Ok(Outcome::ids(&json!({"template": template, "language": language, "version": version})))
    }
}

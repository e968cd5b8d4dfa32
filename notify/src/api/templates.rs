//! Templates, their texts, and what one would look like.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use shared_events::notify::Channel;
use utoipa::ToSchema;

use super::{Api, MANAGERS};
use crate::domain::built_in;
use crate::domain::language::{self, DEFAULT};
use crate::domain::template::Text;
use crate::texts;

/// A template.
#[derive(Debug, Serialize, ToSchema)]
pub struct Template {
    /// Its name.
    #[schema(example = "order_placed")]
    pub name: String,
    /// Of which kind its notifications are.
    #[schema(example = "orders")]
    pub category: String,
    /// By which channels they go.
    pub channels: Vec<Channel>,
    /// What its blanks can be; absent for a template of the tenant's own, whose texts decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Vec<String>>,
    /// In which languages there is a text.
    pub languages: BTreeSet<String>,
}

/// All templates.
#[derive(Debug, Serialize, ToSchema)]
pub struct Templates {
    /// By name.
    pub templates: Vec<Template>,
}

/// A text of a template.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    /// In which language.
    pub language: String,
    /// 0 is built in; the highest one counts.
    pub version: i32,
    /// The text.
    #[serde(flatten)]
    pub text: Text,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at: Option<DateTime<Utc>>,
}

/// A template and its texts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole {
    /// The template.
    #[serde(flatten)]
    pub template: Template,
    /// Its texts, the newest version of each language first; at most the last 20 of each.
    pub texts: Vec<Version>,
}

/// What to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"language": "de-AT", "variables": {"order": "A-17", "total": "26.50 USD"}}))]
pub struct Wish {
    /// For a reader of this language; English unless said.
    #[serde(default)]
    pub language: Option<String>,
    /// What the blanks are filled with.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// A text that is not kept yet, instead of the one that counts.
    #[serde(default)]
    pub text: Option<Text>,
}

/// What it would look like.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// In which language it is.
    pub language: String,
    /// Which version of the text; 0 is built in, absent for a text that is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// The text with its blanks filled.
    #[serde(flatten)]
    pub text: Text,
}

/// All templates: the built-in ones, and the tenant's own. For staff.
#[utoipa::path(get, path = "/api/v1/notification-templates", operation_id = "list_templates", tag = "templates",
    security(("bearer" = [])), responses((status = 200, description = "All of them", body = Templates)))]
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Templates>, Problem> {
    caller.require(&Role::STAFF)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let own = sqlx::query!(
        "SELECT DISTINCT template, language FROM template_texts WHERE tenant = $1 ORDER BY template, language LIMIT 2000",
        caller.tenant.as_str()
    )
    .fetch_all(work.conn())
    .await?;
    let mut names: BTreeMap<String, BTreeSet<String>> =
        built_in::ALL.iter().map(|(name, known)| (name.clone(), known.texts.keys().cloned().collect())).collect();
    for row in own {
        names.entry(row.template).or_default().insert(row.language);
    }
    let mut templates = Vec::new();
    for (name, languages) in names {
        if let Some(known) = texts::template(&mut work, &name).await? {
            let texts::Template { category, channels, variables } = known;
            templates.push(Template { name, category, channels, variables, languages });
        }
    }
    Ok(Json(Templates { templates }))
}

/// One template with its texts and their versions. For staff.
#[utoipa::path(get, path = "/api/v1/notification-templates/{name}", operation_id = "read_template", tag = "templates",
    params(("name" = String, Path, description = "The template")), security(("bearer" = [])),
    responses((status = 200, description = "The template", body = Whole)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<Json<Whole>, Problem> {
    caller.require(&Role::STAFF)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let known = texts::template(&mut work, &name).await?.ok_or_else(Problem::not_found)?;
    let own = sqlx::query!(
        "SELECT language, version, subject, text, short, written_by, written_at FROM
           (SELECT *, row_number() OVER (PARTITION BY language ORDER BY version DESC) AS nth FROM template_texts
            WHERE tenant = $1 AND template = $2) AS numbered
         WHERE nth <= 20 ORDER BY language, version DESC LIMIT 1000",
        caller.tenant.as_str(),
        name,
    )
    .fetch_all(work.conn())
    .await?;
    let mut versions: Vec<Version> = own
        .into_iter()
        .map(|row| Version {
            language: row.language,
            version: row.version,
            text: Text { subject: row.subject, text: row.text, short: row.short },
            written_by: Some(row.written_by),
            written_at: Some(row.written_at),
        })
        .collect();
    for (language, text) in built_in::ALL.get(&name).map(|known| &known.texts).into_iter().flatten() {
        versions.push(Version {
            language: language.clone(),
            version: 0,
            text: text.clone(),
            written_by: None,
            written_at: None,
        });
    }
    versions.sort_by(|one, other| (&one.language, -one.version).cmp(&(&other.language, -other.version)));
    let languages = versions.iter().map(|version| version.language.clone()).collect();
    let texts::Template { category, channels, variables } = known;
    Ok(Json(Whole { template: Template { name, category, channels, variables, languages }, texts: versions }))
}

/// What a template would look like to a reader of a language, with its blanks filled; or a text that is not kept yet. For managers.
#[utoipa::path(post, path = "/api/v1/notification-templates/{name}/preview", operation_id = "preview_template", tag = "templates",
    params(("name" = String, Path, description = "The template")), request_body = Wish, security(("bearer" = [])),
    responses((status = 200, description = "As it would be sent", body = Preview)))]
pub async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Json(wish): Json<Wish>,
) -> Result<Json<Preview>, Problem> {
    caller.require(&MANAGERS)?;
    let asked = wish.language.unwrap_or_else(|| DEFAULT.to_owned());
    let asked = language::tag(&asked)
        .ok_or_else(|| Problem::invalid_field("language", "is no language tag such as de or de-AT"))?;
    let mut work = api.store.read(&caller.tenant).await?;
    let (language, version, text) = match wish.text {
        Some(text) => {
            let known = built_in::ALL.get(&name).map(|known| known.variables.as_slice());
            text.check(known)
                .map_err(|(part, bad)| Problem::invalid_field(&format!("text.{part}"), bad.to_string()))?;
            (asked, None, text)
        }
        None => {
            let chosen = texts::choose(&mut work, &name, &asked).await?.ok_or_else(Problem::not_found)?;
            (chosen.language, Some(chosen.version), chosen.text)
        }
    };
    let filled = text.filled(&wish.variables);
    let text = filled.map_err(|(_, bad)| Problem::invalid_field("variables", bad.to_string()))?;
    Ok(Json(Preview { language, version, text }))
}

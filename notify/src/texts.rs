//! Which text a template has: the tenant's own before the built-in one, language by language.

use service_kit::store::Work;
use shared_events::notify::Channel;

use crate::domain::built_in;
use crate::domain::language::fallbacks;
use crate::domain::template::Text;

/// What is known about a template apart from its texts.
#[derive(Debug, Clone)]
pub struct Template {
    /// Of which kind its notifications are.
    pub category: String,
    /// By which channels they go.
    pub channels: Vec<Channel>,
    /// What its blanks can be; `None` for a tenant's own template, whose texts decide.
    pub variables: Option<Vec<String>>,
}

/// A text that was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// In which language.
    pub language: String,
    /// Its version; 0 is built in.
    pub version: i32,
    /// The text.
    pub text: Text,
}

/// A template by its name: a built-in one, or one that the tenant has texts of.
///
/// # Errors
/// When the database is away.
pub async fn template(work: &mut Work, name: &str) -> Result<Option<Template>, sqlx::Error> {
    if let Some(known) = built_in::ALL.get(name) {
        return Ok(Some(Template {
            category: known.category.clone(),
            channels: known.channels.clone(),
            variables: Some(known.variables.clone()),
        }));
    }
    let tenant = work.tenant().clone();
    let is_own = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM template_texts WHERE tenant = $1 AND template = $2) AS "is_own!""#,
        tenant.as_str(),
        name
    )
    .fetch_one(work.conn())
    .await?;
    let channels = vec![Channel::Email, Channel::Push, Channel::InApp];
    Ok(is_own.then(|| Template { category: "general".into(), channels, variables: None }))
}

/// The text for a reader of `language`: the first that there is in that language, a wider one, English, or any.
///
/// # Errors
/// When the database is away.
pub async fn choose(work: &mut Work, name: &str, language: &str) -> Result<Option<Chosen>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let mut own = sqlx::query!(
        "SELECT DISTINCT ON (language) language, version, subject, text, short FROM template_texts
         WHERE tenant = $1 AND template = $2 ORDER BY language, version DESC",
        tenant.as_str(),
        name,
    )
    .fetch_all(work.conn())
    .await?;
    let built_in = built_in::ALL.get(name);
    for tried in fallbacks(language) {
        if let Some(at) = own.iter().position(|row| row.language == tried) {
            let row = own.swap_remove(at);
            let text = Text { subject: row.subject, text: row.text, short: row.short };
            return Ok(Some(Chosen { language: row.language, version: row.version, text }));
        }
        if let Some(text) = built_in.and_then(|template| template.texts.get(&tried)) {
            return Ok(Some(Chosen { language: tried, version: 0, text: text.clone() }));
        }
    }
    let any = own.into_iter().next().map(|row| {
        let text = Text { subject: row.subject, text: row.text, short: row.short };
        Chosen { language: row.language, version: row.version, text }
    });
    Ok(any)
}

//! A payout file, with the account details in plain: for those who move the money.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use shared_events::PayoutBatchId;
use utoipa::IntoParams;
use uuid::Uuid;

use super::Api;
use crate::payout_file::{self, Format};

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `csv` unless said.
    #[param(inline)]
    format: Option<Format>,
}

/// Gives a payout file to managers and operators.
#[utoipa::path(get, path = "/api/v1/payout-batches/{id}/file", tag = "payouts", params(("id" = Uuid, Path, description = "The batch"), Asked),
    security(("bearer" = [])), responses(
        (status = 200, description = "The file", content((String = "text/csv"), (String = "application/json"))),
        (status = 409, description = "The file is not written yet", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Manager, Role::Operator, Role::Admin])?;
    let mut work = api.store.read(&caller.tenant).await?;
    let written = sqlx::query_scalar!(
        "SELECT written_at FROM payout_batches WHERE tenant = $1 AND id = $2",
        caller.tenant.as_str(),
        id
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    drop(work);
    if written.is_none() {
        return Err(Problem::conflict("the file is not written yet; try again in a moment").retry_after(1));
    }
    let format = asked.format.unwrap_or(Format::Csv);
    let path = payout_file::path(&api.config.payout_dir, PayoutBatchId(id), format);
    let bytes = tokio::fs::read(&path).await.map_err(|error| match error.kind() {
        // It may have been taken away after it was handed on.
        std::io::ErrorKind::NotFound => Problem::not_found(),
        _ => Problem::internal(error),
    })?;
    let (media_type, extension) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Json => ("application/json", "json"),
    };
    let file = format!("attachment; filename=\"payouts-{id}.{extension}\"");
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    tracing::info!(batch.id = %id, subject = %caller.subject, "payout file handed out");
    Ok((headers, bytes).into_response())
}

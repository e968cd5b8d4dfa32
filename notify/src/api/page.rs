//! Pages of lists, by cursor.

use serde::Deserialize;
use service_kit::problem::Problem;
use utoipa::IntoParams;

const USUAL: i64 = 50;
const LARGEST: i64 = 200;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
}

/// How many entries, and after which.
pub fn bounds(cursor: Option<&str>, limit: Option<i64>) -> Result<(i64, Option<i64>), Problem> {
    let limit = limit.unwrap_or(USUAL);
    if !(1..=LARGEST).contains(&limit) {
        return Err(Problem::invalid_field("limit", format!("must be from 1 to {LARGEST}")));
    }
    let odd = |_| Problem::invalid_field("cursor", "is not one that this list handed out");
    Ok((limit, cursor.map(|text| text.parse().map_err(odd)).transpose()?))
}

/// Cuts rows to a page; the cursor of the next, if there is one. One row more than `limit` was asked for.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64, seq: impl Fn(&T) -> i64) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(|row| seq(row).to_string())
}

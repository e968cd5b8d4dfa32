//! Live rows beside replayed rows.

use std::collections::BTreeMap;

use futures::{Stream, TryStreamExt};
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::live::{Live, set_tenant};
use super::scope::{Measure, NAMES, Scope};
use super::tables::{TABLES, Table};

/// A row that differs.
#[derive(Debug, Serialize)]
pub struct RowDifference {
    /// The table.
    pub table: &'static str,
    /// Tenant and key.
    pub row: String,
    /// The side that alone has it: `live` or `replay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<&'static str>,
    /// What differs, or the whole row where one side alone has it.
    pub columns: BTreeMap<String, Sides>,
    /// The first event where the two part about this row: what the handlers say now is not what the service said then. Absent when they say the same, so that
    /// the row was changed by something else than a message.
    pub first_event: Option<Value>,
    /// What the row is about.
    #[serde(skip)]
    pub about: Vec<String>,
}

/// A value on both sides.
#[derive(Debug, Serialize, PartialEq)]
pub struct Sides {
    /// In the service's own table.
    pub live: Value,
    /// In the scratch database.
    pub replay: Value,
}

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Rows compared, by table.
    pub compared: BTreeMap<&'static str, u64>,
    /// How many differ.
    pub differing: u64,
    /// The first of those.
    pub rows: Vec<RowDifference>,
}

/// Compares every table of every tenant; keeps at most `keep` differing rows.
pub async fn compare(live: &mut Live, scratch: &PgPool, scope: &mut Scope, keep: usize) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::default();
    let mut tenants = live.tenants.clone();
    tenants.extend(sqlx::query_scalar::<_, String>("SELECT tenant FROM known_tenants").fetch_all(scratch).await?);
    tenants.sort_unstable();
    tenants.dedup();
    for tenant in &tenants {
        set_tenant(&mut live.connection, tenant).await?;
        for table in &TABLES {
            let sql = table.select();
            let ours = sqlx::query_as::<_, (String, Value)>(AssertSqlSafe(sql.clone()))
                .bind(tenant)
                .fetch(&mut live.connection);
            let theirs = sqlx::query_as::<_, (String, Value)>(AssertSqlSafe(sql)).bind(tenant).fetch(scratch);
            merge(table, tenant, ours, theirs, &mut Tally { scope, comparison: &mut comparison, keep }).await?;
        }
    }
    Ok(comparison)
}

struct Tally<'a> {
    scope: &'a mut Scope,
    comparison: &'a mut Comparison,
    keep: usize,
}

/// Both sides come in the order of their keys.
async fn merge<'a>(
    table: &Table,
    tenant: &str,
    mut ours: impl Stream<Item = Result<(String, Value), sqlx::Error>> + Unpin + 'a,
    mut theirs: impl Stream<Item = Result<(String, Value), sqlx::Error>> + Unpin + 'a,
    tally: &mut Tally<'_>,
) -> anyhow::Result<()> {
    let (mut left, mut right) = (ours.try_next().await?, theirs.try_next().await?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.as_bytes().cmp(right.as_bytes()),
        };
        let (live, replayed) = match order {
            std::cmp::Ordering::Less => (left.take(), None),
            std::cmp::Ordering::Greater => (None, right.take()),
            std::cmp::Ordering::Equal => (left.take(), right.take()),
        };
        tally.row(table, tenant, live, replayed);
        if order.is_le() {
            left = ours.try_next().await?;
        }
        if order.is_ge() {
            right = theirs.try_next().await?;
        }
    }
}

impl Tally<'_> {
    fn row(&mut self, table: &Table, tenant: &str, live: Option<(String, Value)>, replayed: Option<(String, Value)>) {
        let Some((key, either)) = live.as_ref().or(replayed.as_ref()) else { return };
        let measure = self.scope.judge(table.name, either);
        if measure == Measure::Skip {
            return;
        }
        *self.comparison.compared.entry(table.name).or_default() += 1;
        let only_in = match (&live, &replayed) {
            (Some(_), None) => Some("live"),
            (None, Some(_)) => Some("replay"),
            _ => None,
        };
        let columns = differing(table, measure, live.as_ref().map(|row| &row.1), replayed.as_ref().map(|row| &row.1));
        if only_in.is_none() && columns.is_empty() {
            return;
        }
        self.comparison.differing += 1;
        if self.comparison.rows.len() < self.keep {
            let about = NAMES
                .iter()
                .chain(&["cause"])
                .filter_map(|column| either[column].as_str().map(str::to_owned))
                .collect();
            let difference = RowDifference {
                table: table.name,
                row: format!("{tenant}|{key}"),
                only_in,
                columns,
                first_event: None,
                about,
            };
            self.comparison.rows.push(difference);
        }
    }
}

fn differing(
    table: &Table,
    measure: Measure,
    live: Option<&Value>,
    replayed: Option<&Value>,
) -> BTreeMap<String, Sides> {
    let columns = live.or(replayed).and_then(Value::as_object).into_iter().flat_map(|row| row.keys());
    let of = |row: Option<&Value>, column: &str| row.map_or(Value::Null, |row| row[column].clone());
    columns
        .filter(|column| !table.volatile.contains(&column.as_str()))
        .filter(|column| !matches!(measure, Measure::Only(only) if !only.contains(&column.as_str())))
        .map(|column| (column.clone(), Sides { live: of(live, column), replay: of(replayed, column) }))
        .filter(|(_, sides)| sides.live != sides.replay)
        .collect()
}

impl RowDifference {
    fn names(&self, name: &str) -> bool {
        self.about.iter().any(|about| about == name)
    }

    /// Whether a message, by its id, its key and what followed from it, is about this row.
    pub fn concerns(&self, id: Uuid, key: &str, said: &[Value]) -> bool {
        self.names(key)
            || self.names(&id.to_string())
            || said.iter().any(|one| one["key"].as_str().is_some_and(|key| self.names(key)))
    }

    /// Whether what followed from a message is about the same partner: a balance, a month, or a commission in a payout changes by messages about other things.
    pub fn shares_partner(&self, said: &[Value]) -> bool {
        said.iter().any(|one| one["data"]["partner"].as_str().is_some_and(|partner| self.names(partner)))
    }
}

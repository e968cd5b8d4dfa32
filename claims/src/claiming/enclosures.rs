//! The rows that a claim rests on, as files that go along with it: one for each layout of a report.

use std::collections::BTreeMap;

use crate::detection_row::RowView;

/// Rows that go along at most; whoever wants more has the packet.
const MOST_ROWS: usize = 1_000;

/// Files by their names, each with the columns of its report in the first line, parted by tabs.
pub fn tables(rows: &[RowView]) -> Vec<(String, String)> {
    let mut tables: BTreeMap<(&str, &[String]), String> = BTreeMap::new();
    for row in rows.iter().take(MOST_ROWS) {
        let table = tables.entry((&row.report, &row.columns)).or_insert_with(|| match row.columns.as_slice() {
            [] => String::new(),
            columns => columns.join("\t") + "\n",
        });
        table.push_str(&row.raw);
        table.push('\n');
    }
    let named = (1..).zip(tables).map(|(number, ((report, _), table))| (format!("{report}-{number}.tsv"), table));
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_same_columns_are_one_table() {
        let row = |report: &str, columns: &[&str], raw: &str| RowView {
            key: raw.to_owned(),
            units: 1,
            report: report.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            raw: raw.to_owned(),
        };
        let rows = [
            row("ledger", &["fnsku", "quantity"], "X1\t-3"),
            row("reimbursement", &["reimbursement-id"], "R1"),
            row("ledger", &["fnsku", "quantity"], "X1\t-2"),
            row("inbound", &[], "{}"),
        ];
        let expected = [
            ("inbound-1.tsv", "{}\n"),
            ("ledger-2.tsv", "fnsku\tquantity\nX1\t-3\nX1\t-2\n"),
            ("reimbursement-3.tsv", "reimbursement-id\nR1\n"),
        ];
        assert_eq!(tables(&rows), expected.map(|(name, table)| (name.to_owned(), table.to_owned())));
        assert_eq!(tables(&vec![rows[0].clone(); 1_200])[0].1.lines().count(), MOST_ROWS + 1);
    }
}

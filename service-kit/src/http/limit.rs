//! Pages of lists: how long one is, and where the next begins.

use crate::problem::Problem;

/// How many entries a page has at most. A query asks for [`Limit::rows`], one more, which tells whether there is a next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// Entries of a page at most, where nothing else is said.
    pub const MOST: u16 = 200;
    /// Entries of a page for who does not say.
    pub const USUAL: u16 = 50;

    /// What the caller asked for by `limit`.
    ///
    /// # Errors
    /// 422 that names `limit` unless it is from 1 to 200.
    pub fn of(asked: Option<i64>) -> Result<Self, Problem> {
        Self::within(asked, Self::MOST, Self::USUAL)
    }

    /// The same for lists with other bounds.
    ///
    /// # Errors
    /// 422 that names `limit` unless it is from 1 to `most`.
    pub fn within(asked: Option<i64>, most: u16, usual: u16) -> Result<Self, Problem> {
        let Some(asked) = asked else { return Ok(Self(usual)) };
        let fits = u16::try_from(asked).ok().filter(|asked| (1..=most).contains(asked));
        fits.map(Self).ok_or_else(|| Problem::invalid_field("limit", format!("must be from 1 to {most}")))
    }

    /// How many rows to ask the database for.
    #[must_use]
    pub const fn rows(self) -> i64 {
        // `From` is not const yet; a u16 always fits.
        self.0 as i64 + 1
    }

    /// Takes the row that was asked for in excess away again and says where the next page begins: after the last entry of this one, by
    /// `cursor` of it. Nothing on the last page.
    pub fn cut<R, C: ToString>(self, rows: &mut Vec<R>, cursor: impl FnOnce(&R) -> C) -> Option<String> {
        let has_more = rows.len() > usize::from(self.0);
        rows.truncate(usize::from(self.0));
        rows.last().filter(|_| has_more).map(|last| cursor(last).to_string())
    }
}

/// A page of a list whose entries are numbered: how long it is, and behind which number it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    limit: Limit,
    seen: Option<i64>,
}

impl Paging {
    /// What the caller asked for by `limit` and `cursor`, a `next_cursor` of the same list.
    ///
    /// # Errors
    /// 422 that names `limit` as [`Limit::of`] does, or `cursor` for what this list did not hand out.
    pub fn of(limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = Limit::of(limit)?;
        let odd = |_| Problem::invalid_field("cursor", "is not one that this list handed out");
        Ok(Self { limit, seen: cursor.map(|text| text.parse().map_err(odd)).transpose()? })
    }

    /// The number of the last entry that was seen; nothing on the first page.
    #[must_use]
    pub const fn seen(self) -> Option<i64> {
        self.seen
    }

    /// How many rows to ask the database for.
    #[must_use]
    pub const fn rows(self) -> i64 {
        self.limit.rows()
    }

    /// The same as [`Limit::cut`], by the number of an entry.
    pub fn cut<R>(self, rows: &mut Vec<R>, number: impl FnOnce(&R) -> i64) -> Option<String> {
        self.limit.cut(rows, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_bounds() {
        assert_eq!(Limit::of(None).map(Limit::rows).ok(), Some(51));
        for (asked, fits) in
            [(1, true), (200, true), (0, false), (201, false), (-1, false), (i64::MAX, false), (65_537, false)]
        {
            assert_eq!(Limit::of(Some(asked)).is_ok(), fits, "{asked}");
        }
        assert_eq!(Limit::within(Some(1_000), 1_000, 100).map(Limit::rows).ok(), Some(1_001));
    }

    #[test]
    fn every_entry_is_on_one_page_and_the_last_page_says_so() {
        let all: Vec<u32> = (0..7).collect();
        for size in 1..9 {
            let limit = Limit::of(Some(size)).expect("it fits");
            let (mut seen, mut after) = (Vec::new(), None::<u32>);
            loop {
                let found = all.iter().copied().filter(|id| after.is_none_or(|after| *id > after));
                let mut page: Vec<u32> = found.take(usize::try_from(limit.rows()).expect("small")).collect();
                let next = limit.cut(&mut page, |id| *id);
                assert!(page.len() as i64 <= size && !page.is_empty());
                seen.append(&mut page);
                let Some(next) = next else { break };
                after = next.parse().ok();
            }
            assert_eq!(seen, all, "pages of {size}");
        }
    }

    #[test]
    fn a_page_begins_where_the_one_before_ended() {
        let first = Paging::of(Some(2), None).expect("it fits");
        assert_eq!((first.rows(), first.seen()), (3, None));
        let mut rows = vec![9, 7, 4];
        let next = first.cut(&mut rows, |number| *number).expect("there is more");
        assert_eq!((rows.as_slice(), next.as_str()), ([9, 7].as_slice(), "7"));
        assert_eq!(Paging::of(None, Some(&next)).map(Paging::seen).ok(), Some(Some(7)));
        for (limit, cursor, field) in [
            (Some(0), "7", "limit"),
            (None, "", "cursor"),
            (None, "x", "cursor"),
            (None, "7 ", "cursor"),
            (None, "1e3", "cursor"),
        ] {
            let problem = Paging::of(limit, Some(cursor)).expect_err(cursor);
            assert_eq!((problem.status().as_u16(), problem.errors()[0].field.as_str()), (422, field), "{cursor}");
        }
    }
}

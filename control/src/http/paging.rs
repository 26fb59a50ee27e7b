//! Pages of lists.
//!
//! Invariant: the cursor of a page is the key of its last row, and the next page begins after that key. So a row that is there
//! all the while stands on one page only, whatever is added or removed between two pages.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{Answered, Call, Ports, Response, base32::base32, failure::Failure};
use crate::store;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// The key of a row that is named by a number, such as `grant-7`: the texts are in the order of the numbers.
pub(crate) fn numbered(id: &str) -> String {
    let number = id.rsplit('-').next().unwrap_or_default();
    format!("{number:0>20}")
}

/// The key of a row that is listed before all rows with lower numbers.
pub(crate) fn latest_first(number: u64) -> String {
    format!("{:020}", u64::MAX - number)
}

impl<P: Ports> Call<'_, P> {
    /// Where the page before of this list ended, as it was given.
    pub(crate) fn cursor(&self) -> Option<String> {
        self.parameter("cursor").filter(|cursor| !cursor.is_empty())
    }

    /// Where the page before of this list ended. A store may fail at a cursor that it did not give, so what comes back
    /// must be what was given out.
    pub(crate) fn page_cursor(&self) -> Result<Option<String>, Failure> {
        let Some(given) = self.cursor() else { return Ok(None) };
        let ours = given.rsplit_once('.').filter(|(cursor, mark)| self.cursor_mark(cursor) == *mark);
        let wrong = || Failure::Malformed("`cursor` must be one that a page gave".to_owned());
        ours.map(|(cursor, _)| Some(cursor.to_owned())).ok_or_else(wrong)
    }

    /// The cursor of the next page, as it is given out.
    pub(crate) fn next_page(&self, cursor: Option<String>) -> Option<String> {
        cursor.map(|cursor| format!("{cursor}.{}", self.cursor_mark(&cursor)))
    }

    fn cursor_mark(&self, cursor: &str) -> String {
        let mark = self.settings.master_key.derive(&format!("cursor/{}/{cursor}", self.request.path));
        base32(&mark[..10])
    }

    /// A page of a list that is at hand as a whole: its rows with their keys, no two of which may be the same. The rows are
    /// listed in the order of the keys.
    pub(crate) fn page<T: Serialize>(&self, rows: impl IntoIterator<Item = (String, T)>) -> Answered {
        let (after, limit) = (self.page_cursor()?, usize::from(self.limit()?));
        let is_after = |(key, _): &(String, T)| after.as_ref().is_none_or(|after| key > after);
        let mut rest: Vec<_> = rows.into_iter().filter(is_after).collect();
        rest.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_last = rest.len() <= limit;
        rest.truncate(limit);
        let cursor = rest.last().filter(|_| !is_last).map(|(key, _)| key.clone());
        let items = rest.into_iter().map(|(_, row)| row).collect();
        Response::json(200, &Items { items, cursor: self.next_page(cursor) })
    }

    /// A page of the store's keys under `prefix`, and the cursor of the next one as it is given out.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<(Vec<String>, Option<String>), Failure> {
        let cursor = self.page_cursor()?;
        let page = self.ports.list(prefix, cursor.as_deref(), self.limit()?.into()).await?;
        Ok((page.items, self.next_page(page.cursor)))
    }

    /// A page of the store's documents under `prefix`, each as `row` shows it. A store that is eventually consistent may list
    /// what it does not find yet.
    pub(crate) async fn documents<D: DeserializeOwned, T: Serialize>(
        &self,
        prefix: &str,
        row: impl Fn(D) -> T,
    ) -> Answered {
        let (keys, cursor) = self.keys(prefix).await?;
        let mut items = Vec::with_capacity(keys.len());
        for key in &keys {
            items.extend(store::read::<D>(self.ports, key).await?.map(&row));
        }
        Response::json(200, &Items { items, cursor })
    }

    /// How many items a page of a list holds.
    pub(crate) fn limit(&self) -> Result<u16, Failure> {
        let Some(text) = self.parameter("limit") else { return Ok(50) };
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.ok_or_else(|| Failure::Malformed("`limit` must be a number from 1 to 100".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_numbers_are_in_the_order_of_the_numbers() {
        let ids = ["grant-9", "grant-10", "grant-18446744073709551615"];
        assert!(ids.map(numbered).is_sorted());
        assert!([u64::MAX, 10, 9, 0].map(latest_first).is_sorted());
    }
}

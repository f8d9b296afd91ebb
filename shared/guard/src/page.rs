//! Lists that come in pages, and the opaque cursors between them.

use {
    crate::{problem::Problem, query::Query},
    axum::{
        Json,
        extract::FromRequestParts,
        http::{Uri, request::Parts},
        response::{IntoResponse, Response},
    },
    base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD},
    portreeve_kernel::Code,
    serde::{Deserialize, Serialize},
    utoipa::{IntoParams, ToSchema},
};

/// Items per page when the caller does not say.
pub const DEFAULT_LIMIT: u32 = 20;

/// Most items per page.
pub const MAX_LIMIT: u32 = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Ask with it for the page after this one; null on the last page. Its content is ours and may change.
    pub cursor: Option<String>,
    /// True when there is a page after this one.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, which the caller read one more of than it needs. `position` tells where an
    /// item stands in the list; the next page starts after it.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u32, position: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let cursor = items
            .last()
            .filter(|_| has_more)
            .map(|last| URL_SAFE_NO_PAD.encode(position(last)));
        Self {
            items,
            cursor,
            has_more,
        }
    }

    /// The same page with each item turned into something else.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            cursor: self.cursor,
            has_more: self.has_more,
        }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let next = self.cursor.clone();
        with_next(Json(self).into_response(), next)
    }
}

/// One page of a list whose length is known, as those servers answer whose JSON is in snake case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: usize,
    /// Ask with it for the page after this one; null on the last page. Its content is ours and may change.
    pub cursor: Option<String>,
    /// True when there is a page after this one.
    pub has_more: bool,
}

impl<T> Listing<T> {
    /// The page that `paging` asks for of a whole list in the order of its keys. `key` tells where an item stands; the page
    /// begins after the key that the page before ended with, also when that item has gone meanwhile.
    #[must_use]
    pub fn cut<I>(all: &[I], paging: &Paging, key: impl Fn(&I) -> &str, show: impl FnMut(&I) -> T) -> Self {
        let from = paging
            .after()
            .map_or(0, |after| all.partition_point(|item| key(item) <= after));
        let limit = usize::try_from(paging.limit()).unwrap_or(usize::MAX);
        let rest = all.get(from..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        let has_more = page.len() < rest.len();
        let last = page.last().filter(|_| has_more);
        Self {
            items: page.iter().map(show).collect(),
            total: all.len(),
            cursor: last.map(|last| URL_SAFE_NO_PAD.encode(key(last))),
            has_more,
        }
    }

    /// The same page with its first `count` items alone, as if no more had been asked for. `key` is what it was cut by.
    #[must_use]
    pub fn first(&self, count: usize, key: impl FnOnce(&T) -> &str) -> Self
    where
        T: Clone,
    {
        let Some(items) = self.items.get(..count).filter(|_| count < self.items.len()) else {
            return self.clone();
        };
        Self {
            items: items.to_vec(),
            total: self.total,
            cursor: items.last().map(|last| URL_SAFE_NO_PAD.encode(key(last))),
            has_more: true,
        }
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        let next = self.cursor.clone();
        with_next(Json(self).into_response(), next)
    }
}

/// Has the gate say where the next page is, which begins at `cursor`. Lists do so by themselves.
#[must_use]
pub fn with_next(mut response: Response, cursor: Option<String>) -> Response {
    if let Some(cursor) = cursor {
        response.extensions_mut().insert(NextPage(cursor));
    }
    response
}

/// The cursor of the next page, for the gate to make a `Link` header of.
#[derive(Debug, Clone)]
pub(crate) struct NextPage(String);

impl NextPage {
    /// The request's own path and query with the cursor exchanged (RFC 8288).
    pub(crate) fn link(&self, uri: &Uri) -> String {
        let kept = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).filter(|(name, _)| name != "cursor");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("cursor", &self.0)
            .finish();
        format!("<{}?{query}>; rel=\"next\"", uri.path())
    }
}

/// Which page a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paging {
    limit: Option<u32>,
    after: Option<String>,
}

impl Paging {
    /// How many items to answer with, 1 … 100.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// Where the page before ended, as [`Page::cut`] was told; `None` for the first page.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// `limit` and `cursor`, as they stand in a query. Lists with filters of their own name the two fields themselves and
/// call [`PagingQuery::check`].
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PagingQuery {
    /// Items per page, 1 to 100; 20 when left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// The `cursor` of the page before; leave it out for the first page.
    pub cursor: Option<String>,
}

impl PagingQuery {
    /// # Errors
    /// `VALIDATION_OUT_OF_RANGE` for a limit outside 1 … 100, `VALIDATION_INVALID_FORMAT` for a cursor we did not make.
    pub fn check(self) -> Result<Paging, Problem> {
        if let Some(limit) = self.limit.filter(|limit| !(1..=MAX_LIMIT).contains(limit)) {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("`{limit}` is not between 1 and {MAX_LIMIT}"))
                .param("limit"));
        }
        let after = self.cursor.map(|cursor| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(bad_cursor)
        });
        Ok(Paging {
            limit: self.limit,
            after: after.transpose()?,
        })
    }
}

/// The answer to a cursor that is none of ours; also for a list that cannot read the position in it.
#[must_use]
pub fn bad_cursor() -> Problem {
    Problem::new(Code::ValidationInvalidFormat)
        .detail("not a cursor of this list; start without one")
        .param("cursor")
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<PagingQuery>::from_request_parts(parts, state).await?;
        query.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(limit: Option<u32>, cursor: Option<&str>) -> Result<Paging, Problem> {
        PagingQuery {
            limit,
            cursor: cursor.map(Into::into),
        }
        .check()
    }

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let page = Page::cut(vec!["a", "b", "c"], 2, |last| format!("after {last}"));
        assert_eq!((page.items.as_slice(), page.has_more), (["a", "b"].as_slice(), true));
        let next = paging(None, page.cursor.as_deref()).unwrap();
        assert_eq!(next.after(), Some("after b"));
    }

    #[test]
    fn a_page_of_a_whole_list_begins_after_a_key_also_when_that_has_gone() {
        let page = |all: &[&'static str], cursor: Option<&str>| {
            Listing::cut(all, &paging(Some(2), cursor).unwrap(), |key| key, |item| *item)
        };
        let first = page(&["a", "b", "c"], None);
        assert_eq!(
            (first.items.as_slice(), first.total, first.has_more),
            (["a", "b"].as_slice(), 3, true)
        );
        let last = page(&["a", "c"], first.cursor.as_deref());
        assert_eq!(
            (last.items.as_slice(), last.cursor, last.has_more),
            (["c"].as_slice(), None, false)
        );
        assert_eq!(page(&[], None).items.len(), 0);
    }

    #[test]
    fn a_page_that_is_made_shorter_is_the_one_that_was_asked_for_so() {
        let all = ["a", "b", "c", "d"];
        let page = |limit| Listing::cut(&all, &paging(Some(limit), None).unwrap(), |key| key, |item| *item);
        for (limit, count) in [(3, 1), (4, 2), (3, 3), (4, 4), (4, 9)] {
            let wanted = page(u32::try_from(count).unwrap().min(limit));
            assert_eq!(page(limit).first(count, |key| key), wanted, "{count} of {limit}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Page::cut(vec!["a", "b"], 2, |last| (*last).to_owned());
        assert_eq!((page.cursor, page.has_more), (None, false));
        assert_eq!(Page::<u8>::cut(vec![], 2, |_| String::new()).cursor, None);
    }

    #[test]
    fn limits_from_1_to_100_are_taken_and_others_refused() {
        assert_eq!(paging(None, None).unwrap().limit(), DEFAULT_LIMIT);
        for (limit, good) in [(0, false), (1, true), (100, true), (101, false)] {
            assert_eq!(paging(Some(limit), None).is_ok(), good, "{limit}");
        }
    }

    #[test]
    fn a_cursor_we_did_not_make_is_refused() {
        for cursor in ["!", "a=", "gIA"] {
            assert_eq!(
                paging(None, Some(cursor)).unwrap_err().code(),
                Code::ValidationInvalidFormat,
                "{cursor}"
            );
        }
    }

    #[test]
    fn the_link_keeps_the_filters() {
        let uri: Uri = "/keys?limit=2&cursor=old&q=a%20b".parse().unwrap();
        let link = NextPage("new".into()).link(&uri);
        assert_eq!(link, "</keys?limit=2&q=a+b&cursor=new>; rel=\"next\"");
    }
}

//! Answers that a client may keep and ask again whether they still hold (RFC 9110, 8.8 and 13).
//!
//! What is shown depends on who asks, and a URL says which fields: so an answer is kept by one client alone, and asked about
//! each time.

use {
    axum::{
        extract::FromRequestParts,
        http::{HeaderName, HeaderValue, header, request::Parts},
        response::{IntoResponse, Response},
    },
    portreeve_guard::Problem,
    std::convert::Infallible,
};

const KEPT: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (header::VARY, HeaderValue::from_static("Authorization")),
];

/// What the client has, by its own word: `If-None-Match`.
#[derive(Debug, Clone, Default)]
pub(super) struct Has(Vec<String>);

impl<S: Sync> FromRequestParts<S> for Has {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::IF_NONE_MATCH).iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        Ok(Self(
            texts
                .flat_map(|line| line.split(','))
                .map(|tag| opaque(tag.trim()).to_owned())
                .collect(),
        ))
    }
}

impl Has {
    /// Whether the client has what is tagged so. Both are compared weakly, as this header wants it.
    pub(super) fn still(&self, tag: &str) -> bool {
        self.0.iter().any(|has| has == "*" || has == opaque(tag))
    }
}

/// An answer with its tag.
pub(super) fn tagged(tag: &str, answer: impl IntoResponse) -> Result<Response, Problem> {
    let tag = HeaderValue::from_str(tag).map_err(Problem::internal)?;
    let mut response = answer.into_response();
    response.headers_mut().extend(KEPT);
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use {super::*, axum::http::Request};

    async fn has(lines: &[&str]) -> Has {
        let mut request = Request::new(());
        for line in lines {
            request
                .headers_mut()
                .append(header::IF_NONE_MATCH, line.parse().unwrap());
        }
        Has::from_request_parts(&mut request.into_parts().0, &()).await.unwrap()
    }

    #[tokio::test]
    async fn a_tag_is_known_weakly_in_any_list_and_nothing_else_is() {
        for (lines, still) in [
            (vec![], false),
            (vec!["\"a\""], true),
            (vec!["W/\"a\""], true),
            (vec!["\"b\", W/\"a\""], true),
            (vec!["\"b\"", "\"a\""], true),
            (vec!["*"], true),
            (vec!["\"b\""], false),
            (vec!["a"], false),
            (vec!["\"ab\""], false),
        ] {
            let has = has(&lines).await;
            assert_eq!((has.still("\"a\""), has.still("W/\"a\"")), (still, still), "{lines:?}");
        }
    }

    #[test]
    fn a_tagged_answer_is_kept_by_one_client_and_asked_about() {
        let answer = tagged("\"b\"", "new").unwrap();
        let header = |name: HeaderName| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header(header::ETAG), "\"b\"");
        assert_eq!(header(header::VARY), "Authorization");
        assert_eq!(header(header::CACHE_CONTROL), "private, no-cache");
    }
}

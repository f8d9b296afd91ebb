//! Strict JSON in, JSON out.
//!
//! What must stay true: two readers of one body cannot understand it differently. So duplicate keys, unknown fields, a
//! byte order mark, trailing data and deep nesting are refused, whatever the type that is read.

mod fault;
mod strict;
mod tree;
mod value;

use {
    crate::{body, gate::MOST_ADDED, problem::Problem},
    axum::{
        body::{Body, Bytes, HttpBody},
        extract::{FromRequest, OptionalFromRequest, Request},
        http::{HeaderMap, HeaderValue, header},
        response::{IntoResponse, Response},
    },
    portreeve_kernel::Code,
    serde::{Serialize, de::DeserializeOwned},
};

pub use {
    strict::{from_slice, from_value},
    tree::MAX_DEPTH,
};

pub(crate) use {fault::Fault, strict::fill};

/// A JSON body. As an extractor it is strict and comes last, as axum demands, so a [`crate::Caller`] before it has
/// authenticated before the first byte of the body is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::RequestMediaType)
                .detail("send one `Content-Type: application/json`, and UTF-8")
                .param("Content-Type"));
        }
        let bytes = body::read(request.into_body()).await?;
        strict::from_slice(&bytes).map(Self)
    }
}

/// A body that may be left out, whatever `Content-Type` says of none.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// `application/json`, in UTF-8 when it names a character set.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else { return false };
    let (media, parameter) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
    media.trim().eq_ignore_ascii_case("application/json")
        && parameter.trim().replace('"', "").eq_ignore_ascii_case("charset=utf-8")
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => answer(text),
            Err(cause) => Problem::internal(cause).into_response(),
        }
    }
}

/// An answer of JSON that is text already. Has room for the headers that the gate adds.
pub fn answer(text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(text.into()));
    let headers = response.headers_mut();
    headers.reserve(MOST_ADDED.saturating_add(1));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_application_json_in_utf_8_is_read() {
        for (text, expected) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("APPLICATION/JSON;charset=\"UTF-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json; boundary=x", false),
            ("application/problem+json", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            assert_eq!(is_json(&headers), expected, "{text}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn two_content_types_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        assert!(!is_json(&headers));
    }
}

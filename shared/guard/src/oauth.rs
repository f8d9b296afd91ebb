//! The face of the OAuth endpoints: parameters come as a form, refusals go out as RFC 6749 has them, and browsers of
//! everybody may read what is public.
//!
//! What must stay true: a parameter is never read from the address, where it would be logged; a refusal holds fixed text;
//! and nothing here lets a browser send what it keeps for us, such as cookies.

use {
    crate::{body, gate::Cause, json, problem::Problem},
    axum::{
        Router,
        body::Bytes,
        extract::{FromRequest, Request},
        http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_kernel::Code,
    portreeve_oauth::{ErrorCode, OAuthError, Params},
    std::{fmt, time::Duration},
    tower_http::cors::{Any, CorsLayer},
};

const IN_QUERY: OAuthError = OAuthError::new(
    ErrorCode::InvalidRequest,
    "parameters belong in the body, never in the address",
);
const NO_FORM: OAuthError = OAuthError::new(
    ErrorCode::InvalidRequest,
    "the body has to be application/x-www-form-urlencoded",
);
const NO_METADATA: OAuthError =
    OAuthError::new(ErrorCode::InvalidClientMetadata, "the body has to be application/json");
const OURS: OAuthError = OAuthError::new(ErrorCode::ServerError, "this is our fault; it is in the log");
const LATER: OAuthError = OAuthError::new(ErrorCode::TemporarilyUnavailable, "try again in a moment");

/// What a client may say of itself, in bytes.
const METADATA_MAX: usize = 8 * 1024;

/// How long a browser may remember that it may ask.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// The parameters of a request to an OAuth endpoint (OAuth 2.1, 3.2).
#[derive(Debug, Clone)]
pub struct Form(pub Params);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = OAuthRefusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthRefusal> {
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(IN_QUERY.into());
        }
        if !is_form(request.headers()) {
            return Err(NO_FORM.into());
        }
        let body = body::read(request.into_body()).await.map_err(OAuthRefusal::Problem)?;
        Ok(Self(Params::parse(&body)?))
    }
}

/// What a client says of itself (RFC 7591, 3.1), as it came: JSON by its media type, and not too much of it.
#[derive(Debug, Clone)]
pub struct ClientMetadata(pub Bytes);

impl<S: Sync> FromRequest<S> for ClientMetadata {
    type Rejection = OAuthRefusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthRefusal> {
        if !json::is_json(request.headers()) {
            return Err(NO_METADATA.into());
        }
        let body = body::read(request.into_body()).await.map_err(OAuthRefusal::Problem)?;
        if body.len() > METADATA_MAX {
            return Err(OAuthRefusal::Problem(Problem::new(Code::RequestTooLarge)));
        }
        Ok(Self(body))
    }
}

/// Whether the body is a form; what is said of it beside that, such as a character set, changes nothing.
fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let kind = value.to_str().ok().and_then(|text| text.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// A refusal of an OAuth endpoint.
#[derive(Debug, Clone)]
pub enum OAuthRefusal {
    /// In the words of RFC 6749, 5.2.
    Error {
        /// Which.
        error: OAuthError,
        /// True when the client proved itself in the `Authorization` header, and has to be told how to.
        challenged: bool,
        /// What went wrong on our side, for the log alone.
        cause: Option<String>,
    },
    /// The request is refused before it is one to OAuth: too large, too slow.
    Problem(Problem),
}

impl OAuthRefusal {
    /// Our fault: the client learns nothing, the log gets `cause`.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::because(OURS, cause)
    }

    /// Something we need is away.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::because(LATER, cause)
    }

    fn because(error: OAuthError, cause: impl fmt::Display) -> Self {
        Self::Error {
            error,
            challenged: false,
            cause: Some(cause.to_string()),
        }
    }

    /// The same, to a client whose request had these headers.
    #[must_use]
    pub fn to(mut self, headers: &HeaderMap) -> Self {
        if let Self::Error { challenged, .. } = &mut self {
            *challenged = headers.contains_key(header::AUTHORIZATION);
        }
        self
    }
}

impl From<OAuthError> for OAuthRefusal {
    fn from(error: OAuthError) -> Self {
        Self::Error {
            error,
            challenged: false,
            cause: None,
        }
    }
}

impl IntoResponse for OAuthRefusal {
    fn into_response(self) -> Response {
        let (error, challenged, cause) = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Error {
                error,
                challenged,
                cause,
            } => (error, challenged, cause),
        };
        let status = StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(error)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED && challenged {
            let basic = HeaderValue::from_static("Basic realm=\"portreeve\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause {
                code: error.code().as_str(),
                cause,
            });
        }
        response
    }
}

/// Lets pages of any origin read what the routes of `router` answer: for public documents, and for endpoints that take
/// what they need from the request itself. Never for a page on which a person is asked something.
pub fn readable_by_any_page<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let layer = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("mcp-protocol-version"),
        ])
        .expose_headers([header::WWW_AUTHENTICATE])
        .max_age(PREFLIGHT);
    // The layer answers `OPTIONS` only where something else would; the gate's own fallback comes after it.
    router
        .method_not_allowed_fallback(async || Problem::new(Code::RequestMethodNotAllowed))
        .layer(layer)
}

#[cfg(test)]
mod tests {
    use {super::*, axum::body::Body};

    async fn read(uri: &str, kind: Option<&str>, body: &str) -> Result<Params, Response> {
        let mut request = Request::builder().method("POST").uri(uri);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let read = Form::from_request(request, &()).await;
        read.map(|form| form.0).map_err(IntoResponse::into_response)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    /// AUTH_CHECKLIST 6.1
    #[tokio::test]
    async fn parameters_come_in_a_form_and_never_in_the_address() {
        let params = read("/oauth/token", Some(FORM), "grant_type=x&scope=a+b")
            .await
            .unwrap();
        assert_eq!(params.get("scope"), Some("a b"));
        let with_charset = "Application/X-WWW-Form-Urlencoded ; charset=UTF-8";
        assert!(read("/oauth/token?", Some(with_charset), "a=1").await.is_ok());
        for (uri, kind, body) in [
            ("/oauth/token?grant_type=x", Some(FORM), "a=1"),
            ("/oauth/token", Some("application/json"), "{}"),
            ("/oauth/token", None, "a=1"),
            ("/oauth/token", Some(FORM), "a=1&a=2"),
            ("/oauth/token", Some(FORM), "a=%FF"),
        ] {
            let refused = read(uri, kind, body).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{uri} {kind:?} {body}");
            assert_eq!(refused.headers()[header::CACHE_CONTROL], "no-store");
        }
        let large = "x".repeat(crate::MAX_BODY_BYTES + 1);
        let refused = read("/oauth/token", Some(FORM), &large).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn metadata_is_json_of_eight_kibibytes_at_most() {
        let read = async |kind: &str, body: String| {
            let request = Request::builder().method("POST").uri("/oauth/register");
            let request = request
                .header(header::CONTENT_TYPE, kind)
                .body(Body::from(body))
                .unwrap();
            let read = ClientMetadata::from_request(request, &()).await;
            read.map(|read| read.0.len())
                .map_err(|refused| refused.into_response().status().as_u16())
        };
        assert_eq!(read("application/json", "x".repeat(8192)).await, Ok(8192));
        assert_eq!(read("application/json", "x".repeat(8193)).await, Err(413));
        assert_eq!(read("text/plain", "{}".to_owned()).await, Err(400));
        assert_eq!(read(FORM, "a=1".to_owned()).await, Err(400));
    }

    /// AUTH_CHECKLIST 6.3
    #[test]
    fn only_a_client_that_used_the_header_is_told_of_basic() {
        let mut headers = HeaderMap::new();
        let refusal = || OAuthRefusal::from(portreeve_oauth::NOT_BELIEVED);
        let told = |headers: &HeaderMap| refusal().to(headers).into_response();
        assert!(!told(&headers).headers().contains_key(header::WWW_AUTHENTICATE));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic x"));
        let answer = told(&headers);
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Basic realm=\"portreeve\"");
        let other = OAuthRefusal::from(IN_QUERY).to(&headers).into_response();
        assert!(!other.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn what_is_wrong_with_us_is_for_the_log_alone() {
        let response = OAuthRefusal::unavailable("the disk of db7 is full").into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(response.extensions().get::<Cause>().is_some());
        let response = OAuthRefusal::internal("x").into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

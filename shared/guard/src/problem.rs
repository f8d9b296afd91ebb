//! Errors as clients see them: RFC 9457 documents with a code of the registry.
//!
//! What must stay true: an error of ours tells the client nothing but its code, and its cause is logged once, by the
//! gate, next to the request id. Every 4xx and 5xx of the API is one of these documents.

use {
    crate::{context::RequestContext, text},
    axum::{
        body::Body,
        http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_kernel::{Code, RequestId},
    serde::{Deserialize, Serialize},
    serde_json::{Map, Value},
    std::fmt,
};

/// The media type of RFC 9457.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds a client waits before it tries again after a 503, unless the problem says otherwise.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A refusal or failure on its way to the client.
///
/// ```
/// # use portreeve_guard::Problem;
/// # use portreeve_kernel::Code;
/// let problem = Problem::new(Code::ValidationOutOfRange).detail("`0` is not between 1 and 100").param("limit");
/// assert_eq!(problem.code(), Code::ValidationOutOfRange);
/// ```
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    detail: Option<String>,
    param: Option<String>,
    members: Map<String, Value>,
    headers: HeaderMap,
    cause: Option<String>,
}

impl Problem {
    /// A problem that says what the registry says about `code`, and no more.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let mut headers = HeaderMap::new();
        if code.status() == 503 {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        Self(Box::new(Inner {
            code,
            detail: None,
            param: None,
            members: Map::new(),
            headers,
            cause: None,
        }))
    }

    /// Our fault: the client learns nothing, the log gets `cause` once, with the request id.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::because(Code::SystemInternalError, cause)
    }

    /// A failure with a code of its own whose `cause` is for the log alone, such as a lost database.
    #[must_use]
    pub fn because(code: Code, cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(code);
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// What is wrong this time, for people: lower case, no full stop, input in backticks. Because it may repeat somebody's
    /// input, it is cut after 500 characters, and those that a terminal would act on are spelled out.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(text::shown(&detail.to_string()).chars().take(500).collect());
        self
    }

    /// The field, parameter or header that is wrong, as a path such as `limits.daily` or `scopes[2]`. Cut after 200
    /// characters, because it may be a name that somebody made up.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into().chars().take(200).collect());
        self
    }

    /// An extension member, such as `violations` or `requiredScope`. The standard members cannot be overwritten. A value
    /// that has no JSON form becomes `null`.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.0.members.insert(member.to_owned(), value);
        self
    }

    /// A header that belongs to this answer, such as `WWW-Authenticate`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Which entry of the registry this is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// What went wrong on our side, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The HTTP status of the code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Writes the cause into the log, with the request it befell: once, by whoever tells the client.
    pub(crate) fn log(&self, context: &RequestContext) {
        if let Some(cause) = self.cause() {
            crate::gate::failed(context, self.code().as_str(), cause);
        }
    }

    /// What is wrong this time, or what the registry says of it.
    pub(crate) fn said(&self) -> &str {
        self.0.detail.as_deref().unwrap_or(self.0.code.help())
    }

    /// The field, parameter or header that is wrong.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// The extension members.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// Seconds after which it is worth trying again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.0.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
    }

    /// The document. `instance` is the path that was asked, without its query.
    pub(crate) fn document(&self, instance: Option<&str>, request: Option<&RequestId>) -> Vec<u8> {
        let code = self.0.code;
        let mut all = self.0.members.clone();
        let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
        put("type", format!("urn:portreeve:error:{code}").into());
        put("title", code.title().into());
        put("status", code.status().into());
        put("detail", self.said().into());
        put("code", code.as_str().into());
        put("retryable", code.retryable().into());
        if let Some(instance) = instance {
            put("instance", instance.into());
        }
        if let Some(request) = request {
            put("requestId", request.as_str().into());
        }
        if let Some(param) = &self.0.param {
            put("param", param.as_str().into());
        }
        Value::Object(all).to_string().into_bytes()
    }

    /// Status, headers and body; the gate renders again with what it knows of the request.
    pub(crate) fn response(self, instance: Option<&str>, request: Option<&RequestId>) -> Response {
        let mut response = Response::new(Body::from(self.document(instance, request)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.extend(self.0.headers.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response.extensions_mut().insert(self);
        response
    }
}

/// What is wrong and where, in one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.param {
            Some(param) => write!(f, "`{param}`: {}", self.said()),
            None => f.write_str(self.said()),
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response(None, None)
    }
}

/// The form of a problem in the API description; [`Problem`] makes the real ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem, example = json!({
    "type": "urn:portreeve:error:VALIDATION_OUT_OF_RANGE", "title": "Field out of range", "status": 400,
    "detail": "`0` is not between 1 and 100", "instance": "/api/v1/auth/keys", "code": "VALIDATION_OUT_OF_RANGE",
    "requestId": "req_01ARYZ6S41TSV4RRFFQ69G5FAV", "retryable": false, "param": "limit",
}))]
pub struct ProblemDocument {
    /// `urn:portreeve:error:` and the code.
    pub r#type: String,
    /// The same at every occurrence of the code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The path that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// An entry of the registry in docs/errors. Codes are never renamed and never reused.
    pub code: String,
    /// Quote this when you report the problem.
    pub request_id: String,
    /// True when the same request may succeed later; for payments, with the same `Idempotency-Key`.
    pub retryable: bool,
    /// The field, parameter or header that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.document(Some("/x"), None)).unwrap()
    }

    #[test]
    fn a_problem_carries_what_the_registry_says() {
        let told = read(&Problem::new(Code::AgentSuspended));
        assert_eq!(told["type"], "urn:portreeve:error:AGENT_SUSPENDED");
        assert_eq!(told["status"], 409);
        assert_eq!(told["code"], "AGENT_SUSPENDED");
        assert_eq!(told["retryable"], false);
        assert_eq!(told["instance"], "/x");
        assert_eq!(told["detail"], Code::AgentSuspended.help());
    }

    #[test]
    fn an_internal_error_tells_the_client_nothing_of_its_cause() {
        let problem = Problem::internal("disk /dev/sda1 is full");
        assert_eq!(problem.cause(), Some("disk /dev/sda1 is full"));
        assert!(!problem.document(None, None).windows(4).any(|part| part == b"disk"));
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn an_extension_member_cannot_pass_for_a_standard_one() {
        let told = read(
            &Problem::new(Code::AgentSuspended)
                .with("code", "OK")
                .with("status", 200)
                .with("used", 7),
        );
        assert_eq!(told["code"], "AGENT_SUSPENDED");
        assert_eq!(told["status"], 409);
        assert_eq!(told["used"], 7);
    }

    #[test]
    fn a_lost_dependency_says_when_to_try_again() {
        let response = Problem::new(Code::SystemDatabaseError).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }

    #[test]
    fn detail_and_param_are_cut() {
        let told = read(&Problem::new(Code::ValidationInvalidFormat).detail("x".repeat(9_000)));
        assert_eq!(told["detail"].as_str().unwrap().len(), 500);
        let told = read(&Problem::new(Code::ValidationInvalidFormat).param("x".repeat(9_000)));
        assert_eq!(told["param"].as_str().unwrap().len(), 200);
    }

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        let told = read(&Problem::new(Code::ValidationInvalidFormat).detail("`\u{1b}[2J` is no name"));
        assert_eq!(told["detail"], "`\\u{1b}[2J` is no name");
    }
}

//! What every answer gets: its request id, security headers, a link to the next page.

use {
    super::{Cause, Gate},
    crate::{context::RequestContext, page::NextPage, problem::Problem},
    axum::{
        http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
        response::Response,
    },
    portreeve_kernel::Timestamp,
};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For answers that no browser should render, frame, sniff or keep. A page that needs more sets its own.
const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// How many headers an answer gets on its way out, so that there is room for them at once.
pub(crate) const MOST_ADDED: usize = 11;

/// A year (RFC 6797, 6.1). What lies below our name is not ours to decide.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Completes `response`. The body is touched only when it is a problem, so a stream stays a stream.
pub(super) fn finish(
    gate: &Gate,
    mut response: Response,
    context: &RequestContext,
    uri: &Uri,
    now: Timestamp,
) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = tell(problem, response.headers(), context, uri);
    }
    if let Some(Cause { code, cause }) = response.extensions_mut().remove() {
        failed(context, code, &cause);
    }
    let next = response.extensions_mut().remove::<NextPage>();
    let headers = response.headers_mut();
    headers.reserve(MOST_ADDED);
    let counted = context.share().map(|share| share.headers(now));
    headers.extend(counted.into_iter().flatten());
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    if gate.0.https_only {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if let Ok(id) = HeaderValue::from_str(context.id().as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if headers.contains_key(header::WWW_AUTHENTICATE)
        && let Some(metadata) = gate.metadata_of(uri.path())
    {
        point_to(metadata, headers);
    }
    if let Some(link) = next.and_then(|page| HeaderValue::try_from(page.link(uri)).ok()) {
        headers.insert(header::LINK, link);
    }
    response
}

/// Adds to a challenge for a bearer where it is said what that is and who makes it (RFC 9728, 5.1).
fn point_to(metadata: &str, headers: &mut HeaderMap) {
    let Some(challenge) = headers
        .get(header::WWW_AUTHENTICATE)
        .and_then(|value| value.to_str().ok())
    else {
        return;
    };
    if !challenge.starts_with("Bearer ") {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(format!("{challenge}, resource_metadata=\"{metadata}\"")) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}

/// Renders a problem with what is known of its request, and logs its cause: here and nowhere else.
fn tell(problem: Problem, set: &HeaderMap, context: &RequestContext, uri: &Uri) -> Response {
    problem.log(context);
    let mut response = problem.response(Some(uri.path()), Some(context.id()));
    // What the router added on the way, such as `Allow`.
    for (name, value) in set {
        if name != header::CONTENT_LENGTH {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    response.extensions_mut().remove::<Problem>();
    response
}

/// Logs what went wrong on our side.
pub(crate) fn failed(context: &RequestContext, code: &str, cause: &str) {
    tracing::error!(
        request.id = %context.id(),
        http.route = context.route().unwrap_or("-"),
        code,
        cause = ?cause,
        "request failed"
    );
}

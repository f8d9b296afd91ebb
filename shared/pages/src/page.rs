//! Pages and what browsers may do with them. The texts are in `templates/`.

use {
    crate::asset,
    askama::Template,
    axum::{
        http::{HeaderName, HeaderValue, StatusCode, header},
        response::{Html, IntoResponse, Response},
    },
    portreeve_guard::Problem,
    portreeve_kernel::RequestId,
};

/// For pages; other answers get stricter ones from the gate. `same-origin`, because without any referrer a form says that
/// it comes from nowhere.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("publickey-credentials-create=(self), publickey-credentials-get=(self)"),
    ),
];

/// A page as an answer.
#[derive(Debug, Clone, Copy)]
pub struct Page<T> {
    status: StatusCode,
    body: T,
}

impl<T> Page<T> {
    /// A page that was asked for.
    pub const fn new(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }
}

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = match self.body.render() {
            Ok(text) => (self.status, Html(text)).into_response(),
            Err(error) => return Problem::internal(error).into_response(),
        };
        response.headers_mut().extend(HEADERS);
        response
    }
}

/// Where somebody makes a passkey. The link's secret stands behind the `#` of its address, which browsers send nowhere.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "enrol.html")]
pub struct Enrol;

/// Where somebody signs in.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "signin.html")]
pub struct SignIn<'a> {
    /// Where to go on then.
    pub next: &'a str,
}

/// What somebody sees who is signed in and wants nothing else.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "signed_in.html")]
pub struct SignedIn<'a> {
    /// Who it is.
    pub name: &'a str,
    /// In which role.
    pub role: &'a str,
    /// The token of the form `signout`.
    pub token: &'a str,
}

/// Says why something did not happen.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "notice.html")]
pub struct Notice<'a> {
    /// In a few words.
    pub title: &'a str,
    /// And what to do about it.
    pub text: &'a str,
    /// To be quoted to whoever looks it up in the log.
    pub request: &'a str,
}

/// Says why something did not happen.
#[must_use]
pub fn notice<'a>(status: StatusCode, title: &'a str, text: &'a str, request: &'a RequestId) -> Page<Notice<'a>> {
    Page {
        status,
        body: Notice {
            title,
            text,
            request: request.as_str(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: impl Template) -> String {
        page.render().unwrap()
    }

    fn all() -> [String; 4] {
        let (name, role, token) = ("Ada", "owner", "t");
        [
            text(Enrol),
            text(SignIn { next: "/x" }),
            text(SignedIn { name, role, token }),
            text(Notice {
                title: "No",
                text: "Because",
                request: "req_1",
            }),
        ]
    }

    #[test]
    fn markup_in_what_is_not_ours_is_text() {
        let evil = "\"><script>alert(1)</script>'&";
        for page in [
            text(SignIn { next: evil }),
            text(SignedIn {
                name: evil,
                role: evil,
                token: evil,
            }),
            text(Notice {
                title: evil,
                text: evil,
                request: evil,
            }),
        ] {
            assert!(!page.contains("<script>") && !page.contains("'&"), "{page}");
            assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        }
    }

    #[test]
    fn no_page_holds_script_style_or_handlers_of_its_own() {
        for page in all() {
            for (place, _) in page.match_indices("<script") {
                let tag = page.get(place..).unwrap().split_inclusive('>').next().unwrap();
                assert!(tag.contains("src=\"/assets/"), "{tag}");
            }
            assert!(!page.contains("<style") && !page.contains(" style="), "{page}");
            let handler = page.split_whitespace().find(|word| {
                let name = word.split('=').next().unwrap_or_default();
                name.len() < word.len() && name.starts_with("on")
            });
            assert_eq!(handler, None);
            assert!(!page.contains("javascript:"), "{page}");
        }
    }

    #[test]
    fn every_page_has_a_language_a_title_a_heading_and_labels() {
        for page in all() {
            for part in [
                "<!doctype html>",
                "<html lang=\"en\">",
                "<title>",
                "<h1>",
                "<main>",
                "width=device-width",
            ] {
                assert!(page.contains(part), "{part}: {page}");
            }
            for (place, _) in page.match_indices("<input") {
                let tag = page.get(place..).unwrap().split_inclusive('>').next().unwrap();
                let id = tag.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
                let labelled = id.is_some_and(|id| page.contains(&format!("<label for=\"{id}\">")));
                assert!(labelled || tag.contains("type=\"hidden\""), "{tag}");
            }
            assert_eq!(
                page.matches("aria-live").count(),
                page.matches("passkey").count().min(1),
                "{page}"
            );
        }
    }

    #[test]
    fn a_page_cannot_be_framed_and_runs_our_script_alone() {
        let response = Page::new(Enrol).into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }
}

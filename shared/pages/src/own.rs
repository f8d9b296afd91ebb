//! Whether a request was caused by a page of ours. A browser adds cookies to a request whoever caused it; what it says of
//! the cause no page can forge.

use {
    axum::{
        extract::{FromRef, FromRequestParts},
        http::{HeaderMap, header, request::Parts},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    std::sync::Arc,
};

/// What this server is called from outside, such as `https://portreeve.example`.
#[derive(Debug, Clone)]
pub struct OwnOrigin(Arc<str>);

impl OwnOrigin {
    /// The origin as browsers write it: scheme, host and port, and no slash behind.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self(origin.into())
    }

    /// True when the browser says that a page of this origin caused the request, and says nothing against it.
    fn caused(&self, headers: &HeaderMap) -> bool {
        let fits = |name: &str, expected: &str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => None,
                (Some(value), None) => Some(value.as_bytes() == expected.as_bytes()),
                (Some(_), Some(_)) => Some(false),
            }
        };
        let site = fits("sec-fetch-site", "same-origin");
        let origin = fits(header::ORIGIN.as_str(), &self.0);
        // Browsers that are older than the one header send the other.
        site != Some(false) && origin != Some(false) && (site.is_some() || origin.is_some())
    }
}

/// A page of ours caused this request. The first argument of every handler that changes something for who is signed in, or
/// signs somebody in, so that nothing is read or answered before.
#[derive(Debug, Clone, Copy)]
pub struct OwnPage(());

impl<App: Send + Sync> FromRequestParts<App> for OwnPage
where
    OwnOrigin: FromRef<App>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if OwnOrigin::from_ref(app).caused(&parts.headers) {
            Ok(Self(()))
        } else {
            Err(Problem::new(Code::RequestOriginNotAllowed).detail(
                "only a page of this server may ask for this; open it at the server's own address, and begin there",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_very_origin_counts() {
        let own = OwnOrigin::new("https://portreeve.example");
        let good = "https://portreeve.example";
        for (lines, expected) in [
            (vec![("sec-fetch-site", "same-origin"), ("origin", good)], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("origin", good)], true),
            (vec![], false),
            (vec![("sec-fetch-site", "same-site"), ("origin", good)], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "null")], false),
            (vec![("origin", "null")], false),
            (vec![("origin", "https://portreeve.example.evil.example")], false),
            (vec![("origin", "https://portreeve.example:8443")], false),
            (vec![("origin", "http://portreeve.example")], false),
            (vec![("origin", "https://PORTREEVE.example")], false),
            (vec![("origin", "https://portreeve.example/")], false),
            (vec![("origin", good), ("origin", good)], false),
            (
                vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &lines {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(own.caused(&headers), expected, "{lines:?}");
        }
    }
}

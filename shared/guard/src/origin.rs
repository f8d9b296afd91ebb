//! What this server is called, which names it answers to, and which web pages may call it.
//!
//! What must stay true: a page that was loaded from somewhere else cannot make somebody's browser talk to a server that
//! listens on that person's own machine, not even when its name is made to lead here (DNS rebinding).

mod own;

pub use own::{Origin, OriginError};

use {
    crate::problem::Problem,
    axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority},
    portreeve_kernel::Code,
    serde::{Deserialize, Deserializer},
    std::{fmt, net::Ipv6Addr, str::FromStr},
};

/// A web origin (RFC 6454): scheme, host and port, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin such as `https://app.example`, with a port or without and nothing after it")]
pub struct WebOriginError(String);

impl FromStr for WebOrigin {
    type Err = WebOriginError;

    fn from_str(text: &str) -> Result<Self, WebOriginError> {
        let parsed = || {
            let (scheme, authority) = match text.split_once("://")? {
                ("http", rest) => (Scheme::Http, rest),
                ("https", rest) => (Scheme::Https, rest),
                _ => return None,
            };
            let (host, port) = name_and_port(authority)?;
            let port = port.unwrap_or_else(|| scheme.port());
            Some(Self { scheme, host, port })
        };
        parsed().ok_or_else(|| WebOriginError(text.chars().take(100).collect()))
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == self.scheme.port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl<'de> Deserialize<'de> for WebOrigin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Host and port of an authority that is nothing more: no user, no path.
fn name_and_port(text: &str) -> Option<(Box<str>, Option<u16>)> {
    let bare = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    let authority = text.parse::<Authority>().ok().filter(|_| bare)?;
    let (host, port) = (authority.host(), authority.port());
    // `host:` and `host:99999` are no ports.
    let said = text.get(host.len()..)?;
    let port = match (said, port) {
        ("", None) => None,
        (_, Some(port)) => Some(port.as_u16()),
        (_, None) => return None,
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase().into(), port))
}

/// Names of this very machine. No name server is asked for them, so nobody can make one of theirs lead here.
fn is_loopback(host: &str) -> bool {
    let v6 = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    host == "localhost"
        || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
        || v6(host).is_some_and(|ip| ip.is_loopback())
}

/// Who may call an endpoint that browsers can reach.
#[derive(Debug, Clone)]
pub struct Origins {
    own: Origin,
    allowed: Vec<WebOrigin>,
}

impl Origins {
    /// A server that is known to the world as `own`, and may be called by pages of `allowed` too.
    #[must_use]
    pub const fn new(own: Origin, allowed: Vec<WebOrigin>) -> Self {
        Self { own, allowed }
    }

    /// Lets a request in, and says which page it comes from when it is another one than ours.
    ///
    /// # Errors
    /// `REQUEST_HOST_UNKNOWN` when it calls us by a name that is not ours; `REQUEST_ORIGIN_NOT_ALLOWED` when it comes from a
    /// page that may not call us, or from one that will not say (`null`).
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<Option<ForeignPage>, Problem> {
        let unknown = || Problem::new(Code::RequestHostUnknown);
        let called = self.called(uri, headers).ok_or_else(unknown)?;
        let mut values = headers.get_all(header::ORIGIN).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let origin = value.to_str().ok().and_then(|text| text.parse::<WebOrigin>().ok());
        let origin = origin.filter(|_| values.next().is_none());
        let refused = || Problem::new(Code::RequestOriginNotAllowed).param("Origin");
        let origin = origin.ok_or_else(refused)?;
        // A page of this machine that was loaded from the name and port that it calls.
        let from_here = origin.host == called.0 && origin.port == called.1.unwrap_or(origin.scheme.port());
        if *self.own.web() == origin || from_here && is_loopback(&origin.host) {
            Ok(None)
        } else if self.allowed.contains(&origin) {
            Ok(Some(ForeignPage(value.clone())))
        } else {
            Err(refused())
        }
    }

    /// The name and port that this request calls us by, when it is one of ours.
    fn called(&self, uri: &Uri, headers: &HeaderMap) -> Option<(Box<str>, Option<u16>)> {
        let mut values = headers.get_all(header::HOST).iter();
        let (first, more) = (values.next(), values.next());
        let named = match (first, more, uri.authority()) {
            (Some(host), None, _) => name_and_port(host.to_str().ok()?)?,
            (None, None, Some(authority)) => name_and_port(authority.as_str())?,
            _ => return None,
        };
        let own = self.own.web();
        let is_own = own.host == named.0 && own.port == named.1.unwrap_or_else(|| own.scheme.port());
        (is_own || is_loopback(&named.0)).then_some(named)
    }
}

/// A page of somebody else's that may read the answer.
#[derive(Debug, Clone)]
pub struct ForeignPage(HeaderValue);

/// What such a page may read of an answer, besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static("WWW-Authenticate, X-Request-Id, Retry-After");

impl ForeignPage {
    /// Lets the page's browser hand the answer over. Without credentials mode: tokens stand in the `Authorization` header.
    pub fn may_read(self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }

    /// The same for the question that a browser asks beforehand.
    pub fn may_send(self, method: &'static str, names: &'static str, headers: &mut HeaderMap) {
        self.may_read(headers);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(method));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(names));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        let own = "https://wallet.example".parse().unwrap();
        Origins::new(own, vec!["https://app.example:8443".parse().unwrap()])
    }

    fn asked(host: &[&str], origin: &[&str]) -> Result<bool, Code> {
        let mut headers = HeaderMap::new();
        for value in host {
            headers.append(header::HOST, value.parse().unwrap());
        }
        for value in origin {
            headers.append(header::ORIGIN, value.parse().unwrap());
        }
        let page = origins().admit(&Uri::from_static("/mcp"), &headers);
        page.map(|page| page.is_some()).map_err(|problem| problem.code())
    }

    /// Checklist 3.2.
    #[test]
    fn only_our_own_name_and_those_of_this_machine_are_answered() {
        for host in [
            "wallet.example",
            "Wallet.Example:443",
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:80",
        ] {
            assert_eq!(asked(&[host], &[]), Ok(false), "{host}");
        }
        for host in [
            "evil.example",
            "wallet.example:80",
            "wallet.example.",
            "wallet.example.evil.example",
            "xwallet.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example@localhost",
            "localhost@evil.example",
            "localhost:",
            "localhost:99999",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "",
        ] {
            assert_eq!(asked(&[host], &[]), Err(Code::RequestHostUnknown), "{host}");
        }
        assert_eq!(asked(&[], &[]), Err(Code::RequestHostUnknown), "none");
        assert_eq!(
            asked(&["localhost", "localhost"], &[]),
            Err(Code::RequestHostUnknown),
            "two"
        );
    }

    /// Checklist 3.1.
    #[test]
    fn a_page_from_elsewhere_is_refused_however_alike_its_origin_looks() {
        for origin in [
            "null",
            "https://evil.example",
            "http://wallet.example",
            "https://wallet.example:8443",
            "https://wallet.example.evil.example",
            "https://evilwallet.example",
            "https://wallet.example@evil.example",
            "https://evil.example@wallet.example",
            "https://wallet.example/",
            "https://evil.example/https://wallet.example",
            "https://app.example",
            "https://app.example:84430",
            "https://app.example:8443#",
            "file://",
            "app.example:8443",
            "*",
            "",
        ] {
            assert_eq!(
                asked(&["wallet.example"], &[origin]),
                Err(Code::RequestOriginNotAllowed),
                "{origin}"
            );
        }
        let twice = ["https://wallet.example", "https://wallet.example"];
        assert_eq!(asked(&["wallet.example"], &twice), Err(Code::RequestOriginNotAllowed));
        // Another server on this machine is somewhere else.
        for origin in ["http://localhost:3000", "http://127.0.0.1:8787", "http://localhost"] {
            assert_eq!(
                asked(&["localhost:8787"], &[origin]),
                Err(Code::RequestOriginNotAllowed),
                "{origin}"
            );
        }
    }

    #[test]
    fn our_own_pages_and_the_allowed_ones_are_let_in() {
        assert_eq!(asked(&["wallet.example"], &["https://wallet.example"]), Ok(false));
        assert_eq!(asked(&["localhost:8787"], &["http://localhost:8787"]), Ok(false));
        assert_eq!(asked(&["localhost"], &["http://localhost"]), Ok(false));
        assert_eq!(asked(&["localhost:8787"], &["https://app.example:8443"]), Ok(true));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, written) in [
            ("https://App.Example:443", "https://app.example"),
            ("http://a:80", "http://a"),
            ("http://a:443", "http://a:443"),
            ("http://[::1]:5", "http://[::1]:5"),
        ] {
            assert_eq!(text.parse::<WebOrigin>().unwrap().to_string(), written);
        }
        for bad in [
            "https://a/",
            "https://a?x",
            "a",
            "https://",
            "https://a b",
            "ftp://a",
            "https://u@a",
            "https://a:",
        ] {
            assert!(bad.parse::<WebOrigin>().is_err(), "{bad}");
        }
    }
}

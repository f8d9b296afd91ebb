//! What the server is called from outside. Every address in a token, a document or a challenge begins with it, and none
//! comes from a request.

use {
    super::{Scheme, WebOrigin, is_loopback},
    axum::http::{HeaderMap, header},
    serde::{Deserialize, Deserializer},
    std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc},
};

/// The address of the server without a path, such as `https://portreeve.example`. It is the issuer's name, so it is
/// compared byte for byte by everybody who is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// As browsers write it, which is the one spelling that is taken.
    text: Arc<str>,
    web: WebOrigin,
}

/// The text cannot stand before every address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no origin: {why}")]
pub struct OriginError {
    text: String,
    why: &'static str,
}

impl Origin {
    /// The server on this machine. By its name and not by its number: a passkey belongs to a name.
    #[must_use]
    pub fn local(port: u16) -> Self {
        Self::localhost(Scheme::Https, port)
    }

    /// The same where there is no TLS, which it alone may be called without.
    #[must_use]
    pub fn without_tls(port: u16) -> Self {
        Self::localhost(Scheme::Http, port)
    }

    fn localhost(scheme: Scheme, port: u16) -> Self {
        let host = "localhost".into();
        let web = WebOrigin { scheme, host, port };
        let text = web.to_string().into();
        Self { text, web }
    }

    /// The address itself, which is also the issuer's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// True when it is called over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.web.scheme == Scheme::Https
    }

    /// The name or address in it. An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.web.host.trim_matches(['[', ']'])
    }

    /// True when it leads to nowhere but the machine of whoever calls it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.web.host)
    }

    /// True when the browser says that a page of this origin caused the request, and says nothing against it. A browser adds
    /// cookies to a request whoever caused it; what it says of the cause no page can forge.
    #[must_use]
    pub fn caused(&self, headers: &HeaderMap) -> bool {
        let fits = |name: &str, expected: &str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => None,
                (Some(value), None) => Some(value.as_bytes() == expected.as_bytes()),
                (Some(_), Some(_)) => Some(false),
            }
        };
        let site = fits("sec-fetch-site", "same-origin");
        let origin = fits(header::ORIGIN.as_str(), &self.text);
        // Browsers that are older than the one header send the other.
        site != Some(false) && origin != Some(false) && (site.is_some() || origin.is_some())
    }

    pub(super) const fn web(&self) -> &WebOrigin {
        &self.web
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// One spelling for one address: two that differ in a byte are two issuers.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let refuse = |why| {
            Err(OriginError {
                text: text.chars().take(200).collect(),
                why,
            })
        };
        let Ok(web) = text.parse::<WebOrigin>() else {
            return refuse(
                "it is `https://` and a name or an address, with a port or without: no path, no user, no query",
            );
        };
        if web.to_string() != text {
            return refuse("it is written in small letters, and without the usual port");
        }
        if !is_host(&web.host) || web.port == 0 {
            return refuse("its host is a name or an address, and its port one that can be called");
        }
        if web.scheme == Scheme::Http && !is_loopback(&web.host) {
            return refuse("without TLS only `localhost` can be called");
        }
        let text = text.into();
        Ok(Self { text, web })
    }
}

/// A name in small letters, or an address in its shortest form.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.trim_end_matches(']');
        return address.parse().is_ok_and(|ip: Ipv6Addr| ip.to_string() == address);
    }
    let is_label = |label: &str| {
        let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(of_name)
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        for good in [
            "https://portreeve.example",
            "https://a.b-c.example:8443",
            "https://192.0.2.7",
            "https://[2001:db8::1]:8443",
            "https://localhost",
            "http://localhost:8787",
            "http://127.0.0.1:8787",
            "http://[::1]",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for local in [Origin::local(8787), Origin::without_tls(8787)] {
            assert_eq!(local.as_str().parse(), Ok(local));
        }
    }

    #[test]
    fn an_origin_knows_its_host_and_whether_it_leaves_the_machine() {
        for (text, host, is_https, is_loopback) in [
            ("https://portreeve.example", "portreeve.example", true, false),
            ("https://localhost.example:8443", "localhost.example", true, false),
            ("https://[2001:db8::1]:8443", "2001:db8::1", true, false),
            ("https://[::1]", "::1", true, true),
            ("https://localhost:8787", "localhost", true, true),
            ("http://127.0.0.1:8787", "127.0.0.1", false, true),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(
                (origin.host(), origin.is_https(), origin.is_loopback()),
                (host, is_https, is_loopback)
            );
        }
    }

    #[test]
    fn what_is_more_less_or_another_spelling_is_refused() {
        for bad in [
            "",
            "portreeve.example",
            "HTTPS://portreeve.example",
            "https://Portreeve.example",
            "https://portreeve.example/",
            "https://portreeve.example/auth",
            "https://portreeve.example?x=1",
            "https://portreeve.example#x",
            "https://user@portreeve.example",
            "https://portreeve.example:443",
            "https://portreeve.example:",
            "https://portreeve.example:0",
            "https://portreeve.example:08443",
            "https://portreeve.example:70000",
            "https://portreeve.example:8443/",
            "https://portreeve..example",
            "https://portreeve.example.",
            "https://-a.example",
            "https://",
            "https://[::1",
            "https://[::1]x",
            "https://[0:0:0:0:0:0:0:1]",
            "https://[portreeve.example]",
            "https://a b",
            "https://münchen.example",
            "http://portreeve.example",
            "http://localhost.example:8787",
            "http://localhost:80",
            "ftp://localhost",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_page_of_this_very_origin_counts() {
        let own = "https://portreeve.example".parse::<Origin>().unwrap();
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

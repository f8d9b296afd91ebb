//! What the server is called from outside. Every address in a token, a document or a challenge begins with it, and none
//! comes from a request.

use {
    serde::{Deserialize, Deserializer},
    std::{
        fmt,
        net::{IpAddr, Ipv6Addr},
        str::FromStr,
    },
};

/// The address of the server without a path, such as `https://portreeve.example`. It is the issuer's name, so it is
/// compared byte for byte by everybody who is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(Box<str>);

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
        Self(format!("https://localhost:{port}").into())
    }

    /// The same where there is no TLS, which it alone may be called without.
    #[must_use]
    pub fn without_tls(port: u16) -> Self {
        Self(format!("http://localhost:{port}").into())
    }

    /// True when it is called over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The name or address in it. An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        let in_brackets = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        in_brackets.map_or_else(|| rest.split(':').next().unwrap_or_default(), |(host, _)| host)
    }

    /// True when it leads to nowhere but the machine of whoever calls it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The address itself, which is also the issuer's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// What tokens for the wallet are made for: its MCP endpoint, whose address is its name (RFC 9728, 3.3). The same
    /// tokens are good for the API beside it.
    #[must_use]
    pub fn wallet(&self) -> String {
        self.at("/mcp")
    }

    /// Where tokens are asked for.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.at("/oauth/token")
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
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let usual_port = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return refuse("it begins with `https://`, in small letters"),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) if port.starts_with(':') => (host, port.strip_prefix(':')),
            Some(_) => return refuse("after the host comes at most a port: no path, no slash at the end"),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host.len() <= 253
                && host.split('.').all(|label| {
                    !label.is_empty()
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label
                            .bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                })
        };
        let is_v6 = rest.starts_with('[');
        let is_host = match host.parse::<Ipv6Addr>() {
            Ok(address) => is_v6 && address.to_string() == host,
            Err(_) => !is_v6 && is_name(host),
        };
        if !is_host {
            return refuse("the host is a name in small letters or an address: no path, no user, no query");
        }
        if let Some(port) = port {
            let is_port = port
                .parse::<u16>()
                .is_ok_and(|number| number > 0 && number.to_string() == port);
            if !is_port {
                return refuse("the port is a number from 1 to 65535, and nothing comes after it");
            }
            if port == usual_port {
                return refuse("the scheme's usual port is left out");
            }
        }
        if scheme == "http" && !matches!(host, "localhost" | "127.0.0.1" | "::1") {
            return refuse("without TLS only `localhost` can be called");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
}

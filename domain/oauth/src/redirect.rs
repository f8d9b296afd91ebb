//! Where an answer may be sent. Registered addresses are compared byte for byte; the one exception is the port of a
//! loopback address, which a program on somebody's machine learns only when it starts (RFC 9700, 2.1; RFC 8252, 7.3).

use {
    crate::error::{ErrorCode, OAuthError},
    std::fmt,
};

/// Longer than any real one.
const LENGTH_MAX: usize = 2048;

const INVALID: OAuthError = OAuthError::new(
    ErrorCode::InvalidRedirectUri,
    "a redirect_uri is https, or http on 127.0.0.1, [::1] or localhost, without fragment, user or wildcard",
);

/// An address that a client registered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RedirectUri {
    text: Box<str>,
    /// For loopback addresses: what stands before and after the port.
    around_port: Option<(usize, usize)>,
    host: (usize, usize),
}

impl RedirectUri {
    /// Checks an address for registration: `https`, or `http` on loopback; no fragment, no user, no wildcard, nothing that
    /// a browser reads differently than we do.
    ///
    /// # Errors
    /// `invalid_redirect_uri`.
    pub fn register(text: &str) -> Result<Self, OAuthError> {
        Self::parse(text).ok_or(INVALID)
    }

    fn parse(text: &str) -> Option<Self> {
        // Printable ASCII only: no spaces, controls, homoglyphs; no backslash, which browsers take for a slash.
        let plain = |byte: u8| {
            byte.is_ascii_graphic()
                && !matches!(
                    byte,
                    b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | b'*' | b'#'
                )
        };
        if text.len() > LENGTH_MAX || !text.bytes().all(plain) {
            return None;
        }
        let (secure, start) = if text.starts_with("https://") {
            (true, 8)
        } else if text.starts_with("http://") {
            (false, 7)
        } else {
            return None;
        };
        let rest = text.get(start..)?;
        let authority_length = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = rest.get(..authority_length)?;
        if authority.contains('@') {
            return None;
        }
        let host_length = if authority.starts_with('[') {
            authority.find(']')?.checked_add(1)?
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, port) = authority.split_at_checked(host_length)?;
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let is_host = host == "[::1]" || (!host.is_empty() && !host.starts_with('.') && host.bytes().all(named));
        let digits = port.strip_prefix(':');
        let is_port = port.is_empty() || digits.is_some_and(|digits| digits.parse::<u16>().is_ok_and(|port| port != 0));
        // `+80` parses as a number and is none.
        let only_digits = digits.is_none_or(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let loopback = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
        if !is_host || !is_port || !only_digits || !(secure || loopback) {
            return None;
        }
        let host_end = start.checked_add(host_length)?;
        let port_end = start.checked_add(authority_length)?;
        Some(Self {
            text: text.into(),
            around_port: loopback.then_some((host_end, port_end)),
            host: (start, host_end),
        })
    }

    /// Whether an answer may go to `asked`: the same bytes, or the same loopback address on another port.
    #[must_use]
    pub fn matches(&self, asked: &str) -> bool {
        if *self.text == *asked {
            return true;
        }
        let (Some(ours), Some(theirs)) = (self.without_port(), Self::parse(asked)) else {
            return false;
        };
        theirs.without_port() == Some(ours)
    }

    fn without_port(&self) -> Option<(&str, &str)> {
        let (host_end, port_end) = self.around_port?;
        Some((self.text.get(..host_end)?, self.text.get(port_end..)?))
    }

    /// The host, which a person is shown before an answer goes there.
    #[must_use]
    pub fn host(&self) -> &str {
        let (start, end) = self.host;
        self.text.get(start..end).unwrap_or_default()
    }

    /// True when the answer goes to a program on the person's own machine, whichever that is.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.around_port.is_some()
    }

    /// As it was registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::register(text).unwrap()
    }

    #[test]
    fn https_anywhere_and_http_on_loopback_can_be_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/cb?x=1",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:3000/cb",
            "http://[::1]:3000/",
            "http://localhost:8080/cb",
        ] {
            assert_eq!(uri(good).as_str(), good);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_cannot() {
        for bad in [
            "http://app.example/cb",
            "https://app.example/cb#x",
            "https://user@app.example/cb",
            "https://app.example@evil.example/cb",
            "https://*.example/cb",
            "https://app.example\\@evil.example/",
            "https://аpp.example/cb",
            "https://app.example/c b",
            "https:///cb",
            "https://.example/",
            "https://app.example:0/",
            "https://app.example:99999/",
            "https://app.example:+80/",
            "https://app.example:/cb:",
            "https://APP.example/",
            "http://127.0.0.2/cb",
            "http://localhost.evil.example/cb",
            "http://[::2]/cb",
            "http://[::1/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "custom://app/cb",
            "//app.example/cb",
            "",
        ] {
            assert_eq!(
                RedirectUri::register(bad).map_err(|error| error.code()),
                Err(ErrorCode::InvalidRedirectUri),
                "{bad}"
            );
        }
        assert!(RedirectUri::register(&format!("https://a.example/{}", "x".repeat(2048))).is_err());
    }

    #[test]
    fn one_character_more_or_less_is_another_address() {
        let registered = uri("https://app.example/cb");
        assert!(registered.matches("https://app.example/cb"));
        for other in [
            "https://app.example/cb/",
            "https://app.example/c",
            "https://app.example/cb?x",
            "https://app.example:443/cb",
            "https://app.example.evil.example/cb",
            "https://App.example/cb",
            "https://app.example/%63b",
            "http://app.example/cb",
        ] {
            assert!(!registered.matches(other), "{other}");
        }
    }

    #[test]
    fn a_loopback_address_matches_on_every_port_and_in_nothing_else() {
        let registered = uri("http://127.0.0.1/cb");
        assert!(registered.matches("http://127.0.0.1:49152/cb"));
        assert!(uri("http://localhost:3000/cb").matches("http://localhost:4000/cb"));
        for other in [
            "http://127.0.0.1:49152/cc",
            "http://localhost:49152/cb",
            "http://[::1]:49152/cb",
            "https://127.0.0.1:49152/cb",
            "http://127.0.0.1:49152@evil.example/cb",
            "http://127.0.0.1:x/cb",
        ] {
            assert!(!registered.matches(other), "{other}");
        }
    }

    #[test]
    fn the_host_is_what_a_person_is_shown() {
        assert_eq!(uri("https://app.example:8443/cb").host(), "app.example");
        assert_eq!(uri("http://[::1]:3000/").host(), "[::1]");
        assert!(uri("http://localhost/x").is_loopback());
        assert!(!uri("https://app.example/cb").is_loopback());
    }
}

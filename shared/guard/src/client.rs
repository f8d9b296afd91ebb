//! Whose address a request has: the peer's, or what a configured proxy says about its peer.
//!
//! What must stay true: a header counts only when a configured proxy vouches for it, and no address is ever a reason to
//! skip authentication.

use {
    axum::http::{HeaderMap, HeaderName, header},
    portreeve_kernel::Network,
    serde::Deserialize,
    std::net::{IpAddr, SocketAddr},
};

/// The proxies in front of this server, and the one header they set. Without proxies the peer is the client.
///
/// Exactly one header is read, because a proxy that sets one passes the client's own version of the other through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxies {
    /// Their addresses.
    pub networks: Vec<Network>,
    /// The header they append to.
    pub header: ProxyHeader,
}

/// A header in which a proxy names the address it was called from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ProxyHeader {
    /// `X-Forwarded-For: client, proxy1`.
    #[default]
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy1` (RFC 7239).
    #[serde(rename = "forwarded")]
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    fn vouches(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The client's address: the right-most hop that is no configured proxy. A hop that cannot be read ends the walk,
    /// and the proxy that wrote it stands for the client.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.vouches(client) {
            return client;
        }
        let name = match self.header {
            ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeader::Forwarded => header::FORWARDED,
        };
        // Several header lines are one list; a line that is no text is one hop that cannot be read.
        let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        for hop in hops.iter().rev() {
            let address = match self.header {
                ProxyHeader::XForwardedFor => node(hop.trim()),
                ProxyHeader::Forwarded => forwarded_for(hop).and_then(node),
            };
            let Some(address) = address else { break };
            client = address.to_canonical();
            if !self.vouches(client) {
                break;
            }
        }
        client
    }
}

/// The value of `for` in one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    let (_, value) = element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    Some(
        value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value),
    )
}

/// An address with or without port and brackets.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text)
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> String {
        let proxies = Proxies {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_never_believed() {
        let lines = ["x-forwarded-for: 192.0.2.1"];
        assert_eq!(
            client(ProxyHeader::XForwardedFor, "198.51.100.1", &lines),
            "198.51.100.1"
        );
        let nobody = Proxies::default();
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "192.0.2.1".parse().unwrap());
        assert_eq!(
            nobody.client("127.0.0.1".parse().unwrap(), &headers).to_string(),
            "127.0.0.1"
        );
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        for (lines, expected) in [
            (vec!["x-forwarded-for: 192.0.2.1"], "192.0.2.1"),
            (vec!["x-forwarded-for: 1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            (vec!["x-forwarded-for: 192.0.2.1, 10.0.0.9"], "192.0.2.1"),
            (
                vec!["x-forwarded-for: 192.0.2.1", "x-forwarded-for: 10.0.0.9"],
                "192.0.2.1",
            ),
            (vec!["x-forwarded-for: 192.0.2.1:4711"], "192.0.2.1"),
            (vec!["x-forwarded-for: [2001:db8::1]:4711"], "2001:db8::1"),
            (vec!["x-forwarded-for: ::ffff:192.0.2.1"], "192.0.2.1"),
            (vec!["x-forwarded-for: 192.0.2.1, garbage"], "10.0.0.1"),
            (vec!["x-forwarded-for: 192.0.2.1,"], "10.0.0.1"),
            (vec!["x-forwarded-for: 10.0.0.5"], "10.0.0.5"),
            (vec!["forwarded: for=192.0.2.1"], "10.0.0.1"),
            (vec![], "10.0.0.1"),
        ] {
            assert_eq!(
                client(ProxyHeader::XForwardedFor, "10.0.0.1", &lines),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (lines, expected) in [
            (vec!["forwarded: for=192.0.2.1;proto=https"], "192.0.2.1"),
            (vec!["forwarded: proto=https; For=\"192.0.2.1:47\""], "192.0.2.1"),
            (vec!["forwarded: for=\"[2001:db8::7]:47\", for=10.0.0.9"], "2001:db8::7"),
            (vec!["forwarded: for=192.0.2.1, for=unknown"], "10.0.0.1"),
            (vec!["forwarded: for=192.0.2.1, for=_hidden"], "10.0.0.1"),
            (vec!["x-forwarded-for: 192.0.2.1"], "10.0.0.1"),
        ] {
            assert_eq!(
                client(ProxyHeader::Forwarded, "10.0.0.1", &lines),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_mapped_peer_is_its_ipv4_address() {
        assert_eq!(
            client(
                ProxyHeader::XForwardedFor,
                "::ffff:10.0.0.1",
                &["x-forwarded-for: 192.0.2.1"]
            ),
            "192.0.2.1"
        );
    }
}

//! Address ranges in CIDR notation, for key lists, configured proxies and the networks that may be called.
//!
//! What must stay true: an IPv4 address and its IPv6-mapped form are the same address, and a range means exactly what
//! its text says (host bits are refused, never dropped).

use {
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{
        fmt,
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        str::FromStr,
    },
};

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`. A bare address is a range of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor an address and a length.
    #[error("`{0}` is not an address range such as `10.0.0.0/8` or `2001:db8::/32`")]
    Malformed(String),
    /// Bits behind the prefix are set; the range that was probably meant is named.
    #[error("`{given}` has bits set behind its prefix, write `{corrected}`")]
    HostBits {
        /// What was asked for.
        given: String,
        /// The range that contains it.
        corrected: Network,
    },
}

impl Network {
    /// True when `address` lies within; `address` may be in IPv6-mapped form.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => own == masked_v4(other, self.prefix),
            (IpAddr::V6(own), IpAddr::V6(other)) => own == masked_v6(other, self.prefix),
            _ => false,
        }
    }

    /// True for `0.0.0.0/0` and `::/0`, which contain every address of their family.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// The range of `prefix` bits around `address`, and whether bits behind them were set.
    fn around(address: IpAddr, prefix: u8) -> Option<(Self, bool)> {
        let (address, prefix) = match (address, address.to_canonical()) {
            // A mapped range is a range of IPv4, when it is narrow enough to be one.
            (IpAddr::V6(_), IpAddr::V4(mapped)) if prefix >= 96 => (IpAddr::V4(mapped), prefix.checked_sub(96)?),
            (given, _) => (given, prefix),
        };
        let start = match address {
            IpAddr::V4(own) if prefix <= 32 => IpAddr::V4(masked_v4(own, prefix)),
            IpAddr::V6(own) if prefix <= 128 => IpAddr::V6(masked_v6(own, prefix)),
            _ => return None,
        };
        Some((Self { address: start, prefix }, start != address))
    }
}

fn masked_v4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let behind = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & !behind)
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let behind = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & !behind)
}

/// Decimal digits without sign or leading zero.
fn prefix_length(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let parse = || {
            let (address, prefix) = match text.split_once('/') {
                Some((address, prefix)) => (address.parse().ok()?, prefix_length(prefix)?),
                None => {
                    let address: IpAddr = text.parse().ok()?;
                    (address, if address.is_ipv4() { 32 } else { 128 })
                }
            };
            Self::around(address, prefix)
        };
        let given = || text.chars().take(64).collect::<String>();
        match parse() {
            Some((network, false)) => Ok(network),
            Some((corrected, true)) => Err(NetworkError::HostBits {
                given: given(),
                corrected,
            }),
            None => Err(NetworkError::Malformed(given())),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_its_first_and_last_address_and_not_their_neighbours() {
        for (range, address, inside) in [
            ("10.1.0.0/16", "10.1.0.0", true),
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("10.1.0.0/16", "10.0.255.255", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("::ffff:10.1.0.0/112", "10.1.2.3", true),
            ("::ffff:10.1.0.0/112", "10.2.0.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::ffff:203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("::/0", "::ffff:203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::/127", "2001:db8::1", true),
            ("2001:db8::/127", "2001:db8::2", false),
        ] {
            let range: Network = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{range} {address}");
        }
    }

    #[test]
    fn host_bits_are_refused_with_the_range_that_was_meant() {
        for (text, corrected) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.0.0.1/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.2.3/112", "10.1.0.0/16"),
            ("::ffff:10.0.0.0/90", "::ffc0:0:0/90"),
        ] {
            let NetworkError::HostBits { corrected: told, .. } = text.parse::<Network>().unwrap_err() else {
                panic!("{text} was called malformed");
            };
            assert_eq!(told.to_string(), corrected);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/8/8",
            "10.0.0/8",
            "010.0.0.0/8",
            "::/129",
            "::ffff:10.0.0.0/129",
            "fe80::1%eth0",
            "localhost",
            " 10.0.0.0/8",
            "10.0.0.0/8 ",
            "10.0.0.0/256",
        ] {
            assert!(
                matches!(text.parse::<Network>(), Err(NetworkError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_bare_or_mapped_address_prints_as_the_range_it_is() {
        assert_eq!("192.0.2.7".parse::<Network>().unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(
            "::ffff:192.0.2.7".parse::<Network>().unwrap().to_string(),
            "192.0.2.7/32"
        );
    }

    proptest::proptest! {
        #[test]
        fn containing_is_sharing_the_first_bits(own: u128, other: u128, prefix in 0_u8..=128) {
            let (network, _) = Network::around(IpAddr::V6(Ipv6Addr::from_bits(own)), prefix).unwrap();
            let other = IpAddr::V6(Ipv6Addr::from_bits(other));
            // Bit by bit, the slow way; mapped addresses are IPv4 and another matter.
            if let (IpAddr::V6(start), IpAddr::V6(asked)) = (network.address, other.to_canonical()) {
                let same = (0..network.prefix).all(|bit| {
                    let place = 127 - u32::from(bit);
                    (start.to_bits() >> place) & 1 == (asked.to_bits() >> place) & 1
                });
                proptest::prop_assert_eq!(network.contains(other), same);
            }
            proptest::prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
    }
}

//! Which addresses are outside: those of everybody's internet, and none that means a machine, a network or a group of
//! machines near us (IANA's registries of special-purpose addresses).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address and length of what is not outside, of IPv4.
const SPECIAL_V4: [(Ipv4Addr, u32); 14] = [
    // This network, and this host.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Carriers' own.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: also where clouds keep their machines' secrets.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4, which lead anywhere.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Groups, the future, and everybody at once.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The same within what is outside at all, of IPv6.
const SPECIAL_V6: [(Ipv6Addr, u32); 3] = [
    // Protocols' own, Teredo among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// All that is given out to everybody lies in here.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Translated to IPv4: the last four bytes say where to (RFC 6052).
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Wrapped into IPv4: four bytes after the first two say where to (RFC 3056).
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// Whether `address` is somewhere on everybody's internet. One that leads to an IPv4 address is judged by that.
pub(crate) fn is_outside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|range| in_v4(address, *range)),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            let [_, _, e, f, g, h, ..] = address.octets();
            if in_v6(address, NAT64) {
                return is_outside(IpAddr::from([a, b, c, d]));
            }
            if in_v6(address, SIX_TO_FOUR) {
                return is_outside(IpAddr::from([e, f, g, h]));
            }
            in_v6(address, GLOBAL_V6) && !SPECIAL_V6.iter().any(|range| in_v6(address, *range))
        }
    }
}

fn in_v4(address: Ipv4Addr, (start, length): (Ipv4Addr, u32)) -> bool {
    let behind = u32::MAX.checked_shr(length).unwrap_or(0);
    address.to_bits() & !behind == start.to_bits()
}

fn in_v6(address: Ipv6Addr, (start, length): (Ipv6Addr, u32)) -> bool {
    let behind = u128::MAX.checked_shr(length).unwrap_or(0);
    address.to_bits() & !behind == start.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(text: &str) -> bool {
        is_outside(text.parse().unwrap())
    }

    #[test]
    fn the_last_address_before_a_special_range_and_the_first_after_it_are_outside() {
        for (range, before, first, last, after) in [
            ("0/8", None, "0.0.0.0", "0.255.255.255", Some("1.0.0.0")),
            (
                "10/8",
                Some("9.255.255.255"),
                "10.0.0.0",
                "10.255.255.255",
                Some("11.0.0.0"),
            ),
            (
                "100.64/10",
                Some("100.63.255.255"),
                "100.64.0.0",
                "100.127.255.255",
                Some("100.128.0.0"),
            ),
            (
                "127/8",
                Some("126.255.255.255"),
                "127.0.0.0",
                "127.255.255.255",
                Some("128.0.0.0"),
            ),
            (
                "169.254/16",
                Some("169.253.255.255"),
                "169.254.0.0",
                "169.254.255.255",
                Some("169.255.0.0"),
            ),
            (
                "172.16/12",
                Some("172.15.255.255"),
                "172.16.0.0",
                "172.31.255.255",
                Some("172.32.0.0"),
            ),
            (
                "192.0.0/24",
                Some("191.255.255.255"),
                "192.0.0.0",
                "192.0.0.255",
                Some("192.0.1.0"),
            ),
            (
                "192.0.2/24",
                Some("192.0.1.255"),
                "192.0.2.0",
                "192.0.2.255",
                Some("192.0.3.0"),
            ),
            (
                "192.88.99/24",
                Some("192.88.98.255"),
                "192.88.99.0",
                "192.88.99.255",
                Some("192.88.100.0"),
            ),
            (
                "192.168/16",
                Some("192.167.255.255"),
                "192.168.0.0",
                "192.168.255.255",
                Some("192.169.0.0"),
            ),
            (
                "198.18/15",
                Some("198.17.255.255"),
                "198.18.0.0",
                "198.19.255.255",
                Some("198.20.0.0"),
            ),
            (
                "198.51.100/24",
                Some("198.51.99.255"),
                "198.51.100.0",
                "198.51.100.255",
                Some("198.51.101.0"),
            ),
            (
                "203.0.113/24",
                Some("203.0.112.255"),
                "203.0.113.0",
                "203.0.113.255",
                Some("203.0.114.0"),
            ),
            ("224/3", Some("223.255.255.255"), "224.0.0.0", "255.255.255.255", None),
            (
                "2001::/23",
                None,
                "2001::",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                Some("2001:200::"),
            ),
            (
                "2001:db8::/32",
                Some("2001:db7:ffff::"),
                "2001:db8::",
                "2001:db8:ffff::1",
                Some("2001:db9::"),
            ),
            (
                "3fff::/20",
                Some("3ffe:ffff::"),
                "3fff::",
                "3fff:fff::1",
                Some("3fff:1000::"),
            ),
        ] {
            assert!(
                before.is_none_or(outside) && after.is_none_or(outside),
                "around {range}"
            );
            assert!(!outside(first) && !outside(last), "within {range}");
        }
    }

    #[test]
    fn nothing_of_ipv6_is_outside_but_what_is_given_out_to_everybody() {
        for inside in [
            "::",
            "::1",
            "::8.8.8.8",
            "100::1",
            "1fff:ffff::1",
            "4000::1",
            "5f00::1",
            "64:ff9b:1::808:808",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!outside(inside), "{inside}");
        }
        assert!(outside("2606:4700:4700::1111") && outside("2a00:1450::1"));
    }

    #[test]
    fn an_address_that_leads_to_ipv4_is_judged_by_that() {
        for (around, v4) in [
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b::8.8.8.8", true),
            ("2002:a00:1::1", false),
            ("2002:7f00:1::", false),
            ("2002:808:808::1", true),
        ] {
            assert_eq!(outside(around), v4, "{around}");
        }
    }
}

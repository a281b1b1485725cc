//! Which addresses a stranger may send us to: public ones, outside our own networks.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether an address is public, that is on the open internet.
///
/// An IPv6 address that wraps an IPv4 address (mapped, NAT64, 6to4) is judged by what it wraps.
/// Source: IANA special-purpose address registries (RFC 6890 and its updates).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !BLOCKED_V4.iter().any(|&(base, bits)| within_v4(v4, base, bits)),
        IpAddr::V6(v6) => match unwrapped(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Only 2000::/3 is handed out for the internet; everything else is special or unused.
            None => {
                within_v6(v6, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
                    && !BLOCKED_V6.iter().any(|&(base, bits)| within_v6(v6, base, bits))
            }
        },
    }
}

/// Whether a URL leads to this machine or to one in its own networks, judged by what it says.
///
/// A name counts by its end, or when it has only one part, as routers give them; no such name is known on the internet.
/// Source: RFC 6761, RFC 6762, RFC 8375; `.internal` is reserved by ICANN resolution 2024.07.29.06.
pub fn is_in_the_house(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(v4)) => !is_public(v4.into()),
        Some(Host::Ipv6(v6)) => !is_public(v6.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            !name.is_empty() && (!name.contains('.') || HOUSE_NAMES.iter().any(|end| name.ends_with(end)))
        }
        None => false,
    }
}

const HOUSE_NAMES: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".lan"];

/// The networks this machine is directly attached to.
///
/// In a home every device has a public IPv6 address, so "public" alone does not keep a stranger from
/// sending us to the printer: what shares a link with us is refused too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnNetworks(Vec<(IpAddr, u32)>);

impl OwnNetworks {
    /// Reads the networks of the running system; empty where Linux `/proc` is not there.
    pub fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/net/if_inet6"), &read("/proc/net/route"))
    }

    /// Whether the address, or the IPv4 address it wraps, lies in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        let inner = match address {
            IpAddr::V6(v6) => unwrapped(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        [Some(address), inner].into_iter().flatten().any(|address| {
            self.0.iter().any(|&(base, bits)| match (address, base) {
                (IpAddr::V4(v4), IpAddr::V4(base)) => within_v4(v4, base, bits),
                (IpAddr::V6(v6), IpAddr::V6(base)) => within_v6(v6, base, bits),
                _ => false,
            })
        })
    }

    /// Reads the texts of `/proc/net/if_inet6` and `/proc/net/route`; unreadable lines are skipped.
    ///
    /// Source: Linux `net/ipv6/addrconf.c` (`if6_seq_show`) and `net/ipv4/fib_trie.c` (`fib_route_seq_show`).
    fn parse(if_inet6: &str, route: &str) -> Self {
        let v6 = if_inet6.lines().take(NETWORKS_MAX).filter_map(v6_network);
        let v4 = route.lines().take(NETWORKS_MAX).filter_map(v4_network);
        // A network of every address is a default route in disguise, not a link.
        Self(v6.chain(v4).filter(|&(_, bits)| bits > 0).collect())
    }
}

/// Fields: address, interface number, prefix length, scope, flags, name; numbers are hexadecimal.
fn v6_network(line: &str) -> Option<(IpAddr, u32)> {
    let mut fields = line.split_whitespace();
    let address = u128::from_str_radix(fields.next()?, 16).ok()?;
    let bits = u32::from_str_radix(fields.nth(1)?, 16).ok()?;
    (bits <= 128).then_some((IpAddr::V6(Ipv6Addr::from_bits(address)), bits))
}

/// Fields: interface, destination, gateway, flags, three counters, mask; a link has no gateway.
fn v4_network(line: &str) -> Option<(IpAddr, u32)> {
    // The kernel prints the address as it lies in memory.
    let word = |text: &str| {
        let word = u32::from_str_radix(text, 16).ok()?;
        Some(Ipv4Addr::from(word.to_ne_bytes()))
    };
    let mut fields = line.split_whitespace().skip(1);
    let base = word(fields.next()?)?;
    let gateway = word(fields.next()?)?;
    let mask = word(fields.nth(4)?)?;
    gateway.is_unspecified().then_some((IpAddr::V4(base), mask.to_bits().count_ones()))
}

/// The IPv4 address inside a mapped, NAT64 or 6to4 address.
fn unwrapped(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(join(g, h)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

fn within_v4(address: Ipv4Addr, base: Ipv4Addr, bits: u32) -> bool {
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    address.to_bits() & mask == base.to_bits() & mask
}

fn within_v6(address: Ipv6Addr, base: Ipv6Addr, bits: u32) -> bool {
    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
    address.to_bits() & mask == base.to_bits() & mask
}

const BLOCKED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays, retired
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved and broadcast
];

/// Inside 2000::/3 only; the rest of the address space is refused as a whole.
const BLOCKED_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, with Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// More interfaces and routes than a gateway has.
const NETWORKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.255.1.1",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:192.168.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:c0a8:0101::1",
            "2002:7f00:1::",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:0101:0101::1",
        ] {
            assert!(is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn neighbours_on_our_own_links_are_recognised() {
        let if_inet6 = "20010db8000100020000000000000005 02 40 00 80     eth0\n\
                        00000000000000000000000000000001 01 80 10 80       lo\nnoise\n";
        let mut route = String::from("Iface Destination Gateway Flags RefCnt Use Metric Mask MTU\n");
        let word = |text: &str| {
            let address: Ipv4Addr = text.parse().unwrap();
            format!("{:08X}", u32::from_ne_bytes(address.octets()))
        };
        for (base, gateway, mask) in [
            ("0.0.0.0", "192.168.1.1", "0.0.0.0"),
            ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
            ("81.2.3.0", "0.0.0.0", "255.255.255.0"),
            ("9.0.0.0", "192.168.1.1", "255.0.0.0"),
        ] {
            let line = format!("eth0 {} {} 1 0 0 0 {} 0\n", word(base), word(gateway), word(mask));
            route.push_str(&line);
        }
        let own = OwnNetworks::parse(if_inet6, &route);
        for (text, expected) in [
            ("2001:db8:1:2::77", true),
            ("2001:db8:1:3::77", false),
            ("::1", true),
            ("81.2.3.9", true),
            ("::ffff:81.2.3.9", true),
            ("81.2.4.9", false),
            ("9.1.1.1", false),
        ] {
            assert_eq!(own.contain(ip(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_machine_without_proc_has_no_known_networks() {
        assert_eq!(OwnNetworks::parse("", ""), OwnNetworks::default());
        assert!(!OwnNetworks::default().contain(ip("1.1.1.1")));
    }
}

//! Says which addresses a plugin never reaches, whatever name or rule led to them.
//!
//! The dialler asks it for every address, after the name was resolved and before anything is sent. What is not plainly a public address
//! is refused: private, loopback, link-local with the clouds' metadata services, shared, multicast, documentation, and every form of
//! IPv6 that carries an IPv4 address, because a translator on the way would unpack it. For IPv6 it is a list of what is allowed and not
//! of what is not: most of that space belongs to nobody, and what it will mean is not known.
//!
//! A platform may allow ranges of its own. It must not know names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Never reached: the special ranges of IANA's registry, RFC 6890 and its successors, by what they are for.
const V4_REFUSED: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),        // "this network": Linux takes it for loopback
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // shared between carriers and customers; Alibaba's metadata service
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // Azure's host: a public address that only virtual machines reach
    ([169, 254, 0, 0], 16),   // link-local; the metadata services of most clouds
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // IETF protocols; Oracle's metadata service
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 52, 193, 0], 24),  // AMT
    ([192, 88, 99, 0], 24),   // relays of 6to4
    ([192, 168, 0, 0], 16),   // private
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// The one part of IPv6 that is given out to networks.
const V6_GLOBAL: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Of that part, what is for something else.
const V6_REFUSED: [([u16; 8], u8); 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF protocols, and with them Teredo, which carries an IPv4 address
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: carries an IPv4 address
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// RFC 6052: the translators' prefix. In a network without IPv4 every service is behind it, so it is judged by what it carries.
const V6_NAT64: ([u16; 8], u8) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

fn v4_net((address, bits): ([u8; 4], u8)) -> Option<Ipv4Net> {
    Ipv4Net::new(Ipv4Addr::from(address), bits).ok()
}

fn v6_is_in(address: Ipv6Addr, (net, bits): ([u16; 8], u8)) -> bool {
    Ipv6Net::new(Ipv6Addr::from(net), bits).is_ok_and(|net| net.contains(&address))
}

fn v4_is_public(address: Ipv4Addr) -> bool {
    !V4_REFUSED.into_iter().filter_map(v4_net).any(|net| net.contains(&address))
}

fn v6_is_public(address: Ipv6Addr) -> bool {
    if v6_is_in(address, V6_NAT64) {
        let [.., a, b, c, d] = address.octets();
        return v4_is_public(Ipv4Addr::new(a, b, c, d));
    }
    v6_is_in(address, V6_GLOBAL) && !V6_REFUSED.into_iter().any(|net| v6_is_in(address, net))
}

/// A range that a platform allows its plugins, for example "10.1.0.0/16".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange(IpNet);

/// A text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a range of addresses; write for example 10.1.0.0/16 or fd00:1::/64, with the bits behind the slash zero")]
pub struct BadRange {
    /// What was given, cut to 80 characters.
    pub given: String,
}

impl FromStr for AddressRange {
    type Err = BadRange;
    fn from_str(text: &str) -> Result<Self, BadRange> {
        let bad = || BadRange { given: text.chars().take(80).collect() };
        let net: IpNet = text.parse().map_err(|_| bad())?;
        // A range that says more than it means is a mistake: 10.1.2.3/8 is all of 10.
        if net.trunc() == net { Ok(Self(net)) } else { Err(bad()) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What may be reached.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    own: Vec<AddressRange>,
}

/// The form in which an address is judged: IPv4 inside IPv6 is IPv4 to the kernel.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl Addresses {
    /// Public ones, and those of the platform's own ranges.
    pub fn new(own: Vec<AddressRange>) -> Self {
        Self { own }
    }

    /// Whether the platform has named it as its own.
    pub fn is_own(&self, address: IpAddr) -> bool {
        let address = plain(address);
        self.own.iter().any(|range| range.0.contains(&address))
    }

    /// Whether a plugin may reach it.
    pub fn may_be_reached(&self, address: IpAddr) -> bool {
        let is_public = match plain(address) {
            IpAddr::V4(address) => v4_is_public(address),
            IpAddr::V6(address) => v6_is_public(address),
        };
        is_public || self.is_own(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loopback, unspecified, private, link-local and metadata, shared, reserved.
    const NEVER_V4: [&str; 27] = [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "192.0.0.192",
        "192.0.0.1",
        "168.63.129.16",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "198.18.0.1",
        "198.19.255.255",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
    ];

    /// The same in IPv6.
    const NEVER_V6: [&str; 20] = [
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "5f00::1",
        "4000::1",
        "1::1",
        "e000::1",
    ];

    /// IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo, ISATAP.
    const NEVER_INSIDE: [&str; 17] = [
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "64:ff9b:1::8.8.8.8",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fe80::5efe:127.0.0.1",
    ];

    /// Just beside those, and public.
    const PUBLIC: [&str; 15] = [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.255.255",
        "198.17.255.255",
        "223.255.255.255",
        "168.63.129.17",
        "2606:4700::1111",
        "2a00:1450::1",
        "2620:fe::fe",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ];

    fn reached(own: &[&str], address: &str) -> bool {
        Addresses::new(own.iter().map(|range| range.parse().unwrap()).collect()).may_be_reached(address.parse().unwrap())
    }

    #[test]
    fn an_address_that_is_not_plainly_public_is_never_reached() {
        for address in NEVER_V4.iter().chain(&NEVER_V6).chain(&NEVER_INSIDE) {
            assert!(!reached(&[], address), "{address} would be reached");
        }
        for address in PUBLIC {
            assert!(reached(&[], address), "{address} would not be reached");
        }
    }

    #[test]
    fn a_platform_allows_ranges_of_its_own_and_nothing_beside_them() {
        let own = ["10.1.0.0/16", "fd00:1::/64", "127.0.0.2/32"];
        for address in ["10.1.0.1", "10.1.255.255", "::ffff:10.1.2.3", "fd00:1::7", "127.0.0.2", "8.8.8.8"] {
            assert!(reached(&own, address), "{address}");
        }
        for address in ["10.0.0.1", "10.2.0.1", "fd00:2::1", "127.0.0.1", "169.254.169.254"] {
            assert!(!reached(&own, address), "{address}");
        }
        let addresses = Addresses::new(vec!["10.1.0.0/16".parse().unwrap()]);
        assert!(addresses.is_own("10.1.0.1".parse().unwrap()) && !addresses.is_own("8.8.8.8".parse().unwrap()));
        for given in ["", "10.1.0.0", "10.1.0.1/16", "10.1.0.0/33", "ten/8", "10.1.0.0/16 "] {
            assert!(given.parse::<AddressRange>().is_err(), "{given:?} was taken");
        }
    }
}

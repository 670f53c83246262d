//! What counts as one address where strangers are counted: of IPv6, whoever has one has many.

use std::net::{IpAddr, Ipv6Addr};

/// A link's prefix, which is one machine's or one household's.
pub const LINK: u32 = 64;
/// A site's prefix, as providers give it out (RFC 6177).
pub const SITE: u32 = 56;

/// The network of so many bits that an address of IPv6 is in, which counts as one. Addresses of IPv4, also mapped ones,
/// count each for itself.
pub fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_network_counts_once() {
        let at = |text: &str, bits| network(text.parse().unwrap(), bits);
        assert_eq!(at("2001:db8:0:a1::1", LINK), at("2001:db8:0:a1:ffff::2", LINK));
        assert_ne!(at("2001:db8:0:a1::1", LINK), at("2001:db8:0:a2::1", LINK));
        assert_eq!(at("2001:db8:0:a1::1", SITE), at("2001:db8:0:a2::1", SITE));
        assert_ne!(at("2001:db8:0:a1::1", SITE), at("2001:db8:0:1a1::1", SITE));
        assert_eq!(at("::ffff:192.0.2.1", LINK), at("192.0.2.1", SITE));
        assert_ne!(at("192.0.2.1", SITE), at("192.0.2.2", SITE));
    }
}

//! Which IP addresses are on the public internet: all but those that the IANA registries of special-purpose addresses take out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not public: address and length of the prefix.
const INSIDE_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by carriers
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, and where clouds keep credentials
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocols
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // relays of 6to4
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// Parts of 2000::/3 that are not public, or that carry an IPv4 address which may not be.
const INSIDE_V6: &[([u16; 8], u32)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),     // protocols, Teredo among them
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),     // 6to4
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation
];

/// Whether an address is on the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let lies_in = |(network, length): &([u8; 4], u32)| {
                let differing = address.to_bits() ^ Ipv4Addr::from(*network).to_bits();
                differing.leading_zeros() >= *length
            };
            !INSIDE_V4.iter().any(lies_in)
        }
        IpAddr::V6(address) => {
            let lies_in = |(network, length): &([u16; 8], u32)| {
                let differing = address.to_bits() ^ Ipv6Addr::from(*network).to_bits();
                differing.leading_zeros() >= *length
            };
            // Only 2000::/3 is given out; mapped addresses, loopback, link-local and multicast all lie elsewhere.
            lies_in(&([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)) && !INSIDE_V6.iter().any(lies_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_is_known() {
        let inside = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ];
        for address in inside {
            assert!(!is_public(address.parse().expect(address)), "{address}");
        }
        for address in
            ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "172.15.0.1", "2606:4700::1111", "2a00:1450::1"]
        {
            assert!(is_public(address.parse().expect(address)), "{address}");
        }
    }
}

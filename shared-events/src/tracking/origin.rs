//! Origins of pages, as browsers write them in the header `Origin`.

/// Most origins that one publishable key may be used from.
pub const MOST_ORIGINS: usize = 50;

/// Whether a browser could send this as an `Origin`: scheme, host in small letters, and the port unless it is the scheme's own.
/// Another spelling would be compared with what browsers send and never match.
pub fn is_origin(origin: &str) -> bool {
    let (rest, usual_port) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return false,
    };
    let after_host = if rest.starts_with('[') { rest.find(']').map(|end| end + 1) } else { rest.find(':') };
    let (host, port) = rest.split_at(after_host.unwrap_or(rest.len()));
    is_host(host) && (port.is_empty() || port.strip_prefix(':').is_some_and(|port| is_port(port, usual_port)))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    host.len() <= 253 && host.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(plain))
}

fn is_port(port: &str, usual: u16) -> bool {
    let number = port.parse::<u16>().ok().filter(|number| *number != 0 && *number != usual);
    number.is_some_and(|number| number.to_string() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        let good = [
            "https://shop.example",
            "http://localhost:3000",
            "https://[::1]:8443",
            "https://[::1]",
            "http://127.0.0.1:443",
        ];
        for origin in good {
            assert!(is_origin(origin), "{origin}");
        }
        let bad = [
            "",
            "https://",
            "https://shop.example/",
            "shop.example",
            "https://Shop.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:",
            "https://shop.example:08443",
            "https://shop.example:70000",
            "https://shop..example",
            "https://:8443",
            "https://[::1",
            "https://[shop]",
            "https://user@shop.example",
            "*",
            "null",
        ];
        for origin in bad {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}

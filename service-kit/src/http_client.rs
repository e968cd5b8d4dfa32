//! Clients for other services, always with deadlines. One TLS provider is installed for the whole process.

use std::sync::Once;
use std::time::Duration;

use crate::config::Authorities;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client builder whose requests end after `timeout`.
pub fn builder(timeout: Duration) -> reqwest::ClientBuilder {
    install_tls_provider();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(concat!("recoup/", env!("CARGO_PKG_VERSION")))
}

/// A client whose requests end after `timeout`.
///
/// # Panics
/// When the system's certificates cannot be loaded at all: nothing could be reached then.
pub fn client(timeout: Duration) -> reqwest::Client {
    builder(timeout).build().expect("the TLS provider is installed and the settings are constant")
}

/// A client whose requests end after `timeout`, and that trusts servers that one of `authorities` vouches for too.
///
/// # Panics
/// As [`client`]: the authorities were checked when they were read.
pub fn trusting(authorities: Option<&Authorities>, timeout: Duration) -> reqwest::Client {
    let certificates = authorities.into_iter().flat_map(Authorities::certificates);
    let certificates = certificates.map(|der| reqwest::Certificate::from_der(der).expect("DER is not read yet"));
    builder(timeout).tls_certs_merge(certificates).build().expect("certificates and settings are checked before")
}

/// Makes ring the TLS provider of this process. Every library that speaks TLS relies on it, so this runs before the first connection;
/// again is harmless.
pub fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

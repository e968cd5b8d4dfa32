//! Who follows a link: a digest that tells one visitor's clicks of a day together, and nobody who it was.
//!
//! It is an HMAC of address and user agent under a random key of the tenant and the day. Neither is stored, nothing is put on the visitor's
//! device, and the keys of earlier days are deleted when the next day's is made: from then on not even we can tell whose digests they were,
//! nor that two of different days are one visitor's. The digest serves the fraud signal alone; it never earns a partner anything.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName};
use chrono::{DateTime, NaiveDate, Utc};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use service_kit::store::Store;
use shared_events::{TenantId, VisitorId};

/// Keys remembered at a time; beyond that all are read again.
const REMEMBERED: usize = 10_000;
/// Bytes of a key.
const KEY: usize = 32;
/// What proxies say of the client, whether or not we are told to believe one of them.
const FORWARDED: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// Tells visitors apart by what their browsers send anyway.
pub struct LinkVisitors {
    store: Store,
    header: Option<HeaderName>,
    keys: Mutex<HashMap<TenantId, (NaiveDate, hmac::Key)>>,
}

impl LinkVisitors {
    /// Keys in `store`. The own proxy writes the client's address into `header`, if one is named.
    pub fn new(store: Store, header: Option<HeaderName>) -> Self {
        Self { store, header, keys: Mutex::default() }
    }

    /// The visitor who sent `headers` from `peer` at `now`; none where the address is not known to be the visitor's own.
    ///
    /// # Errors
    /// When the key of the day cannot be had.
    pub async fn of(
        &self,
        tenant: &TenantId,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        now: DateTime<Utc>,
    ) -> Result<Option<VisitorId>, sqlx::Error> {
        let Some(address) = client_address(self.header.as_ref(), headers, peer) else { return Ok(None) };
        let key = self.key(tenant, now.date_naive()).await?;
        let agent = headers.get("user-agent").map(|agent| agent.as_bytes()).unwrap_or_default();
        Ok(Some(digest(&key, address, agent)))
    }

    async fn key(&self, tenant: &TenantId, day: NaiveDate) -> Result<hmac::Key, sqlx::Error> {
        if let Some((of, key)) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(tenant)
            && *of == day
        {
            return Ok(key.clone());
        }
        let bytes = self.stored(tenant, day).await?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        keys.insert(tenant.clone(), (day, key.clone()));
        Ok(key)
    }

    /// The key that all processes use on `day`. Whoever needs it first makes it, and deletes those of earlier days.
    async fn stored(&self, tenant: &TenantId, day: NaiveDate) -> Result<Vec<u8>, sqlx::Error> {
        let mut fresh = [0_u8; KEY];
        SystemRandom::new().fill(&mut fresh).map_err(|_| sqlx::Error::Protocol("no randomness".into()))?;
        let mut work = self.store.read(tenant).await?;
        sqlx::query!("DELETE FROM link_visitor_keys WHERE tenant = $1 AND day < $2", tenant.as_str(), day)
            .execute(work.conn())
            .await?;
        sqlx::query!(
            "INSERT INTO link_visitor_keys (tenant, day, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            day,
            &fresh,
        )
        .execute(work.conn())
        .await?;
        let key = sqlx::query_scalar!(
            "SELECT key FROM link_visitor_keys WHERE tenant = $1 AND day = $2",
            tenant.as_str(),
            day
        )
        .fetch_one(work.conn())
        .await?;
        work.commit().await?;
        Ok(key)
    }
}

fn digest(key: &hmac::Key, address: IpAddr, agent: &[u8]) -> VisitorId {
    let mut context = hmac::Context::with_key(key);
    context.update(address.to_string().as_bytes());
    context.update(&[0x1f]);
    context.update(agent);
    let tag = context.sign();
    let mut half = [0; 16];
    half.copy_from_slice(&tag.as_ref()[..16]);
    VisitorId(uuid::Builder::from_custom_bytes(half).into_uuid())
}

/// The visitor's own address. With a header that is what the own proxy wrote, which comes last. Without one it is the peer, unless somebody
/// stands between us: then all visitors would look like one, and all their conversions like fraud.
fn client_address(header: Option<&HeaderName>, headers: &HeaderMap, peer: Option<SocketAddr>) -> Option<IpAddr> {
    let address = match header {
        Some(header) => {
            headers.get_all(header).iter().next_back()?.to_str().ok()?.rsplit(',').next().and_then(parse)?
        }
        None if FORWARDED.iter().any(|name| headers.contains_key(*name)) => return None,
        None => peer?.ip(),
    };
    let address = address.to_canonical();
    is_public(address).then(|| network(address))
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whether visitors come from such addresses. Others are proxies', or those of the own network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

/// A subscriber has a whole /64 of IPv6, whose devices change their addresses in it as they like.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(header: Option<&'static str>, sent: &[(&'static str, &'static str)], peer: &str) -> Option<String> {
        let header = header.map(HeaderName::from_static);
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().expect("valid"));
        }
        let peer = Some(SocketAddr::new(peer.parse().expect("an address"), 4711));
        client_address(header.as_ref(), &headers, peer).map(|address| address.to_string())
    }

    #[test]
    fn the_address_is_the_visitors_own_or_nobodys() {
        let forwarded: &[(&str, &str)] = &[("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
        let public = Some("198.51.100.7".to_owned());
        assert_eq!(from(None, &[], "198.51.100.7"), public);
        assert_eq!(from(None, &[], "::ffff:198.51.100.7"), public, "the same in the clothes of IPv6");
        for own in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            assert_eq!(from(None, &[], own), None, "{own}");
        }
        assert_eq!(from(None, forwarded, "198.51.100.7"), None, "a proxy that we are not told to believe");
        assert_eq!(from(Some("x-forwarded-for"), forwarded, "10.0.0.1"), public, "a visitor may have sent the first");
        let twice: &[(&str, &str)] = &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7:5555")];
        assert_eq!(from(Some("x-forwarded-for"), twice, "10.0.0.1"), public);
        assert_eq!(from(Some("x-forwarded-for"), &[], "198.51.100.7"), None, "who goes around the proxy");
        assert_eq!(from(Some("x-forwarded-for"), &[("x-forwarded-for", "unknown")], "10.0.0.1"), None);
        let v6 = |address| from(None, &[], address);
        assert_eq!(v6("2001:db8:1:2:3::4"), v6("2001:db8:1:2:ffff::1"));
        assert_ne!(v6("2001:db8:1:2:3::4"), v6("2001:db8:1:3:3::4"));
    }

    #[test]
    fn a_digest_needs_address_agent_and_key() {
        let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; KEY]);
        let (one, other) = ("198.51.100.7".parse().expect("valid"), "198.51.100.8".parse().expect("valid"));
        let first = digest(&key(1), one, b"Browser");
        assert_eq!(first, digest(&key(1), one, b"Browser"));
        for different in
            [digest(&key(2), one, b"Browser"), digest(&key(1), other, b"Browser"), digest(&key(1), one, b"")]
        {
            assert_ne!(first, different);
        }
    }
}

//! Authorities of one's own that vouch for a server's certificate.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates of authorities, as read from a PEM file. Every one of them can be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities {
    pem: Arc<[u8]>,
    certificates: Arc<[CertificateDer<'static>]>,
}

/// Why a file holds no authorities.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthorities {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is no PEM, or what it holds is no certificate.
    #[error("the file holds something else than certificates in PEM")]
    NotCertificates,
    /// There is none in it.
    #[error("the file holds no certificate")]
    Empty,
}

impl Authorities {
    /// Reads them from a PEM file.
    ///
    /// # Errors
    /// When it cannot be read, holds none, or one that cannot be used.
    pub fn read(path: &Path) -> Result<Self, BadAuthorities> {
        let pem = std::fs::read(path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = read.map_err(|_| BadAuthorities::NotCertificates)?;
        if certificates.is_empty() {
            return Err(BadAuthorities::Empty);
        }
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|_| BadAuthorities::NotCertificates)?;
        }
        Ok(Self { pem: pem.into(), certificates: certificates.into() })
    }

    /// The file's content.
    pub fn pem(&self) -> Vec<u8> {
        self.pem.to_vec()
    }

    /// Each certificate, in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} authorities", self.certificates.len())
    }
}

/// By the path of the file.
impl FromStr for Authorities {
    type Err = BadAuthorities;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::read(Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told_at_the_start() {
        let file = std::env::temp_dir().join(format!("recoup-authorities-{}.pem", uuid::Uuid::now_v7()));
        let read = |content: &str| {
            std::fs::write(&file, content).expect("the folder can be written");
            Authorities::read(&file).map_err(|error| error.to_string())
        };
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read("nothing"), Err("the file holds no certificate".to_owned()));
        assert_eq!(read(garbage), Err("the file holds something else than certificates in PEM".to_owned()));
        std::fs::remove_file(&file).expect("it was written");
        assert!(matches!(Authorities::read(&file), Err(BadAuthorities::Unreadable(_))));
    }
}

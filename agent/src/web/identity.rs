//! What the page calls itself: its certificate, and the names under which it is reached.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bitcoin::hashes::{Hash as _, sha256};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::disk;
use crate::http::Fingerprint;

/// The page's certificate and names.
#[derive(Clone, Default)]
pub struct PageIdentity {
    /// Besides addresses and `localhost`.
    names: Vec<String>,
    /// `None` without a certificate.
    encrypted: Option<(TlsAcceptor, Fingerprint)>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFault {
    /// The file cannot be used.
    #[error(
        "the page's certificate {path} cannot be used ({source}). Nothing was started; check its owner and the disk, or delete it to get a new one"
    )]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be made, or does not fit its key.
    #[error(
        "the page's certificate is no good ({0}). Nothing was started; delete web.pem in the state directory to get a new one"
    )]
    Certificate(String),
}

impl PageIdentity {
    /// The certificate of this device in `directory`, made when it is not there yet, and its names: that of the machine,
    /// the same in the house's own network, and `more`.
    ///
    /// # Errors
    /// [`IdentityFault`].
    pub fn load_or_create(directory: &Path, more: &[String]) -> Result<PageIdentity, IdentityFault> {
        let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
        let mut names = more.to_vec();
        if !host.is_empty() && host != "localhost" {
            names.push(host.split('.').next().map(|first| format!("{first}.local")).unwrap_or_default());
            names.push(host);
        }
        let path = directory.join("web.pem");
        let unusable = |source| IdentityFault::File { path: path.display().to_string(), source };
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = create(&names)?;
                disk::replace(&path, &pem).map_err(unusable)?;
                pem
            }
            Err(error) => return Err(unusable(error)),
        };
        let encrypted = Some(acceptor(&pem)?);
        Ok(PageIdentity { names, encrypted })
    }

    /// Whether a browser may call us so, whatever the port.
    pub(super) fn is_name(&self, name: &str) -> bool {
        name == "localhost" || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    pub(super) fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.encrypted.as_ref().map(|(acceptor, _)| acceptor)
    }

    /// What browsers show of the certificate, to be compared before they are told to trust it.
    pub fn fingerprint(&self) -> Option<String> {
        self.encrypted.as_ref().map(|(_, fingerprint)| fingerprint.to_string())
    }
}

/// A key of its own and a certificate signed with it, as PEM. It names no time that a wrong clock could miss.
fn create(names: &[String]) -> Result<Vec<u8>, IdentityFault> {
    let failed = |error: rcgen::Error| IdentityFault::Certificate(error.to_string());
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut all = names.to_vec();
    all.push("localhost".to_owned());
    let mut wanted = rcgen::CertificateParams::new(all).map_err(failed)?;
    wanted.distinguished_name = rcgen::DistinguishedName::new();
    let name = names.last().map_or("Kilosat", String::as_str);
    wanted.distinguished_name.push(rcgen::DnType::CommonName, name);
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2099, 12, 31);
    let certificate = wanted.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem() + &key.serialize_pem()).into_bytes())
}

fn acceptor(pem: &[u8]) -> Result<(TlsAcceptor, Fingerprint), IdentityFault> {
    let no_good = |error: String| IdentityFault::Certificate(error);
    let certificate = CertificateDer::from_pem_slice(pem).map_err(|error| no_good(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| no_good(error.to_string()))?;
    let fingerprint = Fingerprint(sha256::Hash::hash(&certificate).to_byte_array());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| no_good(error.to_string()))?;
    Ok((TlsAcceptor::from(Arc::new(config)), fingerprint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_keeps_its_certificate_and_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let load = || PageIdentity::load_or_create(folder.path(), &["house.example".to_owned()]).unwrap();
        let (first, second) = (load(), load());
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(first.fingerprint().unwrap().len(), 95);
        assert!(first.is_name("house.example") && first.is_name("House.Example") && first.is_name("localhost"));
        assert!(!first.is_name("evil.example") && !first.is_name(""));
        let other = tempfile::tempdir().unwrap();
        let other = PageIdentity::load_or_create(other.path(), &[]).unwrap();
        assert_ne!(first.fingerprint(), other.fingerprint(), "no two devices have the same");
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("web.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_certificate_is_said_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        disk::replace(&folder.path().join("web.pem"), b"nothing").unwrap();
        let fault = PageIdentity::load_or_create(folder.path(), &[]).err().unwrap().to_string();
        assert!(fault.contains("delete web.pem"), "{fault}");
        assert_eq!(std::fs::read(folder.path().join("web.pem")).unwrap(), b"nothing");
    }
}

//! What the page calls itself: its certificate, and the names under which it is reached.

use std::io::ErrorKind;
use std::net::SocketAddr;
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

impl PageIdentity {
    /// The certificate of this device in `directory`, made when it is not there yet, and its names: that of the machine,
    /// the same in the house's own network, and `more`.
    ///
    /// Without a good certificate the page is there for this machine alone: it is no reason not to pay.
    pub fn load_or_create(directory: &Path, more: &[String]) -> PageIdentity {
        let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
        let local = host.split('.').next().map(|first| format!("{first}.local")).unwrap_or_default();
        let mut names = vec![local, host];
        names.extend_from_slice(more);
        // Names with other letters reach us in another spelling, which `more` has already.
        names.retain(|name| !name.is_empty() && name.is_ascii() && name != "localhost" && name != "localhost.local");
        let encrypted = read_or_create(&directory.join("web.pem"), &names).and_then(|pem| acceptor(&pem));
        let encrypted = encrypted.inspect_err(|why| {
            tracing::error!(
                why,
                "there is no certificate, so only this machine itself reaches the page; delete web.pem in the \
                                  state directory to get a new one"
            );
        });
        PageIdentity { names, encrypted: encrypted.ok() }
    }

    /// Where the page is, for people: with the machine's name where it is served at every address.
    pub fn addresses(&self, listen: SocketAddr) -> String {
        let at_home = format!("http://localhost:{}/", listen.port());
        match (listen.ip().is_unspecified(), self.names.first(), &self.encrypted) {
            (true, Some(name), Some(_)) => format!("https://{name}:{}/, on this machine also {at_home}", listen.port()),
            (true, _, _) => at_home,
            (false, _, Some(_)) if !listen.ip().is_loopback() => format!("https://{listen}/"),
            (false, _, _) => format!("http://{listen}/"),
        }
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

fn read_or_create(path: &Path, names: &[String]) -> Result<Vec<u8>, String> {
    match std::fs::read(path) {
        Ok(pem) => Ok(pem),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let pem = create(names).map_err(|error| error.to_string())?;
            disk::replace(path, &pem).map_err(|error| error.to_string())?;
            Ok(pem)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A key of its own and a certificate signed with it, as PEM. It names no time that a wrong clock could miss.
fn create(names: &[String]) -> Result<Vec<u8>, rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut all = names.to_vec();
    all.push("localhost".to_owned());
    let mut wanted = rcgen::CertificateParams::new(all)?;
    wanted.distinguished_name = rcgen::DistinguishedName::new();
    wanted.distinguished_name.push(rcgen::DnType::CommonName, names.first().map_or("Kilosat", String::as_str));
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2099, 12, 31);
    let certificate = wanted.self_signed(&key)?;
    Ok((certificate.pem() + &key.serialize_pem()).into_bytes())
}

fn acceptor(pem: &[u8]) -> Result<(TlsAcceptor, Fingerprint), String> {
    let certificate = CertificateDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    let fingerprint = Fingerprint(sha256::Hash::hash(&certificate).to_byte_array());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| error.to_string())?;
    Ok((TlsAcceptor::from(Arc::new(config)), fingerprint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_keeps_its_certificate_and_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let load = || PageIdentity::load_or_create(folder.path(), &["house.example".to_owned()]);
        let (first, second) = (load(), load());
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(first.fingerprint().unwrap().len(), 95);
        assert!(first.is_name("house.example") && first.is_name("House.Example") && first.is_name("localhost"));
        assert!(!first.is_name("evil.example") && !first.is_name(""));
        let other = tempfile::tempdir().unwrap();
        let other = PageIdentity::load_or_create(other.path(), &["häuschen.example".to_owned()]);
        assert_ne!(first.fingerprint(), other.fingerprint(), "no two devices have the same");
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("web.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn without_a_good_certificate_the_page_is_for_this_machine_alone() {
        let folder = tempfile::tempdir().unwrap();
        disk::replace(&folder.path().join("web.pem"), b"nothing").unwrap();
        let page = PageIdentity::load_or_create(folder.path(), &[]);
        assert_eq!(page.fingerprint(), None);
        assert_eq!(page.addresses("0.0.0.0:8380".parse().unwrap()), "http://localhost:8380/");
        assert_eq!(std::fs::read(folder.path().join("web.pem")).unwrap(), b"nothing");
    }

    #[test]
    fn people_are_told_an_address_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let page = PageIdentity::load_or_create(folder.path(), &["house.example".to_owned()]);
        let everywhere = page.addresses("0.0.0.0:8380".parse().unwrap());
        assert!(
            everywhere.starts_with("https://") && everywhere.ends_with("also http://localhost:8380/"),
            "{everywhere}"
        );
        assert!(!everywhere.contains("0.0.0.0"));
        assert_eq!(page.addresses("127.0.0.1:8380".parse().unwrap()), "http://127.0.0.1:8380/");
        assert_eq!(page.addresses("192.168.1.20:8380".parse().unwrap()), "https://192.168.1.20:8380/");
    }
}

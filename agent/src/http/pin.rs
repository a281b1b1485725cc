//! TLS to the owner's own server or device: exactly the certificates the owner named are accepted, whoever signed them.
//!
//! LND's certificate is marked as an authority and used as the server's own, which the usual check refuses
//! (`lightning-backends`, section 3). So the certificate is compared byte for byte by its SHA-256, and the handshake's
//! signature is still verified: only the holder of its key passes.

use std::fmt;
use std::sync::Arc;

use bitcoin::hashes::{Hash as _, sha256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The SHA-256 of a certificate in DER form, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads 32 bytes in hex, with or without colons, in any case.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let digits: String = text.chars().filter(|character| *character != ':').collect();
        <[u8; 32] as bitcoin::hex::FromHex>::from_hex(&digits).ok().map(Fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&bytes.join(":"))
    }
}

/// What Kilosat shows of itself to a server that wants to know: certificates, its own first, and the key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a PEM file's content: one certificate or more, and a private key without a password.
    pub fn parse(pem: &[u8]) -> Option<Identity> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
        let key = PrivateKeyDer::from_pem_slice(pem).ok()?;
        (!chain.is_empty()).then_some(Identity { chain, key })
    }
}

/// A TLS set-up that accepts only servers with one of these certificates.
///
/// # Errors
/// When key and certificate of `identity` do not belong together.
pub fn pinned(fingerprints: Vec<Fingerprint>, identity: Option<Identity>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(PinnedCertificate { fingerprints, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity {
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

#[derive(Debug)]
struct PinnedCertificate {
    fingerprints: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint(sha256::Hash::hash(end_entity).to_byte_array());
        if self.fingerprints.contains(&found) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let colons = ["AB"; 32].join(":");
        assert_eq!(Fingerprint::parse(&colons), Some(Fingerprint([0xab; 32])));
        assert_eq!(Fingerprint::parse(&"ab".repeat(32)), Some(Fingerprint([0xab; 32])));
        assert_eq!(Fingerprint::parse("AB:CD"), None);
    }
}

//! TLS in front of a simulated wallet, with a certificate that its own server signed.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use bitcoin::hashes::{Hash as _, sha256};
use kilosat::http::Fingerprint;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate and the key its server signs with.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Signed by itself and marked as an authority, as LND makes it: the usual check refuses it.
    pub fn authority() -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = wanted.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Identity { certificate: certificate.der().clone(), key }
    }

    /// This certificate, which everybody can see, with a key of somebody else's.
    pub fn stolen(&self) -> Identity {
        Identity { certificate: self.certificate.clone(), key: Identity::authority().key }
    }

    /// What the owner pins.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(sha256::Hash::hash(&self.certificate).to_byte_array())
    }
}

/// Serves `router` over TLS on a free port of this machine; returns its `https` address.
pub async fn serve(router: Router, identity: Identity) -> String {
    let (listener, url) = listen(identity).await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// TLS on a free port of this machine in front of the server at `url`; returns its `https` address.
pub async fn in_front_of(url: &str, identity: Identity) -> String {
    let behind = url.strip_prefix("http://").unwrap().to_owned();
    let (mut listener, url) = listen(identity).await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await;
            let behind = behind.clone();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(behind).await {
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await; // Either may end it.
                }
            });
        }
    });
    url
}

async fn listen(identity: Identity) -> (TlsListener, String) {
    let key = ring::sign::any_supported_type(&identity.key).unwrap();
    let certified = CertifiedKey::new(vec![identity.certificate], key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", tcp.local_addr().unwrap());
    (TlsListener { tcp, tls: TlsAcceptor::from(Arc::new(config)) }, url)
}

struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, self.tls.accept(stream)).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

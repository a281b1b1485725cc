//! Real sockets, a real pseudo-terminal and real TLS; the peers are another library and bytes by hand.

#![allow(clippy::unwrap_used)]
use std::fs::File;
use std::future::ready;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::super::LinkFault;
use super::super::counts::Pauses;
use super::super::frame::{Ask, crc};
use super::super::link::Link;
use super::super::wires::truth;
use super::*;
use crate::profiles::Space;

const WAIT: Duration = Duration::from_secs(2);

fn ask(address: u16, quantity: u16) -> Ask {
    Ask { unit: 1, space: Space::Input, address, quantity }
}

async fn reads(link: &mut Link, address: u16) -> Result<(), LinkFault> {
    let mut words = Vec::new();
    link.read(ask(address, 3), WAIT, &mut words).await?;
    assert_eq!(words, [truth(1, address), truth(1, address + 1), truth(1, address + 2)]);
    Ok(())
}

/// The answer to the request of eight bytes that a device on a serial line got.
fn rtu_answer(request: &[u8; 8]) -> Vec<u8> {
    assert_eq!(crc(request), 0, "a whole request");
    let (address, quantity) = (u16::from_be_bytes([request[2], request[3]]), request[5]);
    let mut answer = vec![request[0], request[1], quantity * 2];
    for at in 0..u16::from(quantity) {
        answer.extend_from_slice(&truth(request[0], address + at).to_be_bytes());
    }
    [&answer[..], &crc(&answer).to_le_bytes()].concat()
}

/// A device at the other end of a pseudo-terminal, found under `path`, which answers this many requests.
fn plug(path: &Path, requests: usize) -> JoinHandle<()> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let _ = std::fs::remove_file(path);
    symlink(name, path).unwrap();
    let mut master = File::from(master);
    std::thread::spawn(move || {
        let mut request = [0; 8];
        for _ in 0..requests {
            // Until the other end is open there is nothing to read.
            while let Err(fault) = master.read_exact(&mut request) {
                assert_eq!(fault.raw_os_error(), Some(5), "{fault}");
                std::thread::yield_now();
            }
            master.write_all(&rtu_answer(&request)).unwrap();
        }
        // The answer is taken before the adapter is pulled out.
        let mut rest = [0; 8];
        let _ = master.read_exact(&mut rest);
    })
}

#[tokio::test]
async fn a_serial_port_is_read_locked_against_others_and_found_again_after_it_was_unplugged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usb-adapter");
    let line = || Line::Serial { path: path.clone(), settings: "19200 8N1".parse().unwrap() };
    let device = plug(&path, 3);
    let mut link = Link::new(line(), Pauses::default());
    for address in [0, 70, 500] {
        reads(&mut link, address).await.unwrap();
    }
    let other = Link::new(line(), Pauses::default()).read(ask(0, 1), WAIT, &mut Vec::new()).await;
    assert!(other.unwrap_err().to_string().contains("another program uses it"));
    // The device takes one more request and is pulled out instead of answering.
    let fault = reads(&mut link, 0).await.unwrap_err();
    assert!(matches!(fault, LinkFault::Closed | LinkFault::NoAnswer { .. } | LinkFault::NotOpened { .. }), "{fault}");
    device.join().unwrap();
    std::fs::remove_file(&path).unwrap();
    let fault = reads(&mut link, 0).await.unwrap_err();
    assert!(fault.to_string().contains("it is not there"), "{fault}");
    let device = plug(&path, 2);
    reads(&mut link, 7).await.unwrap();
    drop(link);
    drop(device);
}

/// Input registers below 1000 and coils, served by another library.
#[derive(Clone)]
struct Independent;

impl tokio_modbus::server::Service for Independent {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(match request {
            Request::ReadInputRegisters(address, quantity) if address < 1_000 => {
                Ok(Response::ReadInputRegisters((0..quantity).map(|at| truth(1, address + at)).collect()))
            }
            Request::ReadCoils(_, quantity) => Ok(Response::ReadCoils((0..quantity).map(|at| at % 3 == 0).collect())),
            _ => Err(ExceptionCode::IllegalDataAddress),
        })
    }
}

#[tokio::test]
async fn another_library_serves_modbus_tcp() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let serve = move |stream, _| std::future::ready(Ok::<_, io::Error>(Some((Independent, stream))));
        Server::new(listener).serve(&serve, |fault| panic!("{fault}")).await.unwrap();
    });
    let mut link = Link::new(network(port, Framing::Tcp, None), Pauses::default());
    for address in [0, 1, 997] {
        reads(&mut link, address).await.unwrap();
    }
    let mut words = Vec::new();
    let refused = link.read(ask(1_000, 1), WAIT, &mut words).await.unwrap_err();
    assert!(matches!(refused, LinkFault::Exception(2)), "{refused}");
    link.read(Ask { space: Space::Coil, ..ask(0, 10) }, WAIT, &mut words).await.unwrap();
    assert_eq!(words, [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]);
    assert_eq!(link.counts().opened, 1);
    server.abort();
}

#[tokio::test]
async fn a_gateway_that_passes_bytes_on_and_one_that_does_not_are_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 8];
                while stream.read_exact(&mut request).await.is_ok() {
                    if crc(&request) == 0 {
                        stream.write_all(&rtu_answer(&request)).await.unwrap();
                    }
                }
            });
        }
    });
    let mut right = Link::new(network(port, Framing::Rtu, None), Pauses::default());
    reads(&mut right, 5).await.unwrap();
    let mut wrong = Link::new(network(port, Framing::Tcp, None), Pauses::default());
    let fault = wrong.read(ask(0, 1), Duration::from_millis(100), &mut Vec::new()).await.unwrap_err();
    assert!(matches!(fault, LinkFault::NoAnswer { .. }), "{fault}");
    server.abort();
}

fn network(port: u16, framing: Framing, tls: Option<Arc<ClientConfig>>) -> Line {
    Line::Network { host: "localhost".to_owned(), port, framing, tls }
}

#[tokio::test]
async fn modbus_in_tls_needs_the_certificate_that_is_expected() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 12];
            while stream.read_exact(&mut request).await.is_ok() {
                let data: Vec<u8> = (0..3).flat_map(|at| truth(1, u16::from(request[9]) + at).to_be_bytes()).collect();
                let answer = [&request[..5], &[9, 1, 4, 6], &data[..]].concat();
                stream.write_all(&answer).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    });
    let mut roots = RootCertStore::empty();
    let strangers = ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
    roots.add(made.cert.der().clone()).unwrap();
    let trusted = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut link = Link::new(network(port, Framing::Tcp, Some(Arc::new(trusted))), Pauses::default());
    reads(&mut link, 9).await.unwrap();
    drop(link);
    let mut link = Link::new(network(port, Framing::Tcp, Some(Arc::new(strangers))), Pauses::default());
    let fault = reads(&mut link, 9).await.unwrap_err();
    assert!(fault.to_string().contains("its certificate is not the expected one"), "{fault}");
    server.abort();
}

#[tokio::test]
async fn a_device_in_tls_that_wants_another_client_or_speaks_no_tls_is_told() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots.clone())).build().unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(clients);
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = tokio::spawn(async move {
        for is_tls in [true, false] {
            let (mut stream, _) = listener.accept().await.unwrap();
            if is_tls {
                assert!(acceptor.accept(stream).await.is_err(), "it has no certificate");
            } else {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            }
        }
    });
    let anonymous = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut link = Link::new(network(port, Framing::Tcp, Some(Arc::new(anonymous))), Pauses::default());
    for words in ["it does not accept Kilosat, give it Kilosat's certificate", "what answers there does not speak TLS"]
    {
        let fault = reads(&mut link, 9).await.unwrap_err().to_string();
        assert!(fault.contains(words), "{fault}");
    }
    server.await.unwrap();
}

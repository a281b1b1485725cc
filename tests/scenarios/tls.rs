//! A meter in TLS that nobody here wrote: each end lets in only whom it was told about.

use std::path::Path;

use bitcoin::hashes::{Hash as _, sha256};
use kilosat::status::{MeterStatus, Status};
use sim::house::House;
use sim::peer::Pymodbus;

/// Writes a certificate that it signed itself and its key to `path`; its fingerprint.
fn make(path: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    sha256::Hash::hash(made.cert.der()).to_string()
}

fn meter<'a>(status: &'a Status, id: &str) -> &'a MeterStatus {
    status.meters.iter().find(|meter| meter.id == id).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meter_of_pymodbus_is_read_in_tls_and_strangers_at_either_end_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let [server, client, stranger] = ["server.pem", "client.pem", "stranger.pem"].map(|name| folder.path().join(name));
    let [right, _, wrong] = [&server, &client, &stranger].map(|path| make(path));
    let mut peer = Pymodbus::start_tls(folder.path());
    let others = [(), ()].map(|()| Pymodbus::start_tls(folder.path()));
    let section = |id: &str, pin: &str, identity: &Path, peer: &Pymodbus| {
        format!(
            "[[meter]]\nid = {id:?}\nprofile = \"eastron-sdm630\"\nhost = \"127.0.0.1\"\nport = {}\ntransport = \"tls\"\n\
             certificate_sha256 = {pin:?}\nclient_certificate = {identity:?}\npoll_interval_ms = 200\n\
             power_max_w = 17250\n",
            peer.port()
        )
    };
    let house = House::new(
        &[
            section("cellar", &right, &client, &peer),
            section("replaced", &wrong, &client, &others[0]),
            section("closed", &right, &stranger, &others[1]),
        ]
        .concat(),
    )
    .await;
    let mut hub = house.start();
    hub.until("the meter is read", |status| meter(status, "cellar").state == "good").await;
    peer.order("power 512.5");
    hub.until("its power is told", |status| meter(status, "cellar").power_mw == Some(512_500)).await;
    let fault = |id: &'static str, words: &'static str| {
        move |status: &Status| meter(status, id).fault.as_ref().is_some_and(|fault| fault.contains(words))
    };
    hub.until("another device answers", fault("replaced", "its certificate is not the expected one")).await;
    hub.until("the device wants another client", fault("closed", "the connection was closed instead of an answer"))
        .await;
    assert!(hub.terminate().await.success());
}

//! Two meters with the same number on one line, and one that answers for another: the status says which, nothing is
//! believed, and setting the number right is enough.

use kilosat::status::{MeterStatus, Status};
use sim::house::House;
use sim::peer::Pymodbus;
use sim::simulated::Simulated;
use sim::tee::Tee;

fn meter<'a>(status: &'a Status, id: &str) -> &'a MeterStatus {
    status.meters.iter().find(|meter| meter.id == id).unwrap()
}

fn section(id: &str, port: u16) -> String {
    format!(
        "[[meter]]\nid = {id:?}\nprofile = \"eastron-sdm630\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         transport = \"rtu-over-tcp\"\npoll_interval_ms = 200\npower_max_w = 17250\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_meters_with_one_number_are_told_and_read_again_once_one_has_another() {
    let (one, other) = (Pymodbus::start_rtu(), Pymodbus::start_rtu());
    let line = Tee::of(vec![one.port(), other.port()]).await;
    let stranger = Simulated::start(&["--profile", "eastron-sdm630", "--rtu-over-tcp", "--fault", "other-unit:1"]);
    let house = House::new(&(section("cellar", line.port()) + &section("roof", stranger.port()))).await;
    let mut hub = house.start();
    let says = |id: &'static str, words: &'static str| {
        move |status: &Status| meter(status, id).fault.as_ref().is_some_and(|fault| fault.contains(words))
    };
    hub.until("two meters are told", says("cellar", "two devices have the same number")).await;
    let status = hub.until("another device is told", says("roof", "an answer of unit 2")).await;
    let fault = meter(&status, "roof").fault.clone().unwrap();
    assert!(fault.contains("give every device on the line a number of its own"), "{fault}");
    assert_eq!((meter(&status, "cellar").reads, meter(&status, "roof").reads), (0, 0), "nothing was believed");
    drop(other);
    let status = hub.until("one is left", |status| meter(status, "cellar").state == "good").await;
    assert_eq!(meter(&status, "cellar").fault, None);
    assert!(house.kilosat(&["status"]).contains("Meter roof: "));
    assert!(hub.terminate().await.success());
}

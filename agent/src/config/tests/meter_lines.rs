//! Meters on serial ports, behind gateways, and several on one line.

use kilosat_drivers::modbus::{Framing, Model};
use kilosat_drivers::serial::SerialSettings;

use super::*;
use crate::config::{MeterLine, MeterTls};
use crate::http::Fingerprint;

fn meter(id: &str, lines: &str) -> String {
    format!("[[meter]]\nid = {id:?}\npower_max_w = 1\n{lines}\n")
}

#[track_caller]
fn line(text: &str) -> MeterLine {
    Config::parse(text).unwrap().meters.pop().unwrap().line
}

fn serial(settings: &str) -> MeterLine {
    let settings: SerialSettings = settings.parse().unwrap();
    MeterLine::Serial { path: "/dev/ttyAMA0".into(), settings }
}

const PORT: &str = "profile = \"eastron-sdm120\"\nserial = \"/dev/ttyAMA0\"";

#[test]
fn a_serial_port_is_set_as_the_profile_says_or_the_owner() {
    assert_eq!(line(&meter("m", PORT)), serial("2400 8N1"));
    assert_eq!(line(&meter("m", &format!("{PORT}\nserial_settings = \"9600 8E1\""))), serial("9600 8E1"));
    let sunspec = meter("m", "profile = \"sunspec\"\nserial = \"/dev/ttyAMA0\"");
    assert_eq!(line(&sunspec), serial("9600 8N1"));
    assert_eq!(Config::parse(&sunspec).unwrap().meters.pop().unwrap().model, Model::SunSpec);
    let (_, rest) = EXAMPLE.split_once("#[[meter]]\n").unwrap();
    let section: String =
        rest.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{}\n", &line[1..])).collect();
    assert!(matches!(line(&format!("[[meter]]\n{section}")), MeterLine::Serial { .. }));
}

#[test]
fn a_gateway_that_passes_bytes_on_is_told_from_one_that_speaks_modbus_tcp() {
    let text =
        |transport: &str| meter("m", &format!("profile = \"eastron-sdm120\"\nhost = \"h\"\ntransport = {transport:?}"));
    let network = |framing| MeterLine::Network { host: "h".to_owned(), port: 502, framing, tls: None };
    assert_eq!(line(&text("tcp")), network(Framing::Tcp));
    assert_eq!(line(&text("rtu-over-tcp")), network(Framing::Rtu));
    assert!(problems(&text("udp"))[0].contains("\"udp\" is not a way to a meter; write \"tcp\""));
}

#[test]
fn tls_needs_the_certificate_of_the_device_and_has_a_port_of_its_own() {
    let text = |keys: &str| meter("m", &format!("profile = \"eastron-sdm120\"\nhost = \"h\"\n{keys}"));
    let print = "ab".repeat(32);
    let pinned = text(&format!("transport = \"tls\"\ncertificate_sha256 = {print:?}\nclient_certificate = \"/k.pem\""));
    let pins = vec![Fingerprint([0xab; 32])];
    let tls = Some(MeterTls { pins, identity_file: Some("/k.pem".into()) });
    let wanted = MeterLine::Network { host: "h".to_owned(), port: 802, framing: Framing::Tcp, tls };
    assert_eq!(line(&pinned), wanted);
    let fault = wanted.line().unwrap_err().to_string();
    assert!(fault.starts_with("the file /k.pem with the certificate for a meter cannot be read"), "{fault}");
    let missing = problems(&text("transport = \"tls\"\nport = 1802"));
    assert!(missing.len() == 1 && missing[0].contains("certificate_sha256"), "{missing:?}");
    let wrong = problems(&text(&format!("transport = \"ssl\"\nport = 1802\ncertificate_sha256 = {print:?}")));
    assert!(wrong.len() == 1 && wrong[0].contains("\"ssl\" is not a way to a meter"), "{wrong:?}");
    let without = problems(&text(&format!("certificate_sha256 = {print:?}")));
    assert!(without.len() == 1 && without[0].contains("belongs to a meter with transport = \"tls\""), "{without:?}");
    let wrong =
        problems(&text(&format!("transport = \"tls\"\ncertificate_sha256 = {print:?}\nclient_certificate = \"k\"")));
    assert!(wrong[0].contains("\"k\" is no whole path, such as \"/etc/kilosat/meter.pem\""), "{wrong:?}");
}

#[test]
fn a_line_that_cannot_be_is_explained() {
    #[track_caller]
    fn case(text: &str, key: &str, words: &str) {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(key) && found[0].contains(words), "{found:#?}");
    }
    case(&meter("m", &format!("{PORT}\nhost = \"h\"")), "meter.host", "keep one of the two");
    case(
        &meter("m", "profile = \"eastron-sdm120\"\nserial = \"ttyUSB0\""),
        "meter.serial",
        "is no whole path, such as",
    );
    case(&meter("m", &format!("{PORT}\nserial_settings = \"9600\"")), "meter.serial_settings", "such as \"9600 8N1\"");
    let network = "profile = \"eastron-sdm120\"\nhost = \"h\"\nserial_settings = \"9600 8N1\"";
    case(&meter("m", network), "meter.serial_settings", "belongs to a serial port");
    let two = |second: &str| format!("{}{}", meter("one", PORT), meter("two", second));
    case(&two(PORT), "meter.unit", "is also that of \"one\" on the same line");
    let other = format!("{PORT}\nunit = 2\nserial_settings = \"9600 8N1\"");
    case(&two(&other), "meter.serial_settings", "differs from that of \"one\" on the same line");
    assert_eq!(Config::parse(&two(&format!("{PORT}\nunit = 2"))).unwrap().meters.len(), 2);
    let shared = format!("{PORT}\nshare = \"127.0.0.1:5020\"");
    case(
        &(meter("one", &shared) + &meter("two", &format!("{shared}\nunit = 2"))),
        "meter.share",
        "where \"one\" is shared",
    );
    for wrong in ["5020", "localhost:5020", "127.0.0.1:0"] {
        case(&meter("m", &format!("{PORT}\nshare = {wrong:?}")), "meter.share", "such as \"127.0.0.1:5020\"");
    }
}

#[test]
fn a_line_is_shared_only_where_the_owner_says() {
    let share = |lines: &str| Config::parse(&meter("m", lines)).unwrap().meters.pop().unwrap().share;
    assert_eq!(share(PORT), None);
    assert_eq!(share(&format!("{PORT}\nshare = \"\"")), None);
    assert_eq!(share(&format!("{PORT}\nshare = \"[::]:5020\"")), Some("[::]:5020".parse().unwrap()));
}

#[test]
fn only_what_the_profile_knows_may_be_set() {
    let car = |set: &str| meter("car", &format!("profile = \"keba-p30\"\nhost = \"h\"\nset = {set:?}"));
    let settable = |text: &str| Config::parse(text).unwrap().meters.pop().unwrap().settable;
    let names = |text: &str| settable(text).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&car("current_limit  enabled")), ["current_limit", "enabled"]);
    assert_eq!(names(&car("")), [""; 0]);
    let wrong = problems(&car("current_limit power"));
    assert!(
        wrong[0].contains("\"power\" cannot be changed on this device; it has: current_limit, enabled"),
        "{wrong:?}"
    );
    let wrong = problems(&meter("m", &format!("{PORT}\nset = \"power\"")));
    assert!(wrong[0].contains("but Kilosat knows nothing that can be; leave it out"), "{wrong:?}");
}

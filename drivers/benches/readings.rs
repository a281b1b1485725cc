//! CPU time of a reading of ten values over Modbus TCP, beside loops on libmodbus and pymodbus that ask the same server;
//! and that of a hundred devices with twenty registers each, read every second.
//!
//! `cargo bench --package kilosat-drivers --bench readings`. libmodbus needs a C compiler and the package libmodbus-dev,
//! pymodbus a Python that has it, named by `KILOSAT_PYTHON`; what is missing is left out and said.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use kilosat_drivers::modbus::server::{Answers, CLIENTS_MAX, Reply, serve};
use kilosat_drivers::modbus::{Ask, Bus, Device, Framing, Line, Link, Model, Pauses};
use kilosat_drivers::profiles::{Point, Profile, Space, decode, load};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

const READINGS: u32 = 20_000;
/// pymodbus is slow, and its share is as well known after fewer.
const READINGS_SLOW: u32 = 2_000;
const REGISTERS: u16 = 20;
const DEVICES: usize = 100;
const WATCHED: Duration = Duration::from_secs(20);

fn main() {
    let ports = start_servers();
    let port = ports[0];
    let profile = profile();
    // Alternating, so that a busy machine meets all alike; the least of three is the least disturbed.
    let mut ours = u64::MAX;
    let (mut libmodbus, mut pymodbus) = (None, None);
    for _ in 0..3 {
        ours = ours.min(read_in_a_loop(port, &profile) / u64::from(READINGS));
        libmodbus = least(libmodbus, on_libmodbus(port));
        pymodbus = least(pymodbus, on_pymodbus(port));
    }
    println!("kilosat    {:>9.2} µs of CPU a reading of {} registers", micros(ours), REGISTERS);
    for (name, theirs, hint) in [
        ("libmodbus", libmodbus, "install libmodbus-dev and a C compiler"),
        ("pymodbus", pymodbus, "set KILOSAT_PYTHON to a Python with pymodbus"),
    ] {
        match theirs {
            Some(theirs) => {
                let ratio = micros(ours) / micros(theirs);
                println!("{name:<10} {:>9.2} µs of CPU a reading; kilosat needs {ratio:.3} of it", micros(theirs));
            }
            None => println!("{name:<10} not measured: {hint}"),
        }
    }
    let share = watch_many(&ports, &profile);
    println!("{DEVICES} devices of {REGISTERS} registers, read every second: {share:.2} % of a core");
}

/// Ten floats at the beginning of the input registers.
fn profile() -> Arc<Profile> {
    let quantities = [
        ("voltage_l1", "V"),
        ("voltage_l2", "V"),
        ("voltage_l3", "V"),
        ("current_l1", "A"),
        ("current_l2", "A"),
        ("current_l3", "A"),
        ("power_l1", "W"),
        ("power_l2", "W"),
        ("power_l3", "W"),
        ("power", "W"),
    ];
    let points: String = quantities
        .iter()
        .enumerate()
        .map(|(at, (name, unit))| {
            format!("  {{ quantity = \"{name}\", input = {}, type = \"f32\", unit = \"{unit}\" }},\n", at * 2)
        })
        .collect();
    let text = format!(
        "name = \"bench\"\ntitle = \"Bench\"\nvendor = \"None\"\nrole = \"meter\"\nevidence = \"single source\"\n\
         source = \"None\"\nsetup = [\"Nothing.\"]\ntcp_port = 502\npoint = [\n{points}]\n"
    );
    Arc::new(load(&text, "bench").unwrap_or_else(|fault| panic!("{fault}")))
}

/// Every register pair is the float 230.5.
#[derive(Clone)]
struct Server;

impl Answers for Server {
    async fn answer(&self, ask: Ask) -> Reply {
        Reply::Registers((0..ask.quantity).map(|at| if at % 2 == 0 { 0x4366 } else { 0x8000 }).collect())
    }
}

/// In a thread of their own, so that their CPU time is not counted; a server takes so many clients that these do for all
/// devices.
fn start_servers() -> Vec<u16> {
    let (told, ports) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..DEVICES.div_ceil(CLIENTS_MAX) {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                told.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::spawn(async move { serve(&listener, Framing::Tcp, Server).await });
            }
            drop(told);
            std::future::pending::<()>().await;
        });
    });
    ports.iter().collect()
}

fn line(port: u16) -> Line {
    Line::Network { host: "127.0.0.1".to_owned(), port, framing: Framing::Tcp, tls: None }
}

fn read_in_a_loop(port: u16, profile: &Profile) -> u64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut link = Link::new(line(port), Pauses::default());
        let ask = Ask { unit: 1, space: Space::Input, address: 0, quantity: REGISTERS };
        let (mut words, mut sum) = (Vec::new(), 0);
        link.read(ask, Duration::from_secs(5), &mut words).await.unwrap();
        let begun = cpu_ns();
        for _ in 0..READINGS {
            link.read(ask, Duration::from_secs(5), &mut words).await.unwrap();
            let pairs = profile.points.iter().zip(words.chunks(2));
            sum += pairs.map(|(point, pair): (&Point, _)| decode(point, pair).unwrap()).sum::<i64>();
        }
        assert!(sum > 0);
        cpu_ns() - begun
    })
}

/// Percent of a core that a hundred devices cost, each on a line of its own.
fn watch_many(ports: &[u16], profile: &Arc<Profile>) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let second = Duration::from_secs(1);
        let mut meters = Vec::new();
        for device in 0..DEVICES {
            let port = ports[device / CLIENTS_MAX];
            let model = Model::Known(Arc::clone(profile));
            let (bus, own) =
                Bus::new(line(port), vec![Device { unit: 1, model, period: second, answer_max: second }], || 7);
            tokio::spawn(bus.run());
            meters.extend(own);
        }
        for meter in &mut meters {
            assert_eq!(meter.next().await.unwrap().fault, None);
        }
        let begun = cpu_ns();
        tokio::time::sleep(WATCHED).await;
        let used = cpu_ns() - begun;
        for meter in &mut meters {
            let heard = meter.next().await.unwrap();
            assert!(heard.fault.is_none() && heard.number >= WATCHED.as_secs(), "{heard:?}");
        }
        used as f64 / WATCHED.as_nanos() as f64 * 100.0
    })
}

fn on_libmodbus(port: u16) -> Option<u64> {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/libmodbus.c"), folder.path().join("loop"));
    let flags = ["-I/usr/include/modbus", "-O2", "-o"].map(OsString::from);
    let built = Command::new("cc").args(flags).arg(&program).arg(source).arg("-lmodbus").stderr(Stdio::null()).status();
    built.ok().filter(std::process::ExitStatus::success)?;
    run(Command::new(program), port, READINGS)
}

fn on_pymodbus(port: u16) -> Option<u64> {
    let mut python = Command::new(std::env::var_os("KILOSAT_PYTHON")?);
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pymodbus_loop.py"));
    run(python, port, READINGS_SLOW)
}

/// Nanoseconds of CPU a reading, as the program tells.
fn run(mut program: Command, port: u16, readings: u32) -> Option<u64> {
    let done = program.args([port.to_string(), readings.to_string(), REGISTERS.to_string()]).output().ok()?;
    let told = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| told.trim().parse::<u64>().ok().map(|ns| ns / u64::from(readings)))?
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// CPU time of this thread.
fn cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

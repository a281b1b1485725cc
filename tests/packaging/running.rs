//! The service as it runs: started, asked, watched over, stopped.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sim::house::House;
use sim::wait::let_pass;
use sim::wallets::Plan;

use crate::machine::{Machine, Network, package, text};

#[tokio::test]
async fn on_debian_12_it_is_ready_is_the_groups_to_ask_and_gets_an_owner() {
    first_run("bookworm").await;
}

#[tokio::test]
async fn on_debian_13_it_is_ready_is_the_groups_to_ask_and_gets_an_owner() {
    first_run("trixie").await;
}

async fn first_run(release: &str) {
    let machine = Machine::boot(release, Network::Own).await;
    let said = machine.install(&package());
    assert!(said.contains("sudo kilosat setup-code"), "{said}");
    machine.until("systemctl is-active kilosat").await;
    let micros = |name: &str| machine.property("kilosat", name).parse::<u64>().unwrap();
    let took = micros("ActiveEnterTimestampMonotonic") - micros("InactiveExitTimestampMonotonic");
    assert!(took <= 3_000_000, "{took} us until it was ready");
    machine.until("systemctl status kilosat | grep 'Status: \"Running; 0 payment(s) settled\"'").await;
    assert_eq!(machine.property("kilosat", "WatchdogUSec"), "20s");
    let memory = machine.sh("grep VmHWM /proc/$(systemctl show --value -p MainPID kilosat)/status");
    let memory: u32 = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(memory <= 64 * 1_024, "{memory} KiB at most since it started");

    // Who may ask, and who may edit.
    machine.sh("useradd -G kilosat resident && useradd guest");
    assert!(machine.sh("su resident -s /bin/sh -c 'kilosat status'").contains("My house on bitcoin"));
    let refused = machine.try_sh("su guest -s /bin/sh -c 'kilosat status'");
    assert!(!refused.status.success() && text(&refused.stderr).contains("kilosat.toml"), "{}", text(&refused.stderr));
    machine.sh("su resident -s /bin/sh -c 'sed -i \"s/My house/Elm Street/\" /etc/kilosat/kilosat.toml'");
    machine.until("kilosat status | grep 'Elm Street on bitcoin'").await;

    let checked = machine.sh("kilosat check");
    assert!(checked.contains("0 meter(s), 0 agreement(s), 0 feed(s) on bitcoin"), "{checked}");

    // The way of a new owner.
    let motd = machine.sh("/etc/update-motd.d/60-kilosat");
    assert!(motd.contains("waits for its owner") && motd.contains(".local:8380/"), "{motd}");
    let page = "https://localhost:8380";
    assert_eq!(machine.sh(&format!("curl -sk -o /dev/null -w '%{{redirect_url}}' {page}/")), format!("{page}/claim"));
    let code = machine.sh("kilosat setup-code");
    let code = code.split_whitespace().find(|word| word.contains('-')).unwrap().trim_end_matches('.').to_owned();
    let form = format!("-d code={code} -d 'password=three nice words' -d 'again=three nice words'");
    let claim =
        format!("curl -sk -o /dev/null -w '%{{http_code}}' -H 'Sec-Fetch-Site: same-origin' {form} {page}/claim");
    assert_eq!(machine.sh(&claim), "303");
    assert!(machine.sh("/etc/update-motd.d/60-kilosat").contains("Kilosat runs: https://"));
    // The page saves a setting as a whole new file, and the group can still read it.
    assert!(machine.sh("stat -c '%a %G' /etc/kilosat/kilosat.toml").starts_with("660 kilosat"));

    nothing_strays(&machine);
    machine.sh(
        "systemd-analyze verify --man=no kilosat.service kilosat.socket kilosat-verify.service kilosat-verify.timer",
    );
    let exposed = machine.try_sh("systemd-analyze security --threshold=16 kilosat.service");
    assert!(exposed.status.success(), "{}", text(&exposed.stdout));
    machine.sh("systemctl start kilosat-verify.service");
    assert!(machine.sh("journalctl --unit kilosat-verify").contains("money.db is sound"));
    if release != "bookworm" {
        machine.sh("udevadm verify --no-style /usr/lib/udev/rules.d/65-kilosat.rules");
    }
    let log = machine.sh("journalctl --identifier kilosat --output cat");
    assert!(log.contains("the page is at https://"), "{log}");
    // What the node's library says of a missing network is its own affair.
    let errors = "journalctl --identifier kilosat --priority err --output json --output-fields TARGET,MESSAGE";
    let errors = machine.sh(&format!("{errors} | grep -v '\"TARGET\":\"ldk\"' || true"));
    assert_eq!(errors, "", "a new installation without a network is no error");

    // Who stops it wants it stopped; a question does not start it again.
    machine.sh("systemctl stop kilosat");
    assert!(!machine.try_sh("kilosat status").status.success());
    assert_eq!(machine.property("kilosat", "ActiveState"), "inactive");
}

/// Kilosat writes into its own folders and nowhere else.
#[track_caller]
fn nothing_strays(machine: &Machine) {
    // systemd makes the folder for credentials for the service's user, and nobody may write there.
    let own = "-path /var/lib/kilosat -prune -o -path /etc/kilosat -prune -o -path /proc -prune -o -path /sys -prune \
               -o -path /run/credentials -prune";
    let strays = machine.sh(&format!("find / {own} -o -user kilosat -print 2>/dev/null || true"));
    assert_eq!(strays, "", "files of the user kilosat");
    let process = machine.property("kilosat", "MainPID");
    for (folder, is_its_own) in
        [("/var/lib/kilosat", true), ("/etc/kilosat", true), ("/etc", false), ("/usr", false), ("/var/lib", false)]
    {
        // Even root could not write there as the service sees it.
        let probe = format!("nsenter -t {process} -m sh -c 'touch {folder}/probe && rm {folder}/probe'");
        assert_eq!(machine.try_sh(&probe).status.success(), is_its_own, "{folder} as the service sees it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_in_the_journal_and_one_on_its_way_does_not_keep_it_from_stopping() {
    let (machine, house) = paying_house("").await;
    house.use_wh(5);
    machine.until("kilosat status | grep 'Payments: [1-9]'").await;
    let hash =
        machine.sh("kilosat status --json | grep -o '\"payment_hash\":\"[0-9a-f]*\"' | head -n 1 | cut -d '\"' -f 4");
    let found = machine.sh(&format!("journalctl --identifier kilosat --output cat PAYMENT_HASH={}", hash.trim()));
    assert!(found.contains("intent: ") && found.contains("settled: "), "{found}");
    assert!(!found.contains("preimage"), "{found}");
    assert!(machine.sh("journalctl --identifier kilosat --output cat AGREEMENT=electricity").contains("due: "));
    assert!(machine.sh("journalctl --identifier kilosat --output cat METER=house").contains("interval: "));

    house.wallet().plan(Plan::Hold);
    house.use_wh(5);
    machine.until("kilosat status | grep ' 1 open'").await;
    machine.until("systemctl status kilosat | grep '1 payment(s) on their way'").await;
    let asked = house.wallet().asked_count();
    machine.sh("systemctl stop kilosat");
    let micros = |name: &str| machine.property("kilosat", name).parse::<u64>().unwrap();
    let took = micros("InactiveEnterTimestampMonotonic") - micros("ActiveExitTimestampMonotonic");
    assert!(took < 20_000_000, "{took} us to stop");
    assert_eq!(machine.property("kilosat", "Result"), "success");
    assert!(!machine.sh("journalctl --unit kilosat").contains("SIGKILL"), "it stopped by itself");
    let held = house.wallet().asked().last().copied().unwrap();
    house.wallet().resolve(held, true);
    machine.sh("systemctl start kilosat");
    machine.until("kilosat status | grep ' 0 open'").await;
    assert_eq!(house.wallet().asked_count(), asked, "what was on its way was looked up and not paid again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_and_after_a_loop_that_stands_still_it_runs_again_with_relays_off() {
    // No machine here has GPIO lines, so switching this relay off leaves a complaint in the journal each time.
    let relay = "[[relay]]\nid = \"pump\"\nchip = \"none\"\nline = 1";
    let (machine, house) = paying_house(relay).await;
    let switched_off = async |times: usize| {
        machine.until(&format!("test $(journalctl --unit kilosat | grep -c 'kilosat: Relay pump') -eq {times}")).await;
    };
    house.use_wh(5);
    machine.until("kilosat status | grep 'Payments: [1-9]'").await;
    switched_off(0).await;
    machine.sh("systemctl kill --signal KILL --kill-who main kilosat");
    // The socket is still there, and a question that comes meanwhile waits.
    machine.sh("test -S /run/kilosat/control.sock");
    machine.until("kilosat status | grep 'Payments: [1-9]'").await;
    assert_eq!(machine.property("kilosat", "NRestarts"), "1");
    switched_off(1).await;

    for (ends, loop_) in [(2, "engine"), (3, "tokio-rt-worker")] {
        let before = machine.property("kilosat", "NRestarts");
        let stalled = stall(machine.main_process(), loop_);
        let (mut waited, again) = (0, format!("test $(systemctl show --value -p NRestarts kilosat) -gt {before}"));
        while !machine.try_sh(&again).status.success() {
            assert!(waited <= 35, "{loop_} has stood still for {waited} s");
            let_pass(Duration::from_secs(1)).await;
            waited += 1;
        }
        drop(stalled);
        let log = machine.sh("journalctl --unit kilosat");
        assert!(log.contains("Watchdog timeout (limit 20s)"), "{loop_}: {log}");
        machine.until("systemctl is-active kilosat && kilosat status | grep 'Payments: [1-9]'").await;
        switched_off(ends).await;
    }
}

/// Holds threads back until it is dropped.
struct Stalled(Child);

impl Drop for Stalled {
    fn drop(&mut self) {
        // It may have ended with what it held.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Stops the threads of this name and no other, as a fault in them would.
fn stall(process: u32, thread: &str) -> Stalled {
    let mut tracer =
        Command::new("/usr/bin/python3").stdin(Stdio::piped()).stdout(Stdio::piped()).arg("-").spawn().unwrap();
    let script = STALL.replace("PROCESS", &process.to_string()).replace("THREAD", thread);
    tracer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(tracer.stdout.as_mut().unwrap(), &mut said).unwrap();
    Stalled(tracer)
}

/// A house of the test's own network, whose Kilosat is the machine's.
async fn paying_house(sections: &str) -> (Machine, House) {
    let house = House::new(&format!("{sections}\n[ask]\nfirst_payment = false")).await;
    let machine = Machine::boot("bookworm", Network::OfTheTest).await;
    // Only one program can have the page's port in this network, and this house has no page.
    let written = fs::read_to_string(house.folder().join("kilosat.toml")).unwrap();
    let state = format!("{:?}", house.state());
    let secret = format!("{:?}", house.folder().join("password"));
    let written = format!("control_socket = \"/run/kilosat/control.sock\"\n{written}")
        .replace(&state, "\"/var/lib/kilosat\"")
        .replace(&secret, "\"/run/credentials/kilosat.service/wallet\"");
    machine.sh("mkdir -p /etc/kilosat");
    machine.put("/etc/kilosat/kilosat.toml", written.as_bytes());
    // The wallet's password is on the disk only as systemd encrypted it for this service.
    machine.put("/run/password", &fs::read(house.folder().join("password")).unwrap());
    machine.sh("mkdir -p /etc/systemd/system/kilosat.service.d");
    machine.sh("systemd-creds encrypt --with-key=host --name=wallet /run/password /etc/kilosat/wallet.cred && rm /run/password");
    let unit = b"[Service]\nLoadCredentialEncrypted=wallet:/etc/kilosat/wallet.cred\n";
    machine.put("/etc/systemd/system/kilosat.service.d/wallet.conf", unit);
    machine.install(&package());
    machine.until("systemctl is-active kilosat").await;
    (machine, house)
}

const STALL: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
SEIZE, INTERRUPT = 0x4206, 0x4207
held = 0
for task in os.listdir('/proc/PROCESS/task'):
    if open(f'/proc/PROCESS/task/{task}/comm').read().strip() == 'THREAD':
        for request in (SEIZE, INTERRUPT):
            if libc.ptrace(request, int(task), None, None) != 0:
                sys.exit(os.strerror(ctypes.get_errno()))
        held += 1
assert held > 0
print('ok', flush=True)
# Who holds a thread has to hear of its end, or its process never ends for anybody else.
try:
    while True:
        os.waitpid(-1, 0x40000000)
except ChildProcessError:
    pass
";

//! A Debian that is booted for one test, under systemd, in a name space of its own; what the test does to it is gone with it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sim::wait::answer;
use tempfile::TempDir;

/// Whether the machine has the network of the test, with what listens on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Own,
    OfTheTest,
}

/// Running until it is dropped.
pub struct Machine {
    name: String,
    init: u32,
    nspawn: Child,
    _folder: TempDir,
}

impl Machine {
    /// A fresh Debian of this release, up and running.
    pub async fn boot(release: &str, network: Network) -> Machine {
        let base = PathBuf::from(environment("KILOSAT_SYSTEMS")).join(release);
        assert!(base.join("etc/debian_version").exists(), "tests/packaging/run makes {}", base.display());
        let folder = tempfile::tempdir().unwrap();
        for part in ["upper", "work", "root"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kilosat-test-{}-{number}", std::process::id());
        let mut start = Command::new("unshare");
        start.args(["--mount", "--propagation", "private", "bash", "-euc", BOOT]);
        start.envs([("BASE", base.as_path()), ("FOLDER", folder.path())]).env("NAME", &name);
        start.env("NETWORK", if network == Network::Own { "--private-network" } else { "" });
        let said = fs::File::create(folder.path().join("console")).unwrap();
        let errors = said.try_clone().unwrap();
        let nspawn = start.stdin(Stdio::null()).stdout(said).stderr(errors).spawn().unwrap();
        let mut machine = Machine { name, init: 0, nspawn, _folder: folder };
        let init = answer(async || machine.process(|ids| ids.ends_with(&[1]))).await;
        machine.init = init.unwrap_or_else(|| panic!("it does not boot: {}", machine.console()));
        let running = answer(async || {
            let state = machine.try_sh("systemctl is-system-running");
            matches!(text(&state.stdout).trim(), "running" | "degraded").then_some(())
        });
        running.await.unwrap_or_else(|| panic!("it does not come up: {}", machine.console()));
        machine
    }

    /// The same, with Kilosat as it is after its installation: it runs, and has a network of its own without anybody in it.
    pub async fn with_kilosat(release: &str) -> Machine {
        let machine = Machine::boot(release, Network::Own).await;
        machine.install(&package());
        machine.until("systemctl is-active kilosat").await;
        machine
    }

    /// What the machine's shell prints; it must succeed.
    #[track_caller]
    pub fn sh(&self, command: &str) -> String {
        let done = self.try_sh(command);
        assert!(done.status.success(), "{command}\n{}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// The same, whatever comes of it.
    pub fn try_sh(&self, command: &str) -> Output {
        self.enter(&["sh", "-c", command]).stdin(Stdio::null()).output().unwrap()
    }

    /// Writes a file; for root, and readable by all.
    pub fn put(&self, path: &str, content: &[u8]) {
        let mut shell = self.enter(&["sh", "-c", &format!("cat >{path}")]).stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(content).unwrap();
        assert!(shell.wait().unwrap().success(), "{path}");
    }

    /// Installs Kilosat's package; what that printed.
    #[track_caller]
    pub fn install(&self, package: &Path) -> String {
        self.put("/var/tmp/kilosat.deb", &fs::read(package).unwrap());
        self.sh("dpkg --install /var/tmp/kilosat.deb 2>&1")
    }

    /// A property of a unit, as systemd has it.
    #[track_caller]
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.sh(&format!("systemctl show --value --property {name} {unit}")).trim().to_owned()
    }

    /// Waits until the shell says yes; says what it last printed otherwise.
    pub async fn until(&self, command: &str) {
        let mut last = String::new();
        let yes = answer(async || {
            let done = self.try_sh(command);
            last = format!("{}{}", text(&done.stdout), text(&done.stderr));
            done.status.success().then_some(())
        });
        if yes.await.is_none() {
            let log = self.try_sh("journalctl --no-pager --lines 60 --unit kilosat");
            panic!("this does not come true: {command}\n{last}\n{}", text(&log.stdout));
        }
    }

    /// The id, outside, of the service's main process.
    pub fn main_process(&self) -> u32 {
        let inside: u32 = self.property("kilosat", "MainPID").parse().unwrap();
        self.process(|ids| ids.ends_with(&[inside])).unwrap()
    }

    fn enter(&self, command: &[&str]) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.init.to_string(), "--all", "env", "--ignore-environment", PATH]).args(command);
        enter
    }

    /// A process of the machine whose ids, in the name spaces from outside to inside, are as wanted.
    fn process(&self, is_it: impl Fn(&[u32]) -> bool) -> Option<u32> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.find(|id| {
            let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
            let status = read("status");
            let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
            let inside: Vec<u32> = inside.split_whitespace().filter_map(|id| id.parse().ok()).collect();
            inside.len() > 1 && is_it(&inside) && read("cgroup").contains(&self.name)
        })
    }

    fn console(&self) -> String {
        fs::read_to_string(self._folder.path().join("console")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // nspawn takes this as the word to power off; a test that failed leaves nothing running either.
        let _ = self.enter(&["systemctl", "poweroff", "--force"]).output();
        let ended = (0..100).any(|_| {
            let _ = Command::new("sleep").arg("0.1").status();
            matches!(self.nspawn.try_wait(), Ok(Some(_)))
        });
        if !ended {
            let _ = self.nspawn.kill();
            let _ = self.nspawn.wait();
        }
        let _ = Command::new("unshare").args(["--mount", "bash", "-c", CLEAN]).env("NAME", &self.name).output();
    }
}

/// The package under test.
pub fn package() -> PathBuf {
    environment("KILOSAT_PACKAGE").into()
}

/// What tests/packaging/run says.
fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; these tests are run by tests/packaging/run"))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

static NUMBER: AtomicU32 = AtomicU32::new(0);
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Control groups of the new kind, in a group of its own, whatever the machine around has.
const BOOT: &str = r#"
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$FOLDER/root"
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$NAME"
echo $$ >"/sys/fs/cgroup/$NAME/cgroup.procs"
exec systemd-nspawn --quiet --directory "$FOLDER/root" --boot --register=no --keep-unit --console=pipe $NETWORK
"#;
const CLEAN: &str = r#"
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
find "/sys/fs/cgroup/$NAME" -depth -type d -exec rmdir {} +
"#;

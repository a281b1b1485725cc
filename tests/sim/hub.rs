//! The `kilosat` binary, started, asked and killed as its users and power cuts do.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use kilosat::control::{ask_invoice, ask_status, socket_path};
use kilosat::domain::money::Msat;
use kilosat::status::Status;
use tokio::time::timeout;

use crate::wait;

/// One `kilosat run`.
pub struct Hub {
    child: Child,
    /// Another program started it and watches it.
    watched: bool,
    config: PathBuf,
    socket: PathBuf,
}

impl Hub {
    /// Starts `kilosat run` on the configuration file at `config`, whose state directory is `state`.
    pub fn start(config: &Path, state: &Path) -> Hub {
        Hub::spawn(&[], config, state, [])
    }

    /// The same with `environment` on top of this process's own.
    pub fn start_in(config: &Path, state: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Hub {
        Hub::spawn(&[], config, state, environment)
    }

    /// Starts it as the last arguments of another program, such as strace, which ends when it ends.
    pub fn start_under(watcher: &[&str], config: &Path, state: &Path) -> Hub {
        Hub::spawn(watcher, config, state, [])
    }

    fn spawn(
        watcher: &[&str],
        config: &Path,
        state: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Hub {
        let log = std::fs::File::options().create(true).append(true).open(config.with_extension("log")).unwrap();
        let mut words = watcher.iter().map(OsStr::new).chain([kilosat_exe().as_os_str()]);
        let child = Command::new(words.next().unwrap())
            .args(words)
            .args(["run", "--config"])
            .arg(config)
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Hub { child, watched: !watcher.is_empty(), config: config.to_owned(), socket: socket_path(state) }
    }

    /// Its state, as soon as it answers.
    ///
    /// # Panics
    /// When it ends or does not answer within a minute; the log is shown.
    pub async fn status(&mut self) -> Status {
        let status = wait::answer(async || match ask_status(&self.socket).await {
            Ok(status) => Some(Ok(status)),
            Err(_) => self.child.try_wait().unwrap().map(Err),
        });
        match status.await {
            Some(Ok(status)) => status,
            Some(Err(exit)) => panic!("kilosat run ended with {exit}:\n{}", self.log()),
            None => panic!("kilosat run does not answer:\n{}", self.log()),
        }
    }

    /// Waits until its state fits.
    ///
    /// # Panics
    /// When that takes longer than a minute; the last state is shown.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&Status) -> bool) -> Status {
        let mut last = None;
        let status = wait::answer(async || {
            let status = self.status().await;
            let fit = fits(&status).then(|| status.clone());
            last = Some(status);
            fit
        });
        match status.await {
            Some(status) => status,
            None => panic!("waited in vain until {what}: {last:#?}\n{}", self.log()),
        }
    }

    /// An invoice that puts money into its wallet.
    ///
    /// # Panics
    /// When it makes none.
    pub async fn invoice(&mut self, amount: Msat) -> String {
        self.status().await;
        ask_invoice(&self.socket, amount).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Its process id; `None` while the watcher has not started it yet, and when it has ended.
    pub fn pid(&self) -> Option<u32> {
        let own = self.child.id();
        if !self.watched {
            return Some(own);
        }
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// How it ended, if it does within this time.
    pub async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        timeout(within, wait::answer(async || self.child.try_wait().unwrap())).await.ok().flatten()
    }

    /// Pulls the plug: SIGKILL, no chance to write anything.
    pub fn kill(mut self) {
        self.put_down();
    }

    /// A watcher ends with what it watches; killed first, it would leave that running.
    fn put_down(&mut self) {
        if let (true, Some(pid)) = (self.watched, self.pid()) {
            // It may have ended by itself just now.
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        if !self.watched || self.pid().is_none() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// Asks it to stop as systemd does, and waits.
    ///
    /// # Panics
    /// When it takes longer than twenty seconds.
    pub async fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        let ended = wait::answer(async || self.child.try_wait().unwrap());
        timeout(STOP_WAIT, ended).await.ok().flatten().expect("it stops within twenty seconds")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.put_down();
    }
}

/// Runs `kilosat` with `arguments` to its end.
pub fn kilosat(arguments: &[&str]) -> Output {
    kilosat_in(arguments, [])
}

/// The same with `environment` on top of this process's own.
pub fn kilosat_in(arguments: &[&str], environment: impl IntoIterator<Item = (OsString, OsString)>) -> Output {
    Command::new(kilosat_exe()).args(arguments).envs(environment).stdin(Stdio::null()).output().unwrap()
}

/// Runs `kilosat` with `arguments` and `line` on its standard input to its end: what it printed, or what it complained of.
///
/// # Errors
/// Its words on standard error, when it does not succeed.
pub fn kilosat_told(arguments: &[&str], line: &str) -> Result<String, String> {
    let mut command = Command::new(kilosat_exe());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
}

/// The binary: `KILOSAT_EXE`, else the one this build's cargo makes now.
pub fn kilosat_exe() -> &'static Path {
    static EXE: OnceLock<PathBuf> = OnceLock::new();
    EXE.get_or_init(|| {
        if let Some(exe) = std::env::var_os("KILOSAT_EXE") {
            return exe.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--workspace", "--bins"]).status().unwrap();
        assert!(built.success(), "the kilosat binary does not build");
        // target/debug/deps/scenarios-1234: the binary is two folders up.
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("kilosat")
    })
}

const STOP_WAIT: Duration = Duration::from_secs(20);

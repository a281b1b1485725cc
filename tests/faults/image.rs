//! A small disk of its own, whose power can be cut: an ext4 file system in a file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sim::hub::Hub;
use sim::wait;
use tempfile::TempDir;

/// A mounted image; dropping it unmounts it.
pub struct Image {
    directory: TempDir,
}

impl Image {
    /// Makes one, in memory where the system has room for files there: what ext4 has not flushed is lost all the same.
    pub fn new() -> Result<Image, String> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let directory =
            tempfile::Builder::new().prefix("kilosat-disk-").tempdir_in(place).map_err(|e| e.to_string())?;
        let image = Image { directory };
        std::fs::create_dir(image.root()).map_err(|error| error.to_string())?;
        std::fs::File::create(image.file()).and_then(|file| file.set_len(BYTES)).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", "-m", "0", image.file().to_str().unwrap()])?;
        image.mount()?;
        Ok(image)
    }

    /// Where its files are.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Cuts the power while `hub` works: nothing that was not flushed survives, and nothing runs on afterwards. With
    /// `tidy`, the file system's own journal is written out first: names and sizes survive, contents need not.
    pub async fn cut(&self, hub: Hub, tidy: bool) -> Result<(), String> {
        // Stopped first: else it would go on working on a disk that answers with errors, and say things no dead one can.
        freeze(&hub).await?;
        let order = if tidy { "shutdown -f" } else { "shutdown" };
        run("xfs_io", &["-x", "-c", order, self.root().to_str().unwrap()])?;
        hub.kill();
        self.unmount()?;
        self.mount()
    }

    /// Unmounts it and lets the file system's own checker look at it.
    pub fn check(self) -> Result<(), String> {
        self.unmount()?;
        run("e2fsck", &["-f", "-n", self.file().to_str().unwrap()])
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("disk.ext4")
    }

    fn mount(&self) -> Result<(), String> {
        // Replays the journal, as after a real power cut.
        run("mount", &["-o", "loop", self.file().to_str().unwrap(), self.root().to_str().unwrap()])
    }

    fn unmount(&self) -> Result<(), String> {
        run("umount", &[self.root().to_str().unwrap()])
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily, whoever still holds a file in it; not mounted any more is as well.
        let _ = output("umount", &["-l", self.root().to_str().unwrap()]);
    }
}

/// Stops every thread; returns once none runs any more. Who waits for the disk stays there.
async fn freeze(hub: &Hub) -> Result<(), String> {
    let pid = hub.pid().ok_or("it is gone")?;
    run("kill", &["-STOP", &pid.to_string()])?;
    let still = || -> std::io::Result<bool> {
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = std::fs::read_to_string(task?.path().join("stat"))?;
            // The state follows the name in parentheses.
            if !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['T', 'D', 'Z', 'X'])) {
                return Ok(false);
            }
        }
        Ok(true)
    };
    for _ in 0..FREEZE_LOOKS_MAX {
        if still().map_err(|error| format!("it is gone: {error}"))? {
            return Ok(());
        }
        wait::let_pass(std::time::Duration::from_micros(200)).await;
    }
    Err("it does not stop".to_owned())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = output(program, arguments).map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{program} {}: {} {}", arguments.join(" "), output.status, String::from_utf8_lossy(&said).trim()))
}

fn output(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output()
}

const BYTES: u64 = 24 << 20;
const FREEZE_LOOKS_MAX: u32 = 10_000;

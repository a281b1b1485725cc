//! What people install, installed: Debian's package in a Debian under systemd. Run by `tests/packaging/run`.

mod keeping;
mod machine;
mod running;

//! What people install, installed: Debian's package in a Debian under systemd. Run by `tests/packaging/run`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod keeping;
mod keys;
mod machine;
mod running;

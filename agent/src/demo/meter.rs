//! The meter of the demo's house, on Modbus TCP.

use std::io;
use std::sync::{Arc, Mutex};

use kilosat_drivers::modbus::{Framing, server};
use kilosat_drivers::profiles;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::time::HouseTime;
use crate::sim::{Device, House};

/// Its configuration name.
pub const PROFILE: &str = "schneider-iem3155";
/// Its unit id.
pub const UNIT: u8 = 1;

/// Serves it as one of `servers`; returns its port.
///
/// # Errors
/// When no port can be opened.
pub async fn open(house: Arc<Mutex<House>>, time: HouseTime, servers: &mut JoinSet<()>) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let profile = profiles::find(PROFILE).expect("the driver's tables hold the demo's meter");
    let device = Device::new(profile, UNIT, house, move || time.simulated_ms());
    servers.spawn(async move {
        if let Err(error) = server::serve(&listener, Framing::Tcp, device).await {
            tracing::error!(%error, "the simulated meter stopped");
        }
    });
    Ok(port)
}

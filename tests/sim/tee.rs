//! A line with several devices on it: what a client sends reaches each of them, and whatever they say reaches the client.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Joins the devices at these ports of this machine to one line, on a port of its own; it is cut when this is dropped.
pub struct Tee {
    port: u16,
    _clients: JoinSet<()>,
}

impl Tee {
    /// Devices in the frames of a serial line over TCP. One that is gone says nothing.
    ///
    /// # Panics
    /// When the system gives no port.
    pub async fn of(ports: Vec<u16>) -> Tee {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut clients = JoinSet::new();
        clients.spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                conversations.spawn(converse(client, ports.clone()));
            }
        });
        Tee { port, _clients: clients }
    }

    /// Where the client connects.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn converse(client: TcpStream, ports: Vec<u16>) {
    client.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (said, mut heard) = tokio::sync::mpsc::channel::<Vec<u8>>(16);
    let (mut devices, mut listeners) = (Vec::new(), JoinSet::new());
    for port in ports {
        let Ok(device) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        let (mut from_device, to_device) = device.into_split();
        let said = said.clone();
        devices.push(to_device);
        listeners.spawn(async move {
            let mut bytes = vec![0; 512];
            while let Ok(count @ 1..) = from_device.read(&mut bytes).await {
                if said.send(bytes[..count].to_vec()).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut request = vec![0; 512];
    loop {
        tokio::select! {
            read = from_client.read(&mut request) => {
                let Ok(count @ 1..) = read else { return };
                for device in &mut devices {
                    // A device that left hears nothing.
                    let _ = device.write_all(&request[..count]).await;
                }
            }
            Some(bytes) = heard.recv() => if to_client.write_all(&bytes).await.is_err() { return },
        }
    }
}

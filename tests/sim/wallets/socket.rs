//! A websocket at one path of a simulated wallet, on the port where its HTTP API is served.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::HeaderMap;
use axum::serve::Listener;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// The websocket's end that tests pull at. Clones are the same.
#[derive(Clone)]
pub struct SocketDoor {
    /// Where everything listens.
    pub url: String,
    orders: broadcast::Sender<Order>,
    opened: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Order {
    Say(String),
    Endless,
    Drop,
}

/// Connections for the HTTP API: all that do not ask for the websocket.
pub struct HttpListener {
    address: SocketAddr,
    waiting: mpsc::Receiver<TcpStream>,
}

/// Who may connect.
pub type Guard = fn(&HeaderMap) -> bool;

impl SocketDoor {
    /// Listens on a free port of this machine. Whoever connects to `path` with headers that `guard` accepts is told
    /// `text` of each hash that arrives at the ledger behind `arrivals`.
    pub async fn open(
        path: &'static str,
        guard: Guard,
        mut arrivals: broadcast::Receiver<[u8; 32]>,
        text: impl Fn([u8; 32]) -> String + Send + 'static,
    ) -> (HttpListener, SocketDoor) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let url = format!("http://{address}");
        let door = SocketDoor { url, orders: broadcast::Sender::new(KEPT), opened: Arc::default() };
        let (served, waiting) = mpsc::channel(KEPT);
        let (knocking, answering) = (door.clone(), door.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                tokio::spawn(knocking.clone().sort(stream, path, guard, served.clone()));
            }
        });
        tokio::spawn(async move {
            while let Ok(hash) = arrivals.recv().await {
                answering.say(&text(hash));
            }
        });
        (HttpListener { address, waiting }, door)
    }

    /// Tells everybody who is connected.
    pub fn say(&self, text: &str) {
        let _ = self.orders.send(Order::Say(text.to_owned())); // Nobody may be listening.
    }

    /// Begins a message without an end.
    pub fn say_without_end(&self) {
        let _ = self.orders.send(Order::Endless);
    }

    /// Breaks every connection.
    pub fn drop_all(&self) {
        let _ = self.orders.send(Order::Drop);
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// How many are open now.
    pub fn listeners(&self) -> usize {
        self.orders.receiver_count()
    }

    async fn sort(self, stream: TcpStream, path: &'static str, guard: Guard, served: mpsc::Sender<TcpStream>) {
        let wanted = format!("GET {path} ");
        let mut start = vec![0; wanted.len()];
        // A client writes its first line at once.
        let read = stream.peek(&mut start).await.unwrap_or(0);
        if start[..read] != *wanted.as_bytes() {
            let _ = served.send(stream).await;
            return;
        }
        #[expect(clippy::result_large_err, reason = "the type is the library's")]
        let check = |request: &Request, response: Response| {
            if guard(request.headers()) {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = axum::http::StatusCode::UNAUTHORIZED;
            Err(refusal)
        };
        let orders = self.orders.subscribe();
        if let Ok(socket) = accept_hdr_async(stream, check).await {
            self.opened.fetch_add(1, Ordering::SeqCst);
            obey(socket, orders).await;
        }
    }
}

async fn obey(mut socket: WebSocketStream<TcpStream>, mut orders: broadcast::Receiver<Order>) {
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            heard = socket.next() => match heard {
                Some(Ok(_)) => continue, // Pings are answered by reading on.
                _ => return,
            },
        };
        match order {
            Ok(Order::Say(text)) => {
                let _ = socket.send(Message::text(text)).await;
            }
            Ok(Order::Endless) => without_end(&mut socket).await,
            Err(broadcast::error::RecvError::Lagged(_)) => {} // Some of a flood of garbage.
            Ok(Order::Drop) | Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn without_end(socket: &mut WebSocketStream<TcpStream>) {
    let mut kind = Data::Text;
    let part = || vec![b' '; 4_096];
    while socket.send(Message::Frame(Frame::message(part(), OpCode::Data(kind), false))).await.is_ok() {
        kind = Data::Continue;
    }
}

impl Listener for HttpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        match self.waiting.recv().await {
            Some(stream) => (stream, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

const KEPT: usize = 64;

//! A wire that misbehaves: stands between Kilosat and a wallet's server and says, byte by byte, what a script wants.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::wait::let_pass;

/// The wire. Clones are the same one.
#[derive(Clone)]
pub struct Gate {
    /// Where it listens.
    pub url: String,
    server: String,
    waiting: Arc<Mutex<Vec<Turn>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What happens to the next request that is to this path and about this payment.
pub struct Turn {
    /// Part of the path.
    pub path: &'static str,
    /// What only a request about this payment holds.
    pub about: String,
    /// Whether the server gets the request.
    pub acts: Acts,
    /// What goes over the wire instead of the server's answer.
    pub script: Box<dyn FnOnce(Answer) -> Vec<Piece> + Send>,
}

/// Whether the server gets a request.
pub enum Acts {
    /// No.
    Never,
    /// Yes, and its answer is waited for.
    First,
    /// Yes, and it is known to have acted once this says so; there is no answer to wait for.
    Until(Box<dyn Fn() -> bool + Send>),
}

/// What the server would have said.
#[derive(Clone, Default)]
pub struct Answer {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

/// One thing that happens on the wire.
pub enum Piece {
    /// These bytes, at once.
    Bytes(Vec<u8>),
    /// These bytes, one by one, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// These bytes again and again until the other side hangs up.
    Forever(Vec<u8>),
    /// Nothing more, until the other side hangs up.
    Hang,
    /// An orderly end; what follows from the end of a script in any case.
    Close,
    /// A reset.
    Reset,
}

impl Gate {
    /// Stands in front of the server at `url`, which is `http://` and an address.
    pub async fn start(url: &str) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Gate {
            url: format!("http://{}", listener.local_addr().unwrap()),
            server: url.strip_prefix("http://").unwrap().to_owned(),
            waiting: Arc::default(),
            seen: Arc::default(),
        };
        let served = gate.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let served = served.clone();
                // A peer that hangs up in the middle is what this is about.
                tokio::spawn(async move { served.serve(client).await.unwrap_or_default() });
            }
        });
        gate
    }

    /// Keeps `turn` for its request.
    pub fn push(&self, turn: Turn) {
        self.waiting.lock().unwrap().push(turn);
    }

    /// Whether a turn about this payment still waits for its request.
    pub fn waits(&self, about: &str) -> bool {
        self.waiting.lock().unwrap().iter().any(|turn| turn.about == about)
    }

    /// The first line of every request that came.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = read_request(&mut client).await?;
        let text = String::from_utf8_lossy(&request).into_owned();
        let first = text.lines().next().unwrap_or_default().to_owned();
        let turn = {
            let mut waiting = self.waiting.lock().unwrap();
            let place = waiting.iter().position(|turn| first.contains(turn.path) && text.contains(&turn.about));
            place.map(|place| waiting.remove(place))
        };
        self.seen.lock().unwrap().push(first);
        let Some(turn) = turn else {
            let mut server = TcpStream::connect(&self.server).await?;
            server.write_all(&request).await?;
            copy_bidirectional(&mut client, &mut server).await?;
            return Ok(());
        };
        let answer = match turn.acts {
            Acts::Never => Answer::default(),
            Acts::First => self.ask(&request).await?,
            Acts::Until(acted) => {
                let mut server = TcpStream::connect(&self.server).await?;
                server.write_all(&request).await?;
                while !acted() {
                    let_pass(Duration::from_millis(5)).await;
                }
                Answer::default()
            }
        };
        for piece in (turn.script)(answer) {
            play(&mut client, piece).await?;
        }
        client.shutdown().await?;
        // The other side may still be sending or reading; a reset would take the answer away from it.
        while_open(&mut client).await
    }

    async fn ask(&self, request: &[u8]) -> std::io::Result<Answer> {
        let mut server = TcpStream::connect(&self.server).await?;
        server.write_all(request).await?;
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(answer) = whole(&bytes) {
                return Ok(answer);
            }
            match server.read(&mut part).await? {
                0 => return Ok(Answer::default()),
                read => bytes.extend_from_slice(&part[..read]),
            }
        }
    }
}

impl Piece {
    /// A well-formed answer.
    pub fn answer(status: u16, body: impl AsRef<[u8]>) -> Piece {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Piece::Bytes([head.as_bytes(), body].concat())
    }

    /// These bytes.
    pub fn text(text: impl Into<Vec<u8>>) -> Piece {
        Piece::Bytes(text.into())
    }
}

async fn play(client: &mut TcpStream, piece: Piece) -> std::io::Result<()> {
    match piece {
        Piece::Bytes(bytes) => client.write_all(&bytes).await,
        Piece::Drip(bytes, pause) => {
            for byte in bytes {
                let_pass(pause).await;
                client.write_all(&[byte]).await?;
            }
            Ok(())
        }
        Piece::Forever(bytes) => loop {
            client.write_all(&bytes).await?;
        },
        Piece::Hang => while_open(client).await,
        Piece::Close => client.shutdown().await,
        Piece::Reset => {
            client.set_zero_linger()?;
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
}

async fn while_open(client: &mut TcpStream) -> std::io::Result<()> {
    let mut part = [0; 1024];
    while client.read(&mut part).await? > 0 {}
    Ok(())
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        if let Some((head, body)) = split(&bytes)
            && body.len() >= length(&head).unwrap_or(0)
        {
            return Ok(bytes);
        }
        match client.read(&mut part).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}

/// The answer, once enough of it is there: all of a body with a length, the first piece of a stream.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let (head, body) = split(bytes)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = match length(&head) {
        Some(length) => body.get(..length)?.to_vec(),
        None => {
            let end = body.windows(2).position(|pair| pair == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
            body.get(end + 2..end + 2 + size)?.to_vec()
        }
    };
    Some(Answer { status, body })
}

fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase(), &bytes[end + 4..]))
}

fn length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()
}

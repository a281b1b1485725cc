//! Servers on this machine for the tests of this folder.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::{Limits, Reach, StrictClient};

/// Serves `router` until the test ends; the URL has the form `http://127.0.0.1:1234/`.
pub(crate) async fn serve(router: Router) -> Url {
    let (listener, url) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Sends `start` to whoever connects and then keeps silent, with the connection open.
pub(crate) async fn serve_and_stall(start: &'static [u8]) -> Url {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(start).await;
            kept.push(stream);
        }
    });
    url
}

/// A client whose owner allowed exactly the origin of `url`.
pub(crate) fn lan_client(url: &Url) -> StrictClient {
    StrictClient::new(Reach::lan(url.as_str()).unwrap(), Limits::default()).unwrap()
}

/// Limits that make a stalled server show within a tenth of a second.
pub(crate) fn impatient() -> Limits {
    Limits { total: Duration::from_millis(60), ..Limits::default() }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, format!("http://{address}/").parse().unwrap())
}

//! One connection to a relay: what is asked of it, and what it brings, bounded in size and number.
//!
//! A relay is a stranger between us and the wallet. It can hold back messages and repeat them; whatever it brings
//! counts only after the checks of [`Event::verify`] and of its author, which the callers make.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use nostr::Event;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use crate::http::host_of;
use crate::json::Document;
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// A connection with one subscription.
pub(super) struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    host: String,
    left: usize,
}

/// What a relay brings.
pub(super) enum Heard {
    /// An event of our subscription, not checked yet.
    Event(Box<Event>),
    /// What it had stored came; what follows is new.
    CaughtUp,
    /// It ended the subscription.
    Closed(String),
    /// It did not take the event with this id.
    Refused(String, String),
}

impl Link {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// [`ServiceFault`]; no event was written.
    pub(super) async fn open(relay: &Url, filters: &[Value], connect: Duration) -> Result<Link, ServiceFault> {
        let host = host_of(relay);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connecting = connect_async_with_config(relay.as_str(), Some(limits), true);
        let unreachable = |said: &str| fault(Trouble::Unreachable, &host, said);
        let socket = match timeout(connect, connecting).await {
            Err(_) => return Err(unreachable("did not answer in time")),
            Ok(Err(error)) if certificate_is_wrong(&error) => {
                return Err(fault(Trouble::Certificate, &host, "its certificate is not valid"));
            }
            Ok(Err(_)) => return Err(unreachable("could not be reached")),
            Ok(Ok((socket, _))) => socket,
        };
        let mut link = Link { socket, host, left: MESSAGES_MAX };
        let mut request = vec![json!("REQ"), json!(SUBSCRIPTION)];
        request.extend_from_slice(filters);
        match timeout(connect, link.write(&Value::Array(request))).await {
            Ok(Ok(())) => Ok(link),
            _ => Err(fault(Trouble::Unreachable, &link.host, "broke the connection")),
        }
    }

    /// Hands an event to the relay.
    ///
    /// # Errors
    /// [`ServiceFault`]; the event may have been sent.
    pub(super) async fn publish(&mut self, event: &Event) -> Result<(), ServiceFault> {
        self.write(&json!(["EVENT", event])).await
    }

    /// The next thing that concerns us.
    ///
    /// # Errors
    /// [`ServiceFault`]: the connection ended, or brought too much.
    pub(super) async fn next(&mut self) -> Result<Heard, ServiceFault> {
        while self.left > 0 {
            self.left -= 1;
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(self.unclear("broke the connection")),
                Some(Ok(_)) => continue,
            };
            if let Some(heard) = heard(text.as_str()) {
                return Ok(heard);
            }
        }
        Err(self.unclear("sent more messages than Kilosat reads"))
    }

    /// A fault with the relay's name.
    pub(super) fn fault(&self, trouble: Trouble, said: &str) -> ServiceFault {
        fault(trouble, &self.host, said)
    }

    fn unclear(&self, said: &str) -> ServiceFault {
        self.fault(Trouble::Unclear, said)
    }

    async fn write(&mut self, message: &Value) -> Result<(), ServiceFault> {
        let sent = self.socket.send(Message::text(message.to_string())).await;
        sent.map_err(|_| self.unclear("broke the connection"))
    }
}

/// Reads a relay's message; `None` for those that do not concern us.
pub(super) fn heard(text: &str) -> Option<Heard> {
    let mut value = Document::parse(text.as_bytes()).ok()?.value;
    let at = |place: usize| value.get(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_ours = at(1) == SUBSCRIPTION;
    match at(0).as_str() {
        "EVENT" if is_ours => {
            let event = value.get_mut(2)?.take();
            serde_json::from_value(event).ok().map(|event| Heard::Event(Box::new(event)))
        }
        "EOSE" if is_ours => Some(Heard::CaughtUp),
        "CLOSED" if is_ours => Some(Heard::Closed(at(2))),
        "OK" if value.get(2) == Some(&Value::Bool(false)) => Some(Heard::Refused(at(1), at(3))),
        _ => None,
    }
}

fn fault(trouble: Trouble, host: &str, said: &str) -> ServiceFault {
    ServiceFault::with(ServiceKind::Nwc, trouble, &format!("the relay {host}: {said}"))
}

/// TLS errors travel inside I/O errors.
fn certificate_is_wrong(error: &Error) -> bool {
    let Error::Io(error) = error else { return false };
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// Requests have connections of their own, so one name is enough.
const SUBSCRIPTION: &str = "kilosat";
/// A NIP-44 text of the largest size fits with room to spare.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Far more than an honest relay brings in one call.
const MESSAGES_MAX: usize = 200;

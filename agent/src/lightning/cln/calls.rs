//! One call of clnrest, and what its errors mean.

use std::time::Duration;

use serde_json::Value;

use crate::http::{HttpAnswer, HttpFault, Request, StrictClient};
use crate::json::Document;
use crate::lightning::remote::PAGE_BYTES_MAX;
use crate::lightning::{Remote, ServiceFault, ServiceKind, Trouble};

/// The calls of one node.
pub(super) struct Calls {
    /// Where the node is and how long it may take.
    pub remote: Remote,
    client: StrictClient,
}

/// A call led to nothing.
#[derive(Debug)]
pub(in crate::lightning) enum CallFault {
    /// No whole answer.
    Http(HttpFault),
    /// The node's own error.
    Rpc(RpcError),
    /// Something answered, not in the words of the node.
    Odd(u16),
}

/// The node's error, as JSON-RPC has it.
#[derive(Debug)]
pub(in crate::lightning) struct RpcError {
    /// HTTP status.
    pub status: u16,
    /// `common/jsonrpc_errors.h` in the node's source.
    pub code: i64,
    /// What it says.
    pub message: String,
}

impl Calls {
    pub fn new(remote: Remote) -> Result<Calls, ServiceFault> {
        let client = remote.client(ServiceKind::Cln)?;
        Ok(Calls { remote, client })
    }

    /// Calls within the usual time; only status 201 is success.
    pub async fn call(&self, method: &str, params: &Value) -> Result<Vec<u8>, CallFault> {
        self.call_within(method, params, self.remote.waits.call).await
    }

    pub async fn call_within(&self, method: &str, params: &Value, total: Duration) -> Result<Vec<u8>, CallFault> {
        self.send(self.request(method, params).within(total)).await
    }

    /// Asks for one page of a history.
    pub async fn list(&self, method: &str, params: &Value) -> Result<Vec<u8>, CallFault> {
        self.list_up_to(method, params, PAGE_BYTES_MAX).await
    }

    /// The same, of so many bytes at most.
    pub async fn list_up_to(&self, method: &str, params: &Value, bytes_max: usize) -> Result<Vec<u8>, CallFault> {
        self.send(self.request(method, params).within(self.remote.waits.call).up_to(bytes_max)).await
    }

    fn request(&self, method: &str, params: &Value) -> Request<'_> {
        Request::json(self.remote.at(&format!("/v1/{method}")), params).header("Rune", self.remote.secret.expose())
    }

    async fn send(&self, request: Request<'_>) -> Result<Vec<u8>, CallFault> {
        let answer = self.client.send(request).await.map_err(CallFault::Http)?;
        body(answer, self.remote.secret.expose())
    }
}

/// The body of a success, or what the answer says instead; `rune` is kept out of its words.
pub(in crate::lightning) fn body(answer: HttpAnswer, rune: &str) -> Result<Vec<u8>, CallFault> {
    if answer.status == SUCCESS {
        return Ok(answer.body);
    }
    Err(RpcError::read(answer.status, &answer.body, rune).map_or(CallFault::Odd(answer.status), CallFault::Rpc))
}

impl CallFault {
    /// As the owner reads it.
    pub fn fault(&self) -> ServiceFault {
        match self {
            CallFault::Http(fault) => ServiceFault::of_http(ServiceKind::Cln, fault),
            CallFault::Rpc(error) => ServiceFault::with(ServiceKind::Cln, error.trouble(), &error.message),
            CallFault::Odd(429) => ServiceFault::new(ServiceKind::Cln, Trouble::Busy),
            CallFault::Odd(SUCCESS) => unclear("a list that cannot be read"),
            CallFault::Odd(status) => unclear(&format!("HTTP status {status}")),
        }
    }
}

impl RpcError {
    fn read(status: u16, body: &[u8], rune: &str) -> Option<RpcError> {
        let document = Document::unambiguous(body).ok()?;
        let code = document.value.get("code")?.as_i64()?;
        let said = document.value.get("message")?.as_str()?;
        let message = if !rune.is_empty() && said.contains(rune) { "" } else { said };
        Some(RpcError { status, code, message: message.to_owned() })
    }

    /// Whether the node itself refused the rune or the method's name: the call never began. A gateway in front of it has
    /// the same statuses, with codes of its own.
    pub fn never_began(&self) -> bool {
        match self.status {
            401 | 403 => RUNE_REFUSED.contains(&self.code),
            404 => self.code == METHOD_UNKNOWN,
            _ => false,
        }
    }

    /// What it means where nothing more is known.
    pub fn trouble(&self) -> Trouble {
        match (self.status, self.code) {
            (401 | 403, RUNE_NOT_PERMITTED) if self.names_a_limit() => Trouble::Limit,
            (401 | 403, RUNE_NOT_PERMITTED) => Trouble::Permission,
            (401 | 403 | 406, _) => Trouble::Credential,
            (404, METHOD_UNKNOWN) => Trouble::Unsupported("a call that Kilosat needs; it may be too old"),
            _ => Trouble::Unclear,
        }
    }

    /// Whether the rune allows the method, and not this use of it.
    fn names_a_limit(&self) -> bool {
        let said = self.message.to_lowercase();
        ["amount", "maxfee", "rate", "too soon"].iter().any(|word| said.contains(word))
    }
}

/// An answer that makes no sense.
pub(in crate::lightning) fn unclear(said: &str) -> ServiceFault {
    ServiceFault::with(ServiceKind::Cln, Trouble::Unclear, said)
}

pub(super) const SUCCESS: u16 = 201;
/// Codes of `common/jsonrpc_errors.h`.
const METHOD_UNKNOWN: i64 = -32_601;
pub(super) const BAD_PARAMETERS: i64 = -32_602;
pub(super) const RUNE_NOT_PERMITTED: i64 = 1_502;
/// Not authorized, not permitted, taken back.
const RUNE_REFUSED: std::ops::RangeInclusive<i64> = 1_501..=1_503;

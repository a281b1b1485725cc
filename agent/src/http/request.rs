//! One request to a wallet, and the answer read whole or line by line.

use std::time::Duration;

use url::Url;

use super::fault::HttpFault;

/// One request; nothing in it is ever logged.
#[derive(Clone)]
pub struct Request<'a> {
    /// Where to.
    pub url: Url,
    /// What for.
    pub body: Body<'a>,
    /// Names and values; values are never logged.
    pub headers: Vec<(&'static str, &'a str)>,
    /// Longest wait for the whole answer, in place of the client's own.
    pub total: Option<Duration>,
}

/// What a request carries, which also decides its method.
#[derive(Clone)]
pub enum Body<'a> {
    /// GET, nothing.
    Get,
    /// POST of this JSON text.
    Json(String),
    /// POST of these pairs, form-encoded.
    Form(Vec<(&'a str, String)>),
}

impl<'a> Request<'a> {
    /// A GET request.
    pub fn get(url: Url) -> Request<'a> {
        Request { url, body: Body::Get, headers: Vec::new(), total: None }
    }

    /// A POST request with a JSON value.
    pub fn json(url: Url, value: &serde_json::Value) -> Request<'a> {
        Request { url, body: Body::Json(value.to_string()), headers: Vec::new(), total: None }
    }

    /// A POST request with form fields.
    pub fn form(url: Url, fields: Vec<(&'a str, String)>) -> Request<'a> {
        Request { url, body: Body::Form(fields), headers: Vec::new(), total: None }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'a str) -> Request<'a> {
        self.headers.push((name, value));
        self
    }

    /// The same with its own limit of time.
    #[must_use]
    pub fn within(mut self, total: Duration) -> Request<'a> {
        self.total = Some(total);
        self
    }
}

/// An answer that comes line by line, such as LND's streams.
#[derive(Debug)]
pub struct Lines {
    pub(super) host: String,
    pub(super) response: reqwest::Response,
    pub(super) buffer: Vec<u8>,
    pub(super) line_bytes_max: usize,
}

impl Lines {
    /// HTTP status; never 3xx.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next line without its end; `None` after the last one. A last line without an end counts.
    ///
    /// # Errors
    /// [`HttpFault`]: the stream broke, took too long, or a line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFault> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(end);
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.buffer.len() > self.line_bytes_max {
                return Err(HttpFault::TooLarge { host: self.host.clone() });
            }
            match self.response.chunk().await.map_err(|error| HttpFault::of(&self.host, &error))? {
                Some(part) => self.buffer.extend_from_slice(&part),
                None if self.buffer.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                None => return Ok(Some(std::mem::take(&mut self.buffer))),
            }
        }
    }
}

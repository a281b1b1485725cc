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
    /// Largest body of the answer, in place of the client's own.
    pub body_bytes_max: Option<usize>,
}

/// What a request carries, which also decides its method.
#[derive(Clone)]
pub enum Body<'a> {
    /// GET, nothing.
    Get,
    /// POST of this JSON text.
    Json(String),
    /// POST of this plain text.
    Text(String),
    /// PATCH with this JSON text.
    Patch(String),
    /// POST of these pairs, form-encoded.
    Form(Vec<(&'a str, String)>),
}

impl<'a> Request<'a> {
    /// A GET request.
    pub fn get(url: Url) -> Request<'a> {
        Request { url, body: Body::Get, headers: Vec::new(), total: None, body_bytes_max: None }
    }

    /// A POST request with a JSON value.
    pub fn json(url: Url, value: &serde_json::Value) -> Request<'a> {
        Request { body: Body::Json(value.to_string()), ..Request::get(url) }
    }

    /// A POST request with a plain text.
    pub fn text(url: Url, text: String) -> Request<'a> {
        Request { body: Body::Text(text), ..Request::get(url) }
    }

    /// A PATCH request with a JSON value.
    pub fn patch(url: Url, value: &serde_json::Value) -> Request<'a> {
        Request { body: Body::Patch(value.to_string()), ..Request::get(url) }
    }

    /// A POST request with form fields.
    pub fn form(url: Url, fields: Vec<(&'a str, String)>) -> Request<'a> {
        Request { body: Body::Form(fields), ..Request::get(url) }
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

    /// The same with its own limit of size for an answer that is read whole.
    #[must_use]
    pub fn up_to(mut self, body_bytes_max: usize) -> Request<'a> {
        self.body_bytes_max = Some(body_bytes_max);
        self
    }
}

/// An answer that comes line by line, such as LND's streams.
#[derive(Debug)]
pub struct Lines {
    pub(super) host: String,
    pub(super) response: reqwest::Response,
    pub(super) buffer: LineBuffer,
    pub(super) line_bytes_max: usize,
}

/// Cuts what arrives in pieces into lines. Blank lines are left out; a last line without an end counts.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// How much of it was handed out.
    read: usize,
}

impl Lines {
    /// HTTP status; never 3xx.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next line, as [`LineBuffer`] cuts them; `None` after the last one.
    ///
    /// # Errors
    /// [`HttpFault`]: the stream broke, took too long, or a line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFault> {
        loop {
            if let Some(line) = self.buffer.line() {
                return Ok(Some(line));
            }
            if self.buffer.unread().len() > self.line_bytes_max {
                return Err(HttpFault::TooLarge { host: self.host.clone() });
            }
            match self.response.chunk().await.map_err(|error| HttpFault::of(&self.host, &error))? {
                Some(part) => self.buffer.push(&part),
                None => return Ok(self.buffer.last()),
            }
        }
    }
}

impl LineBuffer {
    /// Adds what arrived.
    pub fn push(&mut self, part: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(part);
    }

    /// The next line whose end has arrived, without its end.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        while let Some(end) = self.unread().iter().position(|byte| *byte == b'\n') {
            let line = self.unread().get(..end).unwrap_or_default().to_vec();
            self.read += end + 1;
            if !is_blank(&line) {
                return Some(line);
            }
        }
        None
    }

    /// What follows the last line end, once nothing more can arrive.
    pub fn last(&mut self) -> Option<Vec<u8>> {
        let rest = self.unread().to_vec();
        self.read = self.bytes.len();
        (!is_blank(&rest)).then_some(rest)
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::LineBuffer;

    #[track_caller]
    fn case(parts: &[&str], expected: &[&str]) {
        let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
        for part in parts {
            buffer.push(part.as_bytes());
            lines.extend(std::iter::from_fn(|| buffer.line()));
        }
        lines.extend(buffer.last());
        let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
        assert_eq!(lines, expected, "{parts:?}");
    }

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        case(&[], &[]);
        case(&["a\nb\n"], &["a", "b"]);
        case(&["a", "b\n", "\n c", "\n"], &["ab", " c"]);
        case(&["\n\n \t\r\n", "a\r\nb"], &["a\r", "b"]);
        case(&["a\n", " "], &["a"]);
    }

    #[test]
    fn a_flood_of_empty_lines_costs_no_more_than_reading_it() {
        let mut buffer = LineBuffer::default();
        buffer.push(&b"\n".repeat(8 << 20));
        assert_eq!(buffer.line(), None);
        assert_eq!(buffer.last(), None);
    }
}

//! What a wallet's server, or something in front of it, may put on the wire in place of its answer.

use std::time::Duration;

use sim::wallets::gate::{Answer, Piece};

use crate::truth::Says::{self, Lie as False, NoFee, Nothing, Truth};
use crate::wire::Call;

/// One misbehaviour.
pub struct Lie {
    pub name: &'static str,
    /// Whether the server got the request first.
    pub acts: bool,
    pub says: Says,
    /// Whether it is made of the server's own answer.
    pub needs_answer: bool,
    pub script: fn(&Call, Answer) -> Vec<Piece>,
}

const fn lie(name: &'static str, acts: bool, says: Says, script: fn(&Call, Answer) -> Vec<Piece>) -> Lie {
    Lie { name, acts, says, needs_answer: false, script }
}

const fn bent(name: &'static str, says: Says, script: fn(&Call, Answer) -> Vec<Piece>) -> Lie {
    Lie { name, acts: true, says, needs_answer: true, script }
}

#[rustfmt::skip] // a table: one misbehaviour a row
pub const LIES: &[Lie] = &[
    // Slow and endless.
    bent("one byte in a tenth of a second", Nothing, |_, a| vec![Piece::Drip(whole(&a), TENTH)]),
    bent("one byte at a time, without a pause", Truth, |_, a| vec![Piece::Drip(whole(&a), Duration::ZERO)]),
    lie("headers, one byte in a tenth of a second", true, Nothing, |_, _| vec![Piece::Drip(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec(), TENTH)]),
    lie("acts and says nothing", true, Nothing, |_, _| vec![Piece::Hang]),
    lie("does nothing and says nothing", false, Nothing, |_, _| vec![Piece::Hang]),
    bent("half an answer and then nothing", Nothing, |_, a| vec![half(&a), Piece::Hang]),
    lie("a body without an end", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\n\r\n"), Piece::Forever(vec![b' '; 4096])]),
    lie("blank lines without an end", true, Nothing, |c, _| vec![head(c.ok()), Piece::Forever(vec![b'\n'; 4096])]),
    lie("an object without an end", true, Nothing, |c, _| vec![head(c.ok()), Piece::Forever(b"{\"a\":".to_vec())]),
    lie("headers without an end", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\n"), Piece::Forever(b"x-y: z\r\n".to_vec())]),
    lie("one header without an end", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\nx: "), Piece::Forever(vec![b'x'; 4096])]),
    lie("go on, without an end", true, Nothing, |_, _| vec![Piece::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())]),
    lie("go on, and then nothing", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 100 Continue\r\n\r\n"), Piece::Hang]),
    bent("early hints, and then the answer", Truth, |_, a| vec![Piece::text("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), Piece::Bytes(whole(&a))]),
    // Broken connections.
    lie("hangs up at once", false, Nothing, |_, _| vec![Piece::Close]),
    lie("acts and hangs up", true, Nothing, |_, _| vec![Piece::Close]),
    lie("resets at once", false, Nothing, |_, _| vec![Piece::Reset]),
    lie("acts and resets", true, Nothing, |_, _| vec![Piece::Reset]),
    bent("half an answer and a reset", Nothing, |_, a| vec![half(&a), Piece::Reset]),
    bent("half an answer and the end", Nothing, |_, a| vec![half(&a)]),
    bent("the answer and a reset", Truth, |_, a| vec![Piece::Bytes(whole(&a)), Piece::Reset]),
    bent("HTTP/1.0 without a length", Truth, |_, a| vec![Piece::text(format!("HTTP/1.0 {} X\r\n\r\n", a.status)), Piece::Bytes(a.body)]),
    bent("half of HTTP/1.0 without a length", Nothing, |c, a| vec![Piece::text(format!("HTTP/1.0 {} X\r\n\r\n", c.ok())), Piece::text(&a.body[..a.body.len() / 2])]),
    // What is not HTTP, or not quite.
    lie("no HTTP", true, Nothing, |_, _| vec![Piece::text("SSH-2.0-OpenSSH_9.2\r\n")]),
    lie("TLS", true, Nothing, |_, _| vec![Piece::text(vec![21, 3, 3, 0, 2, 2, 40])]),
    lie("HTTP/9.9", true, Nothing, |_, _| vec![Piece::text("HTTP/9.9 200 OK\r\n\r\n{}")]),
    lie("a status of five digits", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 20000 OK\r\n\r\n{}")]),
    bent("a length longer than the body", Nothing, |c, a| vec![sized(c.ok(), a.body.len() + 9), Piece::text(&a.body[..a.body.len() - 2])]),
    bent("a length shorter than the body", Nothing, |c, a| vec![sized(c.ok(), a.body.len() / 2), Piece::Bytes(a.body)]),
    lie("two lengths", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\n{}{}")]),
    lie("a negative length", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}")]),
    lie("a length beyond all memory", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n{}")]),
    lie("garbage for chunks", true, Nothing, |c, _| vec![Piece::text(format!("HTTP/1.1 {} X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{{}}", c.ok()))]),
    lie("a chunk beyond all memory", true, Nothing, |c, _| vec![Piece::text(format!("HTTP/1.1 {} X\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{{}}", c.ok()))]),
    lie("content in gzip", true, Nothing, |c, _| vec![Piece::text(format!("HTTP/1.1 {} X\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n", c.ok())), Piece::text(vec![31, 139, 8, 0, 0, 0, 0, 0, 0, 3])]),
    bent("two answers, the true one first", Truth, |c, a| vec![Piece::Bytes([whole(&a), c.failed()].concat())]),
    bent("two answers, the false one first", False, |c, a| vec![Piece::Bytes([c.failed(), whole(&a)].concat())]),
    // Statuses of proxies, whose words are not the wallet's.
    lie("301", true, Nothing, |c, _| vec![c.elsewhere(301)]),
    lie("302", true, Nothing, |c, _| vec![c.elsewhere(302)]),
    lie("303", true, Nothing, |c, _| vec![c.elsewhere(303)]),
    lie("307", true, Nothing, |c, _| vec![c.elsewhere(307)]),
    lie("308", true, Nothing, |c, _| vec![c.elsewhere(308)]),
    lie("304", true, Nothing, |_, _| vec![Piece::answer(304, "")]),
    lie("204", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 204 No Content\r\n\r\n")]),
    lie("206 of nothing", true, Nothing, |_, _| vec![Piece::answer(206, "{}")]),
    lie("101", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")]),
    lie("400 of a proxy", true, Nothing, |_, _| vec![Piece::answer(400, PAGE)]),
    lie("401 of a proxy", true, Nothing, |_, _| vec![Piece::answer(401, PAGE)]),
    lie("401 of a gateway", true, Nothing, |_, _| vec![Piece::answer(401, r#"{"code":401,"message":"Unauthorized"}"#)]),
    lie("403 of a proxy", true, Nothing, |_, _| vec![Piece::answer(403, PAGE)]),
    lie("403 of a gateway", true, Nothing, |_, _| vec![Piece::answer(403, r#"{"code":403,"message":"Forbidden"}"#)]),
    lie("406 of a gateway", true, Nothing, |_, _| vec![Piece::answer(406, r#"{"code":406,"message":"Not Acceptable"}"#)]),
    lie("404 of a proxy", true, Nothing, |_, _| vec![Piece::answer(404, PAGE)]),
    lie("404 of a gateway", true, Nothing, |_, _| vec![Piece::answer(404, r#"{"code":404,"message":"Not Found"}"#)]),
    lie("408", true, Nothing, |_, _| vec![Piece::answer(408, "")]),
    lie("409 of a proxy", true, Nothing, |_, _| vec![Piece::answer(409, PAGE)]),
    lie("429", true, Nothing, |_, _| vec![Piece::answer(429, "slow down")]),
    lie("500", true, Nothing, |_, _| vec![Piece::answer(500, "internal error")]),
    lie("502", true, Nothing, |_, _| vec![Piece::answer(502, PAGE)]),
    lie("503, later", true, Nothing, |_, _| vec![Piece::text("HTTP/1.1 503 X\r\nretry-after: 9999999999\r\ncontent-length: 0\r\n\r\n")]),
    lie("504", true, Nothing, |_, _| vec![Piece::answer(504, "")]),
    lie("520", true, Nothing, |_, _| vec![Piece::answer(520, PAGE)]),
    lie("999", true, Nothing, |_, _| vec![Piece::answer(999, "{}")]),
    bent("500 with the true answer", Truth, |_, a| vec![Piece::answer(500, a.body)]),
    lie("200 with the failure", true, False, |c, _| vec![Piece::answer(200, c.failure().1)]),
    lie("500 with the failure", true, False, |c, _| vec![Piece::answer(500, c.failure().1)]),
    // The wallet's own words.
    lie("its own failure, after acting", true, False, |c, _| vec![Piece::Bytes(c.failed())]),
    lie("its own failure, without acting", false, False, |c, _| vec![Piece::Bytes(c.failed())]),
    lie("its own \"no such payment\"", true, False, |c, _| vec![c.nothing()]),
    lie("the answer about another payment", true, Nothing, |c, _| vec![c.yes(c.paid_of(&c.other, "1000"))]),
    lie("the failure of another payment", true, Nothing, |c, _| vec![c.failure_of_another()]),
    lie("the answer to another call", true, Nothing, |c, _| vec![c.yes(r#"{"balanceSat":7,"balance":"7","channels":[]}"#)]),
    lie("a state nobody knows", true, Nothing, |c, _| vec![c.yes(c.strange())]),
    lie("paid, with another payment's proof", true, Nothing, |c, _| vec![c.yes(c.proven_by(&c.other.preimage))]),
    lie("paid, with a proof of zeros", true, Nothing, |c, _| vec![c.yes(c.proven_by(&"0".repeat(64)))]),
    lie("paid, with a proof of zeros, without acting", false, Nothing, |c, _| vec![c.yes(c.proven_by(&"0".repeat(64)))]),
    lie("paid, with the hash as proof", false, Nothing, |c, _| vec![c.yes(c.proven_by(&c.facts.hash))]),
    lie("paid, with half a proof", true, Nothing, |c, _| vec![c.yes(c.proven_by(&c.facts.preimage[..32]))]),
    lie("paid, with a proof too long", true, Nothing, |c, _| vec![c.yes(c.proven_by(&format!("{}00", c.facts.preimage)))]),
    lie("paid, without a proof", true, Nothing, |c, _| vec![c.yes(c.proven_by(""))]),
    bent("paid, with the proof in capitals", Truth, |c, a| vec![Piece::answer(a.status, String::from_utf8(a.body).unwrap().replace(&c.facts.preimage, &c.facts.preimage.to_uppercase()))]),
    lie("everything twice, the failure last", true, Nothing, |c, _| vec![c.yes(c.merged(&c.paid_of(&c.facts, "1000"), &c.failure().1))]),
    lie("everything twice, the failure first", true, Nothing, |c, _| vec![c.yes(c.merged(&c.failure().1, &c.proven_by("")))]),
    lie("a fee below nothing", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "-5"))]),
    lie("a fee with a fraction", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "1.5"))]),
    lie("a fee with an exponent", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "1e3"))]),
    lie("a fee of null", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "null"))]),
    lie("a fee of words", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "\"little\""))]),
    lie("a fee of lists", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "[1000]"))]),
    lie("a fee of 23 digits", true, NoFee, |c, _| vec![c.yes(c.paid_of(&c.facts, "99999999999999999999999"))]),
    lie("a fee that is not a number", true, Nothing, |c, _| vec![c.yes(c.paid_of(&c.facts, "NaN"))]),
    // What is not JSON, or not quite.
    lie("an empty body", true, Nothing, |c, _| vec![c.yes("")]),
    lie("a line's end", true, Nothing, |c, _| vec![c.yes("\r\n")]),
    lie("{}", true, Nothing, |c, _| vec![c.yes("{}")]),
    lie("[]", true, Nothing, |c, _| vec![c.yes("[]")]),
    lie("null", true, Nothing, |c, _| vec![c.yes("null")]),
    lie("true", true, Nothing, |c, _| vec![c.yes("true")]),
    lie("a page", true, Nothing, |c, _| vec![c.yes(PAGE)]),
    lie("a page for 200", true, Nothing, |_, _| vec![Piece::answer(200, PAGE)]),
    lie("the answer in a list", true, Nothing, |c, _| vec![c.yes(format!("[{}]", c.paid_of(&c.facts, "1").trim()))]),
    lie("the answer in a text", true, Nothing, |c, _| vec![c.yes(serde_json::Value::from(c.paid_of(&c.facts, "1")).to_string())]),
    lie("the answer cut in two", true, Nothing, |c, _| { let paid = c.paid_of(&c.facts, "1"); vec![c.yes(&paid[..paid.len() / 2])] }),
    lie("the answer in UTF-16", true, Nothing, |c, _| vec![c.yes(c.paid_of(&c.facts, "1").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())]),
    lie("the answer after other bytes", true, Nothing, |c, _| vec![c.yes([b"\xff\xfe", c.paid_of(&c.facts, "1").as_bytes()].concat())]),
    lie("the answer after a mountain of blanks", true, Nothing, |c, _| vec![c.yes([" ".repeat(300_000), c.paid_of(&c.facts, "1")].concat())]),
    lie("nested more deeply than anybody reads", true, Nothing, |c, _| vec![c.yes("[".repeat(100_000))]),
    lie("nested objects", true, Nothing, |c, _| vec![c.yes([r#"{"result":"#.repeat(200), "1".to_owned(), "}".repeat(200)].concat())]),
];

const TENTH: Duration = Duration::from_millis(100);
const PAGE: &str = "<html><body><h1>Sorry</h1><p>Not found. failed. permission denied.</p></body></html>";

fn whole(answer: &Answer) -> Vec<u8> {
    let Piece::Bytes(bytes) = Piece::answer(answer.status, &answer.body) else { unreachable!("an answer is bytes") };
    bytes
}

fn half(answer: &Answer) -> Piece {
    let bytes = whole(answer);
    Piece::text(&bytes[..bytes.len() - answer.body.len() / 2 - 1])
}

fn head(status: u16) -> Piece {
    Piece::text(format!("HTTP/1.1 {status} X\r\n\r\n"))
}

fn sized(status: u16, length: usize) -> Piece {
    Piece::text(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n"))
}

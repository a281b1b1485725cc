//! One or more HTTP answers in a text that people can write and a fuzzer can change.
//!
//! A line `> 404` begins an answer with that status; what follows, up to the next such line, is its body. Bytes before
//! the first such line are the body of an answer with status 200.

use kilosat::http::HttpAnswer;

/// The answers in `input`, at least one and at most [`ANSWERS_MAX`].
pub fn read(input: &[u8]) -> Vec<HttpAnswer> {
    let mut answers: Vec<HttpAnswer> = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match status(line) {
            Some(status) if answers.len() < ANSWERS_MAX => answers.push(answer(status)),
            _ => {
                if answers.is_empty() {
                    answers.push(answer(200));
                }
                answers.last_mut().unwrap().body.extend_from_slice(line);
            }
        }
    }
    for answer in &mut answers {
        // The line end before the next answer belongs to the text and not to the body.
        if answer.body.last() == Some(&b'\n') {
            answer.body.pop();
        }
    }
    if answers.is_empty() {
        answers.push(answer(200));
    }
    answers
}

fn status(line: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(line.strip_prefix(b"> ")?).ok()?.trim_end();
    digits.parse().ok().filter(|status| (100..1_000).contains(status))
}

fn answer(status: u16) -> HttpAnswer {
    HttpAnswer { status, www_authenticate: Vec::new(), retry_after_s: None, payment_required: None, body: Vec::new() }
}

const ANSWERS_MAX: usize = 4;

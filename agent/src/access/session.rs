//! Sessions: who has logged in, from where, and for how long that holds. A restart ends them all.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{digest, random};
use crate::text::cleaned;

/// Every session that holds.
#[derive(Default)]
pub(super) struct Sessions {
    all: Vec<Session>,
    begun: u64,
}

struct Session {
    token: [u8; 32],
    view: SessionView,
}

/// A session, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Counted from 1 since the start.
    pub number: u64,
    /// From where it was begun.
    pub from: IpAddr,
    /// What the browser calls itself.
    pub browser: String,
    /// When it began, in ms since the start.
    pub begun_ms: u64,
    /// When it was used last, in ms since the start.
    pub used_ms: u64,
}

impl Sessions {
    /// Begins a session; returns what proves it. The one that was not used for longest makes room for it.
    pub fn begin(&mut self, from: IpAddr, browser: &str, now_ms: u64) -> String {
        self.forget(now_ms);
        while self.all.len() >= SESSIONS_MAX {
            let oldest =
                (0..self.all.len()).min_by_key(|index| self.all.get(*index).map(|session| session.view.used_ms));
            oldest.map(|index| self.all.remove(index));
        }
        let mut token = String::new();
        for byte in random::<32>() {
            let _ = write!(token, "{byte:02x}");
        }
        self.begun += 1;
        let browser = cleaned(browser, BROWSER_CHARS_MAX);
        let view = SessionView { number: self.begun, from, browser, begun_ms: now_ms, used_ms: now_ms };
        self.all.push(Session { token: digest(&token), view });
        token
    }

    /// The session that `token` proves, if it still holds; with `is_use` it begins to idle anew.
    pub fn find(&mut self, token: &str, now_ms: u64, is_use: bool) -> Option<SessionView> {
        self.forget(now_ms);
        let token = digest(token);
        let session = self.all.iter_mut().find(|session| session.token == token)?;
        if is_use {
            session.view.used_ms = now_ms;
        }
        Some(session.view.clone())
    }

    pub fn end(&mut self, token: &str) {
        let token = digest(token);
        self.all.retain(|session| session.token != token);
    }

    pub fn list(&mut self, now_ms: u64) -> Vec<SessionView> {
        self.forget(now_ms);
        self.all.iter().map(|session| session.view.clone()).collect()
    }

    pub fn end_numbered(&mut self, number: u64) -> bool {
        let before = self.all.len();
        self.all.retain(|session| session.view.number != number);
        self.all.len() < before
    }

    fn forget(&mut self, now_ms: u64) {
        let since = |then: u64| now_ms.saturating_sub(then);
        self.all.retain(|Session { view, .. }| since(view.used_ms) < IDLE_MS && since(view.begun_ms) < ABSOLUTE_MS);
    }
}

const IDLE_MS: u64 = 30 * 60 * 1_000;
pub(super) const ABSOLUTE_MS: u64 = 12 * 60 * 60 * 1_000;
const SESSIONS_MAX: usize = 16;
const BROWSER_CHARS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_session_holds_while_it_is_used_and_half_a_day_at_most() {
        let mut sessions = Sessions::default();
        let token = sessions.begin(FROM, "Browser\u{202e}\n1", 0);
        assert_eq!(token.len(), 64);
        let mut now_ms = 0;
        while now_ms + IDLE_MS - 1 < ABSOLUTE_MS {
            now_ms += IDLE_MS - 1;
            assert_eq!(sessions.find(&token, now_ms, true).unwrap().number, 1);
        }
        assert!(sessions.find(&token, ABSOLUTE_MS, true).is_none());
        let idle = sessions.begin(FROM, "", 0);
        assert!(sessions.find(&idle, IDLE_MS - 1, false).is_some(), "a page that looks by itself is no use");
        assert!(sessions.find(&idle, IDLE_MS, true).is_none());
        assert!(sessions.find("", 0, true).is_none());
    }

    #[test]
    fn each_session_is_ended_alone_and_there_are_sixteen() {
        let mut sessions = Sessions::default();
        let tokens: Vec<String> = (0..20).map(|now_ms| sessions.begin(FROM, "", now_ms)).collect();
        let holds = |sessions: &mut Sessions| {
            tokens.iter().map(|token| sessions.find(token, 20, true).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(holds(&mut sessions), [vec![false; 4], vec![true; 16]].concat());
        assert_eq!(sessions.list(20).iter().map(|view| view.number).collect::<Vec<_>>(), (5..=20).collect::<Vec<_>>());
        assert!(sessions.end_numbered(20) && !sessions.end_numbered(20));
        sessions.end(&tokens[19]);
        assert_eq!(holds(&mut sessions).iter().filter(|holds| **holds).count(), 15);
    }
}

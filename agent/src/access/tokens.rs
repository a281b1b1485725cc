//! Access tokens: what programs prove themselves with, and what each of them may do.
//!
//! Sources: `reliability-security`, rules 10.6 and 10.8.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Access, Denied, State, digest, random};
use crate::text::cleaned;

/// What a program may do. None of them lets it do what another one is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See values, payments, agreements and devices.
    Read,
    /// Stop payments and pause agreements and feeds.
    Stop,
    /// Make invoices for money to come in.
    Receive,
    /// Let payments go on and approve those that wait for the owner.
    Pay,
}

/// A token as it is kept: what it hashes to, never itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    number: u64,
    name: String,
    scopes: Vec<Scope>,
    /// SHA-256 in hex. It is as random as a key, so nothing slower is needed.
    hash: String,
    made_ms: u64,
}

/// A token, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenView {
    /// Its number; none is given twice.
    pub number: u64,
    /// What the owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, ms since 1970.
    pub made_ms: u64,
}

impl Scope {
    /// Every one.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Stop, Scope::Receive, Scope::Pay];

    /// Its name in forms and in the description of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Stop => "stop",
            Scope::Receive => "receive",
            Scope::Pay => "pay",
        }
    }
}

impl Token {
    /// A new one and what proves it, which is known to nobody afterwards.
    pub fn new(number: u64, name: &str, scopes: Vec<Scope>, made_ms: u64) -> (Token, String) {
        let mut secret = PREFIX.to_owned();
        for byte in random::<32>() {
            let _ = write!(secret, "{byte:02x}");
        }
        let token = Token { number, name: cleaned(name, NAME_CHARS_MAX), scopes, hash: hashed(&secret), made_ms };
        (token, secret)
    }

    pub fn is_proven_by(&self, secret: &str) -> bool {
        self.hash == hashed(secret)
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn view(&self) -> TokenView {
        let Token { number, name, scopes, hash: _, made_ms } = self.clone();
        TokenView { number, name, scopes, made_ms }
    }
}

impl Access {
    /// Makes a token for a program called `name`, for whoever knows the password. What is returned proves it and is kept
    /// nowhere.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn new_token(
        &self,
        from: IpAddr,
        password: &str,
        name: &str,
        scopes: Vec<Scope>,
    ) -> Result<String, Denied> {
        let made_ms = self.shared.clock.now().wall.0;
        let make = |state: &mut State| self.make_token(state, name, scopes, made_ms);
        self.with_password(from, password, make).await?
    }

    fn make_token(&self, state: &mut State, name: &str, scopes: Vec<Scope>, made_ms: u64) -> Result<String, Denied> {
        if state.kept.tokens.len() >= TOKENS_MAX {
            return Err(Denied::TooMany(TOKENS_MAX));
        }
        let mut kept = state.kept.clone();
        kept.tokens_made += 1;
        let (token, secret) = Token::new(kept.tokens_made, name, scopes, made_ms);
        kept.tokens.push(token);
        self.keep(state, kept)?;
        Ok(secret)
    }

    /// The token that `secret` proves.
    pub fn token(&self, secret: &str) -> Option<TokenView> {
        self.lock().kept.tokens.iter().find(|token| token.is_proven_by(secret)).map(Token::view)
    }

    /// Every token, the oldest first.
    pub fn tokens(&self) -> Vec<TokenView> {
        self.lock().kept.tokens.iter().map(Token::view).collect()
    }

    /// Ends the token with this number; whether there was one.
    ///
    /// # Errors
    /// [`Denied::Failed`]: it still holds.
    pub fn end_token(&self, number: u64) -> Result<bool, Denied> {
        let mut state = self.lock();
        let mut kept = state.kept.clone();
        kept.tokens.retain(|token| token.number() != number);
        let is_one_less = kept.tokens.len() < state.kept.tokens.len();
        if is_one_less {
            self.keep(&mut state, kept)?;
        }
        Ok(is_one_less)
    }
}

fn hashed(secret: &str) -> String {
    digest(secret).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So that whoever finds one, and programs that look for secrets, know what it opens.
const PREFIX: &str = "kilosat_";
/// Of a token's name.
pub const NAME_CHARS_MAX: usize = 60;
/// A house has a few programs.
const TOKENS_MAX: usize = 16;

//! A request that was sent twice is done once: the second is told what the first was told.
//!
//! Source: `reliability-security`, rule 10.10. Below this, the engine itself pays for each question once, also over a
//! restart, which these keys do not outlive.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::Caller;
use super::problem::Problem;

/// What was asked with a key, and what was answered.
#[derive(Clone, Default)]
pub(in super::super) struct Answers {
    all: Arc<Mutex<Vec<Kept>>>,
}

struct Kept {
    /// Whose key, and which.
    key: (Option<u64>, String),
    /// What was asked.
    asked: String,
    /// What was answered, in JSON; `None` while it is being done.
    answer: Option<Result<String, Problem>>,
}

impl Answers {
    /// Does `work`, unless it was done for this caller and key before. It is done whole, also when nobody waits any more.
    ///
    /// # Errors
    /// [`Problem`]: there is no key, it was used for something else, or the work has not ended or failed.
    pub async fn once<T: Clone + Serialize + DeserializeOwned + Send + 'static>(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        asked: String,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let owner = match caller {
            Caller::Owner => None,
            Caller::Program(token) => Some(token.number),
        };
        let key = (owner, key_in(headers)?);
        if let Some(answer) = self.begin(&key, asked)? {
            return serde_json::from_str(&answer?).map_err(|error| internal(&error));
        }
        let answers = self.clone();
        let working = tokio::spawn(async move {
            let done = tokio::spawn(work).await.unwrap_or_else(|error| Err(internal(&error)));
            let answer = match &done {
                Ok(done) => serde_json::to_string(done).map_err(|error| internal(&error)),
                Err(problem) => Err(problem.clone()),
            };
            answers.end(&key, answer);
            done
        });
        working.await.map_err(|error| internal(&error))?
    }

    /// What was answered before, or `None` for whoever is the first.
    fn begin(&self, key: &(Option<u64>, String), asked: String) -> Result<Option<Result<String, Problem>>, Problem> {
        let mut all = self.lock();
        match all.iter().find(|kept| kept.key == *key) {
            Some(kept) if kept.asked != asked => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key was used for another request. Take a new one for each thing that is to be done.",
            )),
            Some(Kept { answer: None, .. }) => Err(Problem::new(
                StatusCode::CONFLICT,
                "The request with this Idempotency-Key is being worked on. Ask again in a moment, with the same key.",
            )),
            Some(Kept { answer: Some(answer), .. }) => Ok(Some(answer.clone())),
            None => {
                if all.len() >= KEPT_MAX {
                    let done = all.iter().position(|kept| kept.answer.is_some()).ok_or_else(too_many)?;
                    all.remove(done);
                }
                all.push(Kept { key: key.clone(), asked, answer: None });
                Ok(None)
            }
        }
    }

    fn end(&self, key: &(Option<u64>, String), answer: Result<String, Problem>) {
        let mut all = self.lock();
        // What could not be done now may be done the next time.
        if answer.as_ref().is_err_and(|problem| problem.status >= 500) {
            all.retain(|kept| kept.key != *key);
        } else if let Some(kept) = all.iter_mut().find(|kept| kept.key == *key) {
            kept.answer = Some(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_in(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get(KEY_HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let detail = format!(
            "What lets money be spent needs the header Idempotency-Key: any text of at most {KEY_BYTES_MAX} characters, the \
             same when the same request is sent again."
        );
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(key.to_owned())
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn too_many() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many requests are being worked on. Try again in a moment.")
}

pub(super) const KEY_HEADER: &str = "idempotency-key";
const KEY_BYTES_MAX: usize = 128;
/// A house has a few questions a day.
const KEPT_MAX: usize = 512;

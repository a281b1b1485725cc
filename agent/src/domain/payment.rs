//! The life of one outgoing payment: the states, and the only legal moves between them.
//!
//! `reliability-security`, section 1. The schema repeats the rules about final states as triggers.

/// Where one attempt to pay an invoice stands. Stored as [`State::name`]; written only by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Durable and reserved; certainly nothing has left this machine.
    Intent,
    /// Marked durably just before the request: from here on, money may be moving.
    Sending,
    /// The service said it is on its way.
    InFlight,
    /// Nobody said anything clear. Looked up until final, never paid again.
    Unknown,
    /// Final: the preimage hashes to the payment hash.
    Settled,
    /// Final unless the service takes it back: it said so of this very payment hash.
    Failed,
    /// Final: the service reported a failure first and a settlement later.
    LateSettled,
    /// Final: given up before anything was sent.
    Cancelled,
}

/// A move that the table of legal moves does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payment cannot go from {} to {}", .from.name(), .to.name())]
pub struct IllegalMove {
    /// The state it is in.
    pub from: State,
    /// The state somebody wanted.
    pub to: State,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::Intent,
        State::Sending,
        State::InFlight,
        State::Unknown,
        State::Settled,
        State::Failed,
        State::LateSettled,
        State::Cancelled,
    ];

    /// The word used in the database, JSON and on the page.
    pub fn name(self) -> &'static str {
        match self {
            State::Intent => "intent",
            State::Sending => "sending",
            State::InFlight => "in_flight",
            State::Unknown => "unknown",
            State::Settled => "settled",
            State::Failed => "failed",
            State::LateSettled => "late_settled",
            State::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The reservation stands: amount and fee limit count against the budgets.
    pub fn is_open(self) -> bool {
        matches!(self, State::Intent | State::Sending | State::InFlight | State::Unknown)
    }

    /// The request may have left this machine and the end is not known.
    pub fn may_be_moving(self) -> bool {
        matches!(self, State::Sending | State::InFlight | State::Unknown)
    }

    /// Money has left for good.
    pub fn is_paid(self) -> bool {
        matches!(self, State::Settled | State::LateSettled)
    }

    /// The state after a legal move.
    ///
    /// # Errors
    /// [`IllegalMove`] for every move the table does not hold; nothing changes.
    pub fn move_to(self, to: State) -> Result<State, IllegalMove> {
        use State::{Cancelled, Failed, InFlight, Intent, LateSettled, Sending, Settled, Unknown};
        let legal = match self {
            Intent => matches!(to, Sending | Cancelled),
            // Back to intent only when the connection was never made.
            Sending => matches!(to, InFlight | Settled | Failed | Unknown | Intent),
            InFlight => matches!(to, Settled | Failed),
            Unknown => matches!(to, InFlight | Settled | Failed),
            Failed => matches!(to, LateSettled),
            Settled | LateSettled | Cancelled => false,
        };
        if legal { Ok(to) } else { Err(IllegalMove { from: self, to }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_have_no_exit_but_the_one_from_failed() {
        for to in State::ALL {
            for from in [State::Settled, State::LateSettled, State::Cancelled] {
                assert!(from.move_to(to).is_err());
            }
            assert_eq!(State::Failed.move_to(to).is_ok(), to == State::LateSettled);
        }
    }

    #[test]
    fn an_unknown_payment_never_becomes_an_intent_again() {
        assert!(State::Unknown.move_to(State::Intent).is_err());
        assert!(State::InFlight.move_to(State::Intent).is_err());
        assert!(State::InFlight.move_to(State::Cancelled).is_err());
    }

    #[test]
    fn names_round_trip() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
        assert_eq!(State::from_name("paid"), None);
    }
}

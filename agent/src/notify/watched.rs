//! What needs the owner and stands in no entry of the journal: a meter that says nothing any more, settings that do not
//! hold, a wallet that is silent.

use std::collections::BTreeMap;

use crate::status::Status;

/// What is wrong at present, by a name of its own, since when, and whether the owner knows.
#[derive(Debug, Default)]
pub(super) struct Watched {
    wrong: BTreeMap<String, Wrong>,
}

#[derive(Clone, Debug)]
struct Wrong {
    since_ms: u64,
    text: String,
    is_told: bool,
}

/// A message, and the name of what it is about.
pub(super) type Change = (String, String);

impl Watched {
    /// What became wrong for long enough, and what is well again.
    pub(super) fn look(&mut self, status: &Status) -> Vec<Change> {
        let now = faults(status);
        let mut changes = Vec::new();
        for (name, text) in &now {
            let began = Wrong { since_ms: status.uptime_ms, text: text.clone(), is_told: false };
            let wrong = self.wrong.entry(name.clone()).or_insert(began);
            wrong.text.clone_from(text);
            if !wrong.is_told && status.uptime_ms.saturating_sub(wrong.since_ms) >= TOLD_AFTER_MS {
                wrong.is_told = true;
                changes.push((text.clone(), name.clone()));
            }
        }
        let well: Vec<String> = self.wrong.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        for name in well {
            if self.wrong.remove(&name).is_some_and(|wrong| wrong.is_told) {
                changes.push((format!("{name} is well again."), name));
            }
        }
        changes
    }

    /// These did not reach the owner.
    pub(super) fn forget(&mut self, changes: &[Change]) {
        for (_, name) in changes {
            if let Some(wrong) = self.wrong.get_mut(name) {
                wrong.is_told = false;
            }
        }
    }
}

fn faults(status: &Status) -> BTreeMap<String, String> {
    let mut faults = BTreeMap::new();
    for meter in status.meters.iter().filter(|meter| matches!(meter.state.as_str(), "missing" | "stale" | "doubtful")) {
        let fault = meter.fault.as_deref().unwrap_or("it says nothing any more");
        faults.insert(format!("The meter {}", meter.id), format!("The meter {}: {fault}", meter.id));
    }
    if let Some(fault) = &status.wallet_fault {
        faults.insert("The wallet".to_owned(), format!("The wallet does not answer: {fault}"));
    }
    if let Some(fault) = &status.settings_fault {
        faults.insert("The configuration".to_owned(), format!("The settings need you: {fault}"));
    }
    faults
}

/// Most of what goes wrong mends itself.
const TOLD_AFTER_MS: u64 = 15 * 60_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::MeterStatus;

    fn status(minutes: u64, state: &str) -> Status {
        let meter = MeterStatus {
            id: "main".to_owned(),
            title: String::new(),
            state: state.to_owned(),
            fault: (state == "missing").then(|| "no answer".to_owned()),
            note: None,
            measures: None,
            has_power: true,
            power_mw: None,
            energy_mwh: None,
            age_ms: None,
            reads: 0,
            faults: 0,
            line: None,
        };
        Status { meters: vec![meter], uptime_ms: minutes * 60_000, ..Status::default() }
    }

    fn texts(changes: Vec<Change>) -> Vec<String> {
        changes.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn what_mends_itself_is_not_told_and_what_lasts_is_told_once() {
        let mut watched = Watched::default();
        assert!(watched.look(&status(0, "missing")).is_empty());
        assert!(watched.look(&status(10, "good")).is_empty());
        assert!(watched.look(&status(20, "missing")).is_empty());
        assert_eq!(texts(watched.look(&status(35, "missing"))), ["The meter main: no answer"]);
        assert!(watched.look(&status(90, "missing")).is_empty());
        assert_eq!(texts(watched.look(&status(91, "good"))), ["The meter main is well again."]);
        assert!(watched.look(&status(92, "good")).is_empty());
    }

    #[test]
    fn what_did_not_reach_the_owner_is_told_again() {
        let mut watched = Watched::default();
        watched.look(&status(0, "missing"));
        let changes = watched.look(&status(15, "missing"));
        watched.forget(&changes);
        assert_eq!(watched.look(&status(16, "missing")).len(), 1);
    }
}

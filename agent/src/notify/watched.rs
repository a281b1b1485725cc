//! What needs the owner and stands in no entry of the journal: a meter that says nothing any more, settings that do not
//! hold, a wallet that is silent.

use std::collections::BTreeMap;

use super::message::Message;
use crate::status::Status;
use crate::words::Words;

/// What is wrong at present or has just become well, by a name of its own.
#[derive(Debug, Default)]
pub(super) struct Watched {
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    since_ms: u64,
    text: String,
    /// The owner knows that it is wrong.
    is_told: bool,
    /// It lasts for long enough to be told, or it is well again.
    is_due: bool,
    is_well: bool,
}

impl Watched {
    /// Looks at what is wrong now.
    pub(super) fn look(&mut self, status: &Status, t: Words) {
        let wrong = faults(status, t);
        for (name, text) in &wrong {
            let began =
                Known { since_ms: status.uptime_ms, text: text.clone(), is_told: false, is_due: false, is_well: false };
            let known = self.known.entry(name.clone()).or_insert(began);
            known.text.clone_from(text);
            known.is_well = false;
            known.is_due = !known.is_told && status.uptime_ms.saturating_sub(known.since_ms) >= TOLD_AFTER_MS;
        }
        // Nobody needs to know that what they never heard of is well again.
        self.known.retain(|name, known| wrong.contains_key(name) || known.is_told);
        for (_, known) in self.known.iter_mut().filter(|(name, _)| !wrong.contains_key(*name)) {
            (known.is_well, known.is_due) = (true, true);
        }
    }

    /// What the owner does not know yet.
    pub(super) fn to_tell(&self, t: Words) -> Vec<Message> {
        let due = self.known.iter().filter(|(_, known)| known.is_due);
        let text = |(name, known): (&String, &Known)| match known.is_well {
            true => t.with("message-well-again", "what", name),
            false => known.text.clone(),
        };
        due.map(|known| Message { text: text(known), is_urgent: false }).collect()
    }

    /// The owner was told of all that.
    pub(super) fn was_told(&mut self) {
        self.known.retain(|_, known| !(known.is_due && known.is_well));
        for known in self.known.values_mut().filter(|known| known.is_due) {
            (known.is_told, known.is_due) = (true, false);
        }
    }
}

/// Each with what it is called.
fn faults(status: &Status, t: Words) -> BTreeMap<String, String> {
    let mut faults = BTreeMap::new();
    for meter in status.meters.iter().filter(|meter| matches!(meter.state.as_str(), "missing" | "stale" | "doubtful")) {
        let fault = meter.fault.as_ref().map_or_else(|| t.say("message-meter-silent"), |fault| t.told(fault));
        let name = t.with("message-meter", "meter", &meter.id);
        faults.insert(name.clone(), format!("{name}: {fault}"));
    }
    if let Some(fault) = &status.wallet_fault {
        faults.insert(t.say("message-wallet"), t.with("message-wallet-fault", "why", t.told(fault)));
    }
    if let Some(fault) = &status.settings_fault {
        faults.insert(t.say("message-settings"), t.with("message-settings-fault", "why", fault));
    }
    if let Some(backup) = &status.backup {
        let old = backup.is_old.then(|| t.say("message-backup-old"));
        let failed = backup.fault.as_ref().map(|fault| t.with("message-backup-fault", "why", fault));
        faults.extend(failed.or(old).map(|text| (t.say("message-backup"), text)));
    }
    faults
}

/// Most of what goes wrong mends itself.
const TOLD_AFTER_MS: u64 = 15 * 60_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::status::{BackupStatus, MeterStatus};

    const T: Words = Words::of(Language::English);

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

    /// What the owner is told at this look.
    fn told(watched: &mut Watched, status: &Status) -> Vec<String> {
        watched.look(status, T);
        let told = watched.to_tell(T).into_iter().map(|message| message.text).collect();
        watched.was_told();
        told
    }

    #[test]
    fn what_mends_itself_is_not_told_and_what_lasts_is_told_once() {
        let mut watched = Watched::default();
        let nothing: [&str; 0] = [];
        for (minute, state, expected) in [
            (0, "missing", None),
            (10, "good", None),
            (20, "missing", None),
            (35, "missing", Some("The meter main: no answer")),
            (90, "missing", None),
            (91, "good", Some("The meter main is well again.")),
            (92, "good", None),
        ] {
            let told = told(&mut watched, &status(minute, state));
            assert_eq!(told, expected.map_or(nothing.to_vec(), |text| vec![text]), "minute {minute}");
        }
    }

    #[test]
    fn a_backup_that_is_missing_is_told() {
        let mut watched = Watched::default();
        let with = |minutes, fault: Option<&str>, is_old| {
            let backup = BackupStatus { fault: fault.map(str::to_owned), is_old, ..BackupStatus::default() };
            Status { backup: Some(backup), ..status(minutes, "good") }
        };
        assert!(told(&mut watched, &with(0, Some("no stick"), false)).is_empty());
        assert_eq!(told(&mut watched, &with(16, Some("no stick"), true)), ["There is no new backup: no stick"]);
        assert_eq!(told(&mut watched, &with(17, None, false)), ["The backup is well again."]);
        assert!(told(&mut watched, &with(18, None, true)).is_empty());
        assert_eq!(told(&mut watched, &with(40, None, true)), ["The last backup is older than three days."]);
    }

    #[test]
    fn what_did_not_reach_the_owner_is_told_again_also_that_it_is_well() {
        let mut watched = Watched::default();
        told(&mut watched, &status(0, "missing"));
        watched.look(&status(15, "missing"), T);
        assert_eq!(watched.to_tell(T).len(), 1);
        watched.look(&status(16, "missing"), T);
        assert_eq!(told(&mut watched, &status(17, "missing")).len(), 1);
        watched.look(&status(18, "good"), T);
        assert_eq!(watched.to_tell(T).len(), 1);
        assert_eq!(told(&mut watched, &status(19, "good")), ["The meter main is well again."]);
        assert!(told(&mut watched, &status(20, "good")).is_empty());
    }
}

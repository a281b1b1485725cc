#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;
use crate::config::{Draft, Place, Setting};

const EXAMPLE: &str = include_str!("../../kilosat.toml");
const AT: UnixMillis = UnixMillis(1_800_000_000_000);
const LIMITS: Place<'_> = Place::Listed { list: "agreement", id: "electricity", below: "limits" };
const ELECTRICITY: Place<'_> = Place::Listed { list: "agreement", id: "electricity", below: "" };

fn kept() -> (Settings, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kilosat.toml");
    let state = format!("state_directory = {:?}", folder.path().join("state"));
    let text = EXAMPLE.replace("state_directory = \"/var/lib/kilosat\"", &state);
    disk::replace(&path, text.as_bytes()).unwrap();
    (Settings::read(&path).unwrap(), path, folder)
}

fn with(text: &str, place: Place<'_>, key: &str, setting: Setting) -> String {
    let mut draft = Draft::of(text).unwrap();
    draft.set(place, key, &setting).unwrap();
    draft.into_text()
}

fn named(settings: &Settings, name: &str) -> Proposal {
    settings.propose(with(&settings.text(), Place::Section(""), "name", name.into())).unwrap()
}

#[test]
fn what_lets_more_be_spent_asks_for_the_password_and_what_lets_less_does_not() {
    #[track_caller]
    fn case(place: Place<'_>, key: &str, setting: Setting, raises: bool, anew: bool) {
        let before = Config::parse(EXAMPLE).unwrap();
        let after = Config::parse(&with(EXAMPLE, place, key, setting)).unwrap();
        assert_eq!((raises_stakes(&before, &after), needs_new_start(&before, &after)), (raises, anew), "{key}");
    }
    use Setting::{Flag, Number};
    let top = Place::Section("");
    let limits = Place::Section("limits");
    let feed = Place::Listed { list: "feed", id: "weather", below: "" };
    let payee = Place::Listed { list: "payee", id: "electricity@utility.example", below: "limits" };
    case(top, "name", "Home".into(), false, false);
    case(top, "time_zone", "Europe/Berlin".into(), true, true);
    case(Place::Section("web"), "names", "kilosat.example".into(), true, true);
    case(Place::Section("treasury"), "wallet", "segwit".into(), true, true);
    case(Place::Section("history"), "readings_hours", Number(24), false, true);
    case(Place::Listed { list: "meter", id: "main", below: "" }, "host", "192.168.1.51".into(), true, true);
    let meter = Place::Listed { list: "meter", id: "main", below: "" };
    case(meter, "poll_interval_ms", Number(2_000), false, true);
    case(meter, "power_max_w", Number(40_000), true, true);
    case(meter, "share", "0.0.0.0:5020".into(), true, true);
    case(limits, "per_day_msat", Number(90_000_000), false, false);
    case(limits, "per_day_msat", Number(100_000_001), true, false);
    case(limits, "payments_per_hour", Number(5), false, false);
    case(limits, "fee_max_ppm", Number(20_001), true, false);
    case(Place::Section("ask"), "first_payment", Flag(false), true, false);
    case(Place::Section("ask"), "above_msat", Number(1_999_999), false, false);
    case(Place::Section("ask"), "above_msat", Number(2_000_001), true, false);
    case(ELECTRICITY, "paused", Flag(true), false, false);
    case(ELECTRICITY, "price_msat_per_kwh", Number(299_999), false, false);
    case(ELECTRICITY, "price_msat_per_kwh", Number(300_001), true, false);
    case(ELECTRICITY, "lan", "http://192.168.1.9:8080".into(), true, false);
    case(LIMITS, "per_month_msat", Number(200_000_001), true, false);
    case(LIMITS, "per_payment_msat", Number(999_999), false, false);
    case(feed, "every_s", Number(7_200), false, false);
    case(feed, "every_s", Number(60), true, false);
    case(feed, "price_max_msat", Number(20_001), true, false);
    case(payee, "per_payment_msat", Number(1_000_001), true, false);
    case(Place::Section("lightning.node"), "lsp_fee_max_msat", Number(1), true, true);

    let before = Config::parse(&with(EXAMPLE, ELECTRICITY, "paused", Flag(true))).unwrap();
    assert!(raises_stakes(&before, &Config::parse(EXAMPLE).unwrap()), "what goes on spends again");
    let mut fewer = Draft::of(EXAMPLE).unwrap();
    fewer.remove("payee", "electricity@utility.example").unwrap();
    let fewer = Config::parse(&fewer.into_text()).unwrap();
    let example = Config::parse(EXAMPLE).unwrap();
    assert!(raises_stakes(&example, &fewer), "a payee without limits of its own");
    assert!(!raises_stakes(&fewer, &example));
    let mut none = Draft::of(EXAMPLE).unwrap();
    none.remove("payee", "electricity@utility.example").unwrap();
    none.remove("agreement", "electricity").unwrap();
    let none = Config::parse(&none.into_text()).unwrap();
    assert!(!raises_stakes(&example, &none), "who is paid no more needs no limits");
    assert!(raises_stakes(&none, &example));
}

#[test]
fn a_change_is_written_and_the_last_ten_versions_are_kept() {
    let (settings, path, _folder) = kept();
    let first = settings.text();
    for number in 1..=12 {
        let proposal = named(&settings, &format!("House {number}"));
        settings.write(&proposal, &format!("change {number}"), AT).unwrap();
        settings.put_in_force(proposal.config);
    }
    assert_eq!(settings.config().name, "House 12");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), settings.text());
    let versions = settings.versions_kept();
    assert_eq!(versions.len(), 10);
    assert_eq!(versions[0], Version { number: 12, until_ms: AT.0, what: "change 12".to_owned() });
    assert!(settings.version(12).unwrap().contains("name = \"House 11\""));
    assert_eq!(settings.version(2), Err(SettingsFault::NoVersion));
    let oldest = settings.version(3).unwrap();
    assert_eq!(oldest.len(), first.len() - "My house".len() + "House 2".len(), "nothing but the name differs");
    let differing = lines_that_differ(&first, &oldest);
    let changed: Vec<_> = differing.iter().filter(|line| matches!(line.mark, Mark::Gone | Mark::New)).collect();
    assert_eq!(
        changed.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
        ["name = \"My house\"", "name = \"House 2\""]
    );
}

#[test]
fn who_comes_second_changes_nothing() {
    let (settings, path, _folder) = kept();
    let (mine, yours) = (named(&settings, "Mine"), named(&settings, "Yours"));
    settings.write(&mine, "mine", AT).unwrap();
    assert_eq!(settings.write(&yours, "yours", AT), Err(SettingsFault::ChangedMeanwhile));
    let by_hand = settings.text().replace("Mine", "By hand");
    disk::replace(&path, by_hand.as_bytes()).unwrap();
    let late = named(&settings, "Late");
    assert_eq!(settings.write(&late, "late", AT), Err(SettingsFault::ChangedMeanwhile));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), by_hand);
    let fixed = Settings::fixed(Config::parse(EXAMPLE).unwrap());
    assert_eq!(fixed.propose(EXAMPLE.to_owned()).unwrap_err(), SettingsFault::NoFile);
}

#[test]
fn what_is_changed_by_hand_is_taken_up_once_it_stays() {
    let (settings, path, _folder) = kept();
    assert!(settings.look(AT).is_none(), "nothing was changed");
    let half = settings.text().replace("My house", "Half");
    disk::replace(&path, half.as_bytes()).unwrap();
    assert!(settings.look(AT).is_none(), "an editor may still be writing");
    let whole = settings.text().replace("My house", "Whole");
    disk::replace(&path, whole.as_bytes()).unwrap();
    assert!(settings.look(AT).is_none(), "and it was");
    let proposal = settings.look(AT).unwrap();
    assert_eq!((proposal.config.name.as_str(), proposal.needs_new_start), ("Whole", false));
    assert_eq!(settings.text(), whole);
    assert!(settings.look(AT).is_none(), "once");
    assert_eq!(settings.versions_kept()[0].what, BY_HAND);

    let wrong = whole.replace("price_msat_per_kwh = 300_000", "price_msat_per_kwh = \"cheap\"");
    disk::replace(&path, wrong.as_bytes()).unwrap();
    assert!(settings.look(AT).is_none() && settings.look(AT).is_none());
    let fault = settings.fault().unwrap();
    assert!(fault.contains("agreement.price_msat_per_kwh") && fault.contains("stays so"), "{fault}");
    assert_eq!(settings.text(), whole);
    let blocked = named(&settings, "Blocked");
    let refused = settings.write(&blocked, "page", AT).unwrap_err().to_string();
    assert!(refused.contains("has to be mended first") && refused.contains("price_msat_per_kwh"), "{refused}");
    let mended = settings.text_in_file().replace("\"cheap\"", "310_000");
    let mended = settings.propose_in_place_of(mended, settings.text_in_file()).unwrap();
    settings.write(&mended, "page", AT).unwrap();
    assert_eq!((settings.fault(), settings.versions_kept()[1].what.as_str()), (None, WITH_MISTAKES));
    settings.put_in_force(mended.config);
    disk::replace(&path, wrong.as_bytes()).unwrap();
    assert!(settings.look(AT).is_none() && settings.look(AT).is_none() && settings.fault().is_some());
    let whole = settings.text();
    disk::replace(&path, whole.as_bytes()).unwrap();
    assert!(settings.look(AT).is_none());
    assert_eq!(settings.fault(), None, "mended");
    std::fs::remove_file(&path).unwrap();
    assert!(settings.look(AT).is_none());
    assert!(settings.fault().unwrap().contains("cannot be read"));
}

#[test]
fn who_may_read_the_file_and_the_link_to_it_stay() {
    let (_, path, folder) = kept();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("link.toml");
    symlink(&path, &link).unwrap();
    let settings = Settings::read(&link).unwrap();
    settings.write(&named(&settings, "Linked"), "page", AT).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("Linked"));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    std::fs::remove_file(&path).unwrap();
    let gone = settings.write(&named(&settings, "Gone"), "page", AT);
    assert!(matches!(gone, Err(SettingsFault::Disk(_))), "{gone:?}");
}

#[tokio::test]
async fn a_new_start_that_fails_leaves_what_was_in_force() {
    let (settings, path, _folder) = kept();
    let first = settings.text();
    let proposal = named(&settings, "New");
    settings.write(&proposal, "page", AT).unwrap();
    settings.ask_for_new_start(proposal.config);
    settings.new_start_asked_for().await;
    let before = settings.begin_new_start().unwrap();
    assert_eq!((settings.config().name.as_str(), settings.waits_for_new_start()), ("New", false));
    settings.new_start_failed(before, "the port is in use", AT);
    assert_eq!((settings.text(), std::fs::read_to_string(path).unwrap()), (first.clone(), first));
    assert!(settings.version(2).unwrap().contains("name = \"New\""));
    assert!(settings.look(AT).is_none(), "what was set back is no change by hand");
    assert_eq!(settings.config().name, "My house");
    assert!(settings.fault().unwrap().contains("the port is in use"));
}

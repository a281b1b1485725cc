#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::config::Config;

const EXAMPLE: &str = include_str!("../../../kilosat.toml");
const LIMITS: Place<'_> = Place::Listed { list: "agreement", id: "electricity", below: "limits" };

fn changed(text: &str, change: impl FnOnce(&mut Draft) -> Result<(), DraftFault>) -> String {
    let mut draft = Draft::of(text).unwrap();
    change(&mut draft).unwrap();
    draft.into_text()
}

/// The lines of `after` that `before` has not, and the other way round.
fn difference<'a>(before: &'a str, after: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let only = |these: &'a str, those: &str| these.lines().filter(|line| !those.lines().any(|l| l == *line)).collect();
    (only(before, after), only(after, before))
}

#[test]
fn a_value_changes_in_its_place_and_nothing_else() {
    let text = changed(EXAMPLE, |draft| draft.set(LIMITS, "per_payment_msat", &Setting::Number(1_234_567)));
    assert_eq!(text.len(), EXAMPLE.len());
    assert_eq!(Config::parse(&text).unwrap().agreements[0].budget.per_payment.0, 1_234_567);
    let text = changed(EXAMPLE, |draft| draft.set(Place::Section(""), "name", &"At \"home\"\n".into()));
    assert_eq!(Config::parse(&text).unwrap().name, "At \"home\"\n");
    assert_eq!(difference(EXAMPLE, &text).0, ["name = \"My house\""]);
    let same = changed(EXAMPLE, |draft| draft.set(Place::Section("ask"), "first_payment", &Setting::Flag(true)));
    assert_eq!(same, EXAMPLE);
}

#[test]
fn a_switched_off_line_is_switched_on_where_it_stands() {
    let text = changed(EXAMPLE, |draft| draft.set(LIMITS, "payments_per_hour", &Setting::Number(7)));
    assert_eq!(text.lines().count(), EXAMPLE.lines().count());
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.agreements[0].budget.payments_per_hour, Some(7));
    assert_eq!((config.house.payments_per_hour, config.payees[0].budget.payments_per_hour), (None, None));
    let off = changed(&text, |draft| draft.clear(LIMITS, "payments_per_hour"));
    assert_eq!(Config::parse(&off).unwrap(), Config::parse(EXAMPLE).unwrap());
    assert!(off.contains("#payments_per_hour = 7\n"));
}

#[test]
fn a_new_key_becomes_the_last_line_of_its_section() {
    let text = changed("[web]\nlisten = \"\"\n\n# Limits.\n[limits]\n", |draft| {
        draft.set(Place::Section("web"), "names", &"a.example".into())?;
        draft.set(Place::Section("limits"), "listed_payees_only", &Setting::Flag(false))?;
        draft.set(Place::Section("ask"), "above_msat", &Setting::Number(1_000))?;
        draft.set(Place::Section(""), "name", &"Home".into())
    });
    assert_eq!(
        text,
        "name = \"Home\"\n[web]\nlisten = \"\"\nnames = \"a.example\"\n\n# Limits.\n[limits]\nlisted_payees_only = \
         false\n\n[ask]\nabove_msat = 1_000\n"
    );
}

#[test]
fn a_section_below_a_lists_is_begun_where_it_belongs() {
    let two = "[[agreement]]\nid = \"a\"\n# why\n[[agreement]]\nid = \"b\"";
    let place = Place::Listed { list: "agreement", id: "a", below: "limits" };
    let text = changed(two, |draft| draft.set(place, "per_day_msat", &Setting::Number(5)));
    assert_eq!(
        text,
        "[[agreement]]\nid = \"a\"\n\n[agreement.limits]\nper_day_msat = 5\n# why\n[[agreement]]\nid = \"b\""
    );
    let text =
        changed(two, |draft| draft.set(Place::Listed { list: "agreement", id: "b", below: "" }, "m", &"x".into()));
    assert!(text.ends_with("id = \"b\"\nm = \"x\"\n"));
    let nobody = Place::Listed { list: "agreement", id: "c", below: "" };
    assert_eq!(
        Draft::of(two).unwrap().set(nobody, "m", &"x".into()),
        Err(DraftFault::NoSection("[[agreement]] c".to_owned()))
    );
}

#[test]
fn sections_come_after_the_last_of_their_kind_and_go_with_what_is_below_them() {
    let keys = [
        ("id", "heat-pump".into()),
        ("meter", "main".into()),
        ("payee", "rent@pay.example".into()),
        ("price_msat_per_kwh", Setting::Number(250_000)),
    ];
    let limits =
        vec![("per_payment_msat", Setting::Number(1_000_000)), ("per_month_msat", Setting::Number(90_000_000))];
    let text = changed(EXAMPLE, |draft| draft.add("agreement", &keys, &[("limits", limits), ("empty", Vec::new())]));
    let config = Config::parse(&text).unwrap();
    assert_eq!(
        config.agreements.iter().map(|agreement| agreement.id.as_str()).collect::<Vec<_>>(),
        ["electricity", "heat-pump"]
    );
    assert_eq!(config.agreements[1].budget.per_month.0, 90_000_000);
    assert!(text.find("heat-pump").unwrap() < text.find("# ---- Data to buy").unwrap());
    assert_eq!(changed(&text, |draft| draft.remove("agreement", "heat-pump")), EXAMPLE);
    let without = changed(EXAMPLE, |draft| draft.remove("feed", "weather"));
    assert!(without.contains("# ---- Data to buy") && without.contains("# ---- Limits for a payee"));
    assert!(Config::parse(&without).unwrap().feeds.is_empty());
    let empty = changed("", |draft| draft.add("meter", &[("id", "main".into())], &[]));
    assert_eq!(empty, "\n[[meter]]\nid = \"main\"\n");
}

#[test]
fn a_section_in_braces_and_dotted_keys_are_changed_too() {
    let text = "web = { listen = \"\" }\nlimits.per_day_msat = 5\nname = \"x\"\n";
    let text = changed(text, |draft| {
        draft.set(Place::Section("web"), "listen", &"127.0.0.1:1".into())?;
        draft.set(Place::Section("limits"), "per_day_msat", &Setting::Number(6))
    });
    assert_eq!(text, "web = { listen = \"127.0.0.1:1\" }\nlimits.per_day_msat = 6\nname = \"x\"\n");
}

#[test]
fn only_its_own_lines_go_with_a_section() {
    let mixed = "[[agreement]]\nid = \"a\"\n\n[[feed]]\nid = \"w\"\n\n[agreement.limits]\nper_day_msat = 5\n\n[feed.limits]\nx = 1\n";
    let text = changed(mixed, |draft| draft.remove("agreement", "a"));
    assert_eq!(text, "\n[[feed]]\nid = \"w\"\n\n[feed.limits]\nx = 1\n");
    let off = "[[meter]]\nid = \"a\"\n#unit = 2\n\n#[[meter]]\n#id = \"b\"\n#share = \"x\"\n";
    assert_eq!(changed(off, |draft| draft.remove("meter", "a")), "\n#[[meter]]\n#id = \"b\"\n#share = \"x\"\n");
    let place = Place::Listed { list: "meter", id: "a", below: "" };
    let text = changed(off, |draft| draft.set(place, "share", &"y".into()));
    assert!(text.contains("#share = \"x\"") && text.contains("#unit = 2\nshare = \"y\"\n"), "{text}");
}

#[test]
fn keys_that_share_a_line_are_not_switched_off_with_it() {
    let braces = "node = { lsp = \"x\", fee = 5 }\n";
    let mut draft = Draft::of(braces).unwrap();
    assert_eq!(draft.clear(Place::Section("node"), "lsp"), Err(DraftFault::OneLine("lsp".to_owned())));
    assert_eq!(draft.set(Place::Section("node"), "new", &"y".into()), Err(DraftFault::OneLine("new".to_owned())));
    assert_eq!(draft.into_text(), braces);
    let dotted = changed("node.lsp = \"x\" # mine\nb = 1\n", |draft| draft.clear(Place::Section("node"), "lsp"));
    assert_eq!(dotted, "#node.lsp = \"x\" # mine\nb = 1\n");
}

#[test]
fn a_section_that_is_there_only_by_those_below_it_gets_a_heading_of_its_own() {
    let text = changed("[lightning.node]\nanchor_channels = true\n", |draft| {
        draft.set(Place::Section("lightning"), "service", &"lnd".into())
    });
    assert_eq!(text, "[lightning.node]\nanchor_channels = true\n\n[lightning]\nservice = \"lnd\"\n");
    let text = changed("ask.first_payment = true\n[web]\nlisten = \"\"\n", |draft| {
        draft.set(Place::Section("ask"), "above_msat", &Setting::Number(5_000))
    });
    assert_eq!(text, "ask.first_payment = true\nask.above_msat = 5_000\n[web]\nlisten = \"\"\n");
}

#[test]
fn what_is_no_toml_is_left_alone() {
    assert_eq!(Draft::of("name = ").unwrap_err(), DraftFault::NotToml);
}

proptest! {
    /// Whatever is written comes back, and comments are never lost.
    #[test]
    fn every_text_can_be_written(text in "\\PC{0,40}", number in 0..=2_100_000_000_000_000_000_u64) {
        let mut draft = Draft::of(EXAMPLE).unwrap();
        draft.set(Place::Section("web"), "names", &Setting::Text(text.clone())).unwrap();
        draft.set(LIMITS, "per_month_msat", &Setting::Number(number)).unwrap();
        draft.set(LIMITS, "price_max_msat_per_kwh", &Setting::Number(number)).unwrap();
        let changed = draft.into_text();
        let document = Document::parse(changed.clone()).unwrap();
        prop_assert_eq!(document["web"]["names"].as_str(), Some(text.as_str()));
        let comments = |text: &str| text.lines().filter(|line| line.starts_with("# ")).count();
        prop_assert_eq!(comments(&changed), comments(EXAMPLE));
    }
}

use std::time::Duration;

use kilosat_drivers::gpio::{Bias, ButtonWiring, Contact, Line};

use super::*;

/// The button's settings in the example, which are right only together; they stand after `[limits]`.
pub(super) const KEYS: [&str; 5] =
    ["limits.chip", "limits.line", "limits.normally", "limits.bias", "limits.debounce_ms"];

const BUTTON: &str = "[stop_button]\nchip = \"pinctrl-rp1\"\nline = \"GPIO17\"\nnormally = \"closed\"\n";

/// The example with the button switched on.
fn example() -> String {
    let (before, rest) = EXAMPLE.split_once("#[stop_button]\n").unwrap();
    let (section, after) = rest.split_once("\n# ---- ").unwrap();
    let on = |line: &str| if line.starts_with("# ") { line.to_owned() } else { line.replacen('#', "", 1) };
    let section: Vec<_> = section.lines().map(on).collect();
    format!("{before}[stop_button]\n{}\n# ---- {after}", section.join("\n"))
}

fn button(text: &str) -> ButtonWiring {
    Config::parse(text).unwrap().stop_button.unwrap()
}

/// A button in which one line is replaced by the setting of its key, or added, has one mistake.
#[track_caller]
fn wrong(setting: &str, words: &str) {
    let key = setting.split(" = ").next().unwrap();
    let kept = BUTTON.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let text = format!("{}\n{setting}\n", kept.collect::<Vec<_>>().join("\n"));
    let found = Config::parse(&text).unwrap_err();
    let [problem] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((problem.line, problem.key.as_str()), (text.lines().count(), format!("stop_button.{key}").as_str()));
    assert!(problem.text.contains(words), "{problem}");
}

#[test]
fn a_house_has_no_stop_button_unless_it_is_written() {
    assert_eq!(Config::parse("").unwrap().stop_button, None);
    assert_eq!(Config::parse(EXAMPLE).unwrap().stop_button, None);
}

#[test]
fn the_example_of_a_stop_button_is_right_and_complete() {
    let expected = ButtonWiring {
        chip: "pinctrl-rp1".to_owned(),
        line: Line::Name("GPIO17".to_owned()),
        contact: Contact::NormallyClosed,
        bias: Bias::PullUp,
        debounce: Duration::from_millis(50),
    };
    assert_eq!(button(&example()), expected);
    // Without the lines that show a default it is the same button.
    assert_eq!(button(BUTTON), expected);
    let unknown = problems(&example().replace("[stop_button]\n", "[stop_button]\nzzzzzzzzzzzz = 1\n"));
    let [problem] = unknown.as_slice() else { panic!("{unknown:?}") };
    let (_, known) = problem.split_once("known: ").unwrap();
    let shown: Vec<_> = KEYS.iter().map(|key| key.trim_start_matches("limits.")).collect();
    assert_eq!(known.split(", ").collect::<Vec<_>>(), shown);
    assert!(settings(true).iter().filter(|setting| KEYS.contains(&setting.key.as_str())).count() == KEYS.len());
}

#[test]
fn every_way_to_connect_a_button_can_be_written() {
    #[track_caller]
    fn case(settings: &str, line: Line, contact: Contact, bias: Bias, debounce_ms: u64) {
        let found = button(&format!("[stop_button]\nchip = \"/dev/gpiochip0\"\n{settings}\n"));
        let expected = (line, contact, bias, Duration::from_millis(debounce_ms));
        assert_eq!((found.line, found.contact, found.bias, found.debounce), expected);
    }
    let (open, closed) = (Contact::NormallyOpen, Contact::NormallyClosed);
    case("line = 17\nnormally = \"open\"", Line::Number(17), open, Bias::PullUp, 50);
    case("line = 0\nnormally = \"closed\"\nbias = \"pull-down\"", Line::Number(0), closed, Bias::PullDown, 50);
    let (name, up, down) = (Line::Name("GPIO 3".to_owned()), Bias::ExternalPullUp, Bias::ExternalPullDown);
    case("line = \"GPIO 3\"\nnormally = \"open\"\nbias = \"external-pull-up\"", name.clone(), open, up, 50);
    case("line = \"GPIO 3\"\nnormally = \"open\"\nbias = \"external-pull-down\"\ndebounce_ms = 1", name, open, down, 1);
}

#[test]
fn every_mistake_about_a_button_has_its_line_and_its_sentence() {
    wrong("chip = \"\"", "is empty");
    wrong("line = \"17\"", "without quotes: line = 17");
    wrong("line = \" \"", "line = \"GPIO17\"");
    wrong("line = -1", "from 0 to 65_535");
    wrong("line = true", "from 0 to 65_535");
    wrong("normally = \"shut\"", "write \"closed\"");
    wrong("bias = \"up\"", "external-pull-down");
    wrong("debounce_ms = 0", "from 1 to 1_000");
    wrong("debounce_ms = 1001", "from 1 to 1_000");
    wrong("pin = 11", "there is no such key");
    for (key, example) in [("chip", "\"pinctrl-rp1\""), ("line", "\"GPIO17\""), ("normally", "\"closed\"")] {
        let kept: String =
            BUTTON.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        let expected = format!("line 1: stop_button.{key}: is missing; write {key} = {example}");
        assert_eq!(problems(&kept), [expected]);
    }
    let list = problems("[[stop_button]]\nchip = \"a\"\n");
    assert!(list.iter().any(|problem| problem.contains("one section, which begins with [stop_button]")), "{list:?}");
}

#[test]
fn nothing_else_may_be_called_like_the_stop_button() {
    let meter = "[[meter]]\nid = \"stop_button\"\nprofile = \"eastron-sdm630\"\nhost = \"m\"\npower_max_w = 1\n";
    let found = problems(meter);
    assert_eq!(found, ["line 2: meter.id: \"stop_button\" is the name of the stop button; choose another"]);
}

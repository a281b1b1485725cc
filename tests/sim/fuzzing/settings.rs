//! The configuration file, which the owner writes: every mistake has a place and a sentence.

use kilosat::config::Config;

use super::assert_fit_to_show;

/// The text of `kilosat.toml`.
pub fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let read = Config::parse(text);
    let problems = match &read {
        Ok(_) => return,
        Err(problems) => problems,
    };
    assert!(!problems.is_empty(), "refused without a reason");
    let lines = text.split('\n').count();
    for problem in problems {
        assert!((1..=lines).contains(&problem.line), "line {} of {lines}: {problem}", problem.line);
        assert!(!problem.text.is_empty(), "{problem:?}");
        assert_fit_to_show(&problem.to_string());
    }
}

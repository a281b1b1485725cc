//! The command line as its users meet it.

use sim::hub::kilosat;

#[test]
fn the_annotated_configuration_is_right_and_a_wrong_one_lists_every_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/kilosat.toml");
    let checked = kilosat(&["check", "--config", good]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let wrong = directory.path().join("wrong.toml");
    std::fs::write(&wrong, "network = \"moon\"\n[limits]\nper_payment_msat = 1.5\nper_houre_msat = 3\n").unwrap();
    for command in ["check", "run", "status"] {
        let refused = kilosat(&[command, "--config", wrong.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{text}");
        for expected in
            ["line 1: network", "line 3: limits.per_payment_msat", "line 4: limits.per_houre_msat", "per_hour_msat?"]
        {
            assert!(text.contains(expected), "{command} names {expected}: {text}");
        }
    }
}

#[test]
fn nobody_running_a_missing_file_and_wrong_usage_have_their_words_and_codes() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("kilosat.toml");
    std::fs::write(&config, format!("state_directory = {:?}\n", directory.path())).unwrap();
    let config = config.to_str().unwrap();
    for command in [vec!["status", "--config", config], vec!["receive", "100", "--config", config]] {
        let alone = kilosat(&command);
        assert_eq!(alone.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&alone.stderr).contains("no running Kilosat answers"));
    }
    let missing = kilosat(&["run", "--config", "/nonexistent/kilosat.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("could not be read"));
    assert_eq!(kilosat(&["runn"]).status.code(), Some(2));
    assert_eq!(kilosat(&["demo", "--for", "never"]).status.code(), Some(2));
    let help = kilosat(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("demo"));
}

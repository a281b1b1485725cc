//! The manual pages and the shells' completions in `packaging/` are what the command line and the annotated configuration
//! say. `KILOSAT_RENEW=1 cargo test -p kilosat --bin kilosat manual` writes them anew.

// Without the node there are fewer commands.
#![cfg(feature = "node")]

use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Cli;

#[test]
fn manual_pages_and_completions_are_what_the_program_says() {
    let version = env!("CARGO_PKG_VERSION");
    let mut command = Cli::command();
    command.build();
    agrees("man/kilosat.8", &program_page(&command, version));
    agrees("man/kilosat.toml.5", &configuration_page(&example(), version));
    for (shell, name) in [(Shell::Bash, "kilosat"), (Shell::Zsh, "_kilosat"), (Shell::Fish, "kilosat.fish")] {
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "kilosat", &mut script);
        agrees(&format!("completions/{name}"), &String::from_utf8(script).expect("a script is text"));
    }
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").join("packaging")
}

fn example() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("kilosat.toml")).expect("the example is there")
}

#[track_caller]
fn agrees(name: &str, wanted: &str) {
    let path = packaging().join(name);
    if std::env::var_os("KILOSAT_RENEW").is_some() {
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder can be made");
        #[allow(clippy::disallowed_methods)] // a file of the tree, which git keeps
        std::fs::write(&path, wanted).expect("the file can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "packaging/{name} is not what the program says; KILOSAT_RENEW=1 cargo test -p kilosat --bin kilosat manual"
    );
}

/// kilosat(8): every command with its options.
fn program_page(command: &Command, version: &str) -> String {
    let mut page = title("KILOSAT", 8, version);
    page += ".SH NAME\nkilosat \\- pays for electricity and data over Lightning, within limits its owner set\n";
    page += ".SH SYNOPSIS\n.B kilosat\n.I COMMAND\n[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n";
    page += &paragraphs(DESCRIPTION);
    page += ".SH COMMANDS\n";
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        describe(&mut page, inner, "");
    }
    page += ".SH FILES\n";
    for (file, what) in FILES {
        page += &format!(".TP\n.I {}\n{}\n", escaped(file), escaped(what));
    }
    page += ".SH EXIT STATUS\n0 when what was asked for was done; 1 when not, with one sentence that says why and what to do;\n";
    page += "2 when the command line is not understood.\n";
    page += ".SH SEE ALSO\n.BR kilosat.toml (5),\n.BR systemctl (1),\n.BR journalctl (1)\n";
    page
}

fn describe(page: &mut String, command: &Command, above: &str) {
    let name = format!("{above}{}", command.get_name());
    let inner: Vec<_> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let arguments: Vec<_> = command.get_arguments().filter(|argument| !is_common(argument)).collect();
    let places: Vec<String> =
        arguments.iter().filter(|argument| argument.is_positional()).map(|place| place.to_string()).collect();
    let places: String = places.iter().map(|place| format!(" {}", escaped(place))).collect();
    *page += &format!(".SS kilosat {}{places}\n{}\n", escaped(&name), escaped(&about));
    for argument in arguments {
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let takes_value = argument.get_action().takes_values();
        let default = if takes_value && !default.is_empty() {
            format!(" Default: {}.", default.join(" "))
        } else {
            String::new()
        };
        *page += &format!(".TP\n.B {}\n{}{}\n", escaped(&argument.to_string()), escaped(&help), escaped(&default));
    }
    for inner in inner {
        describe(page, inner, &format!("{name} "));
    }
}

/// What every command has, and the page says once.
fn is_common(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version" | "config")
}

/// kilosat.toml(5): the annotated example, key by key.
fn configuration_page(example: &str, version: &str) -> String {
    let mut page = title("KILOSAT.TOML", 5, version);
    page += ".SH NAME\nkilosat.toml \\- configuration of Kilosat\n.SH DESCRIPTION\n";
    let mut notes: Vec<&str> = Vec::new();
    for line in example.lines() {
        let switched_off = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '['));
        let setting = switched_off.or_else(|| Some(line).filter(|line| !line.is_empty() && !line.starts_with('#')));
        match (setting, line) {
            (Some(section), _) if section.starts_with('[') => {
                page += &format!(".SH {}\n", escaped(section));
                page += &block(&mut notes);
            }
            (Some(key), _) => {
                page += &format!(".TP\n.B {}\n", escaped(key));
                page += &block(&mut notes);
            }
            (None, "") => page += &block(&mut notes),
            (None, note) if note.starts_with("# ---") => {}
            (None, note) => notes.push(note.trim_start_matches('#').strip_prefix(' ').unwrap_or_default()),
        }
    }
    page += ".SH SEE ALSO\n.BR kilosat (8)\n";
    page
}

/// The notes that were gathered, as paragraphs; those that are indented as they stand.
fn block(notes: &mut Vec<&str>) -> String {
    let mut text = String::new();
    for note in notes.drain(..) {
        match note {
            "" => text += ".sp\n",
            _ if note.starts_with("    ") => text += &format!(".br\n{}\n.br\n", escaped(note.trim())),
            _ if note.starts_with("- ") => text += &format!(".br\n{}\n", escaped(note)),
            _ => text += &format!("{}\n", escaped(note.trim())),
        }
    }
    text
}

fn title(name: &str, section: u8, version: &str) -> String {
    format!(".TH {name} {section} \"\" \"Kilosat {version}\" \"Kilosat\"\n")
}

fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(|paragraph| format!("{}\n", escaped(paragraph))).collect::<Vec<_>>().join(".PP\n")
}

/// As roff shows it: no line is taken for a request, a hyphen stays one.
fn escaped(text: &str) -> String {
    // A quote would begin an argument of a macro.
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let lines: Vec<_> = text
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() })
        .collect();
    lines.join("\n")
}

const DESCRIPTION: &str = "Kilosat reads meters over Modbus and GPIO, adds up what is owed, and pays for electricity and data \
over Lightning by itself, within limits that its owner set on its page or in\nkilosat.toml(5). It runs as the service \
kilosat.service; the other commands ask the one that runs.\n\nEvery command takes --config FILE, which is \
/etc/kilosat/kilosat.toml where it is left out, and --help. Members of the group kilosat may use them without sudo: they may do what the owner may do on the page.";
const FILES: [(&str, &str); 4] = [
    ("/etc/kilosat/kilosat.toml", "The configuration, written by hand or by the page."),
    ("/usr/share/kilosat/kilosat.toml", "The configuration as it came, with every key explained."),
    (
        "/var/lib/kilosat",
        "The money database, the words of the wallet and the state of its channels. Never copy it; use kilosat backup.",
    ),
    ("/run/kilosat/control.sock", "Where the commands ask the running Kilosat."),
];

//! Rust source with everything blanked that a rule must not see. Lines keep their numbers.

/// One function with a body. Lines count from 1; `lines` includes the signature.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
    pub is_test: bool,
}

/// The text with spaces in place of comments and of string and character literals; same length.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, ' ');
    while let Some(first) = rest.chars().next() {
        let blank = blank_len(rest, before);
        let (taken, after) = rest.split_at(blank.max(first.len_utf8()));
        if blank == 0 {
            out.push(first);
        } else {
            out.push_str(&blanked(taken));
        }
        (rest, before) = (after, if blank == 0 { first } else { ' ' });
    }
    out
}

/// [`code`] without the items under `#[cfg(test)]`: what runs in production.
pub fn production(text: &str) -> String {
    let mut out = code(text);
    for (start, end) in test_items(&out) {
        let blank = blanked(&out[start..end]);
        out.replace_range(start..end, &blank);
    }
    out
}

/// Start and end of every item under `#[cfg(test)]`, with its attributes.
pub fn test_items(code: &str) -> Vec<(usize, usize)> {
    code.match_indices("#[cfg(test)]").map(|(start, _)| (start, start + item_len(&code[start..]))).collect()
}

/// The lines, from 1, where `word` stands by itself and not as part of a longer name.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let stands_alone = |at: usize| {
        let starts = !word.starts_with(is_name) || !code[..at].ends_with(is_name);
        let ends = !word.ends_with(is_name) || !code[at + word.len()..].starts_with(is_name);
        starts && ends
    };
    code.match_indices(word).filter(|(at, _)| stands_alone(*at)).map(|(at, _)| line_of(code, at)).collect()
}

/// Every function with a body in `code`.
pub fn functions(code: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name: String = code[at + 3..].trim_start().chars().take_while(|c| is_name(*c)).collect();
        let item = &code[at..at + item_len(&code[at..])];
        if code[..at].ends_with(is_name) || name.is_empty() || !item.ends_with('}') {
            continue;
        }
        let attributes = code[..at].rsplit(['{', '}', ';']).next().unwrap_or_default();
        functions.push(Function {
            name,
            line: line_of(code, at),
            lines: item.lines().count(),
            is_test: attributes.contains("#[test]") || attributes.contains("::test"),
        });
    }
    functions
}

pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

pub fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// As many spaces as `text` has bytes, with its line ends.
fn blanked(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// How many bytes at the start of `rest` are a comment or a literal; 0 when it starts with code.
fn blank_len(rest: &str, before: char) -> usize {
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_len(rest)
    } else if rest.starts_with('"') {
        string_len(rest)
    } else if rest.starts_with('\'') {
        character_len(rest)
    } else if is_name(before) {
        0
    } else {
        raw_string_len(rest)
    }
}

fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A lifetime is code: it has no closing quote.
fn character_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_), Some((third, _))) => rest[third..].find('\'').map_or(0, |at| third + at + 1),
        (Some(_), Some((end, '\'')), _) => end + 1,
        _ => 0,
    }
}

fn raw_string_len(rest: &str) -> usize {
    let Some(quoted) = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix)) else {
        return 0;
    };
    let hashes = quoted.len() - quoted.trim_start_matches('#').len();
    let Some(body) = quoted[hashes..].strip_prefix('"') else {
        return 0;
    };
    let closing = format!("\"{}", &quoted[..hashes]);
    let start = rest.len() - body.len();
    body.find(&closing).map_or(rest.len(), |at| start + at + closing.len())
}

/// The length of the item at the start: to the `}` that closes its body, or to its `;`.
fn item_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 && !code[at + 1..].starts_with(';') {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    #[track_caller]
    fn case(text: &str, want: &str) {
        assert_eq!(code(text).split_whitespace().collect::<Vec<_>>().join(" "), want);
        assert_eq!(code(text).len(), text.len());
        assert_eq!(code(text).matches('\n').count(), text.matches('\n').count());
    }
    case("a // b \" c\nd", "a d");
    case("a /* b /* c */ d */ e", "a e");
    case("a(\"b \\\" // c\", d)", "a( , d)");
    case("a r#\"b \" c\"# d br\"\\\" e", "a d e");
    case("r#type for", "r#type for");
    case("a('\"', '\\'', 'é', '\\u{1}') b", "a( , , , ) b");
    case("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    case("a \"line\nline\" b", "a b");
}

#[test]
fn test_items_are_not_production() {
    let text = "use a;\n#[cfg(test)]\nuse b::{c};\nfn d() {}\n#[cfg(test)]\nmod tests {\n fn e() { [1; 2]; }\n}\nfn f() { \"é\" }\n";
    let left = production(text);
    assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), "use a; fn d() {} fn f() { }");
    assert_eq!(lines_with(&left, "f"), [9]);
}

#[test]
fn a_word_is_found_only_where_it_stands_alone() {
    assert_eq!(lines_with("f64\nx_f64\nf64x\n(f64)", "f64"), [1, 4]);
    assert_eq!(lines_with("sleep(1)\nno_sleep(1)\na::sleep(1)", "sleep("), [1, 3]);
}

#[test]
fn functions_are_measured_from_signature_to_closing_brace() {
    let text = "#[test]\nfn a(x: [u8; 2]) {\n  { b(); }\n}\ntrait T { fn c(); }\ntype F = fn (u8);\nfn d() {}";
    let function = |name: &str, line, lines, is_test| Function { name: name.to_owned(), line, lines, is_test };
    assert_eq!(functions(text), [function("a", 2, 3, true), function("d", 7, 1, false)]);
}

//! Backups on the page: what is said of the last one, one at once, and one that is taken along.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::served::{EXAMPLE, PASSWORD, Served, body, example_house, house_in};
use super::text_of;
use crate::backup::Target;
use crate::disk::replace;
use crate::domain::money::UnixMillis;
use crate::lightning::LightningService;
use crate::vault::Vault;

#[tokio::test]
async fn the_page_makes_one_and_says_where_it_is_and_what_it_is_worth() {
    let (folder, stick) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = EXAMPLE.replace("/var/lib/kilosat\"", &format!("{}\"", folder.path().display()));
    let text = text.replace("#folder = \"/media/usb/kilosat\"", &format!("folder = {:?}", stick.path()));
    replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
    let served = Served::house(house_in(folder, LightningService::Absent)).await;
    let text = text_of(body(&served.get("/settings/backup").await.1));
    assert!(text.contains("There is none yet.") && text.contains("Those of seven days and four weeks"), "{text}");
    assert!(text.contains("you have not shown yet that they are written down"), "{text}");
    let (status, answer) = served.send("/settings/backup", "").await;
    assert!(status == 303 && answer.contains("location: /settings/backup\r\n"), "{answer}");
    let text = text_of(body(&served.get("/settings/backup").await.1));
    let made = std::fs::read_dir(stick.path()).unwrap().next().unwrap().unwrap();
    for words in
        [made.path().to_str().unwrap(), "every part of it is right", "0 s ago", "what is in Lightning channels"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let settings = text_of(body(&served.get("/settings").await.1));
    assert!(settings.contains("The last one was made"), "{settings}");
    assert!(served.get("/status.json").await.1.contains("\"opened\":true"));

    drop(stick);
    let (status, answer) = served.send("/settings/backup", "").await;
    let text = text_of(body(&answer));
    assert!(status == 409 && text.contains("is not there. Nothing was backed up"), "{text}");
    for path in ["/", "/settings", "/settings/backup"] {
        let text = text_of(body(&served.get(path).await.1));
        assert!(text.contains("There is no new backup. the folder"), "{path}: {text}");
    }
}

/// What is answered to these bytes.
async fn said(served: &Served, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

/// What a browser sends that uploads a file.
async fn upload(served: &Served, password: &str, words: &str, file: &[u8]) -> (u16, String) {
    let part = |name: &str, more: &str, content: &[u8]| {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let form = [
        part("password", "", password.as_bytes()),
        part("words", "", words.as_bytes()),
        part("file", "; filename=\"one.age\"\r\nContent-Type: application/octet-stream", file),
        b"--edge--\r\n".to_vec(),
    ]
    .concat();
    let head = format!(
        "POST /settings/backup/restore HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nCookie: {}\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        served.address,
        served.cookie,
        form.len()
    );
    let answer = String::from_utf8(said(served, &[head.as_bytes(), &form].concat()).await).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), text_of(body(&answer)))
}

#[tokio::test]
async fn a_device_that_holds_nothing_takes_a_backup_from_the_page() {
    let (before, stick) = (example_house(), tempfile::tempdir().unwrap());
    let made = before.0.back_up(Target::Folder(stick.path().to_owned())).await.unwrap();
    let file = std::fs::read(made.file).unwrap();
    let words = before.0.vault.seed().unwrap().unwrap().words().join(" ");
    let (source, folder) = example_house();
    let (settings, state) = (source.settings.clone(), folder.path().to_owned());
    let served = Served::house((source, folder)).await;
    assert!(text_of(body(&served.get("/settings/backup").await.1)).contains("Restore one here"));
    let other = "abandon ".repeat(11) + "about";
    for (password, words, file, status, says) in [
        ("wrong", words.as_str(), file.as_slice(), 403, "This is not the password"),
        (PASSWORD, words.as_str(), b"", 400, "No file was chosen."),
        (PASSWORD, "one two", &file, 422, "These are not twelve or 24 valid words."),
        (PASSWORD, other.as_str(), &file, 422, "This file cannot be restored: these words do not open it"),
        (PASSWORD, words.as_str(), b"hello", 422, "this is no backup of Kilosat's"),
    ] {
        let (got, text) = upload(&served, password, words, file).await;
        assert!(got == status && text.contains(says), "{got} {text}");
        assert!(!state.join("next/seed").exists() && !settings.waits_for_new_start());
    }
    let (status, text) = upload(&served, PASSWORD, &words, &file).await;
    assert_eq!((status, settings.waits_for_new_start()), (303, true), "{text}");
    assert_eq!(std::fs::read_to_string(state.join("next/seed")).unwrap().trim(), words);
    assert!(state.join("next/money.db").exists());
    assert!(settings.versions_kept()[0].what.contains("from the backup"));
    let left = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with(".backup")), "nothing of the upload is left");
}

#[tokio::test]
async fn one_is_taken_along_by_whoever_knows_the_password() {
    let (source, folder) = example_house();
    let state = folder.path().to_owned();
    let served = Served::house((source, folder)).await;
    let (status, page) = served.send("/settings/backup/download", "password=wrong").await;
    assert!(status == 403 && page.contains("This is not the password"), "{page}");
    assert_eq!(served.send("/settings/backup", "").await.0, 409, "there is no folder for it");

    let form = format!("password={}", PASSWORD.replace(' ', "+"));
    let head = format!(
        "POST /settings/backup/download HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nCookie: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        served.address,
        served.cookie,
        form.len()
    );
    let answer = said(&served, head.as_bytes()).await;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("attachment; filename=\"kilosat-my-house-"), "{head}");
    let words = Vault::plain(&state).seed().unwrap().unwrap().words().join(" ");
    let file = state.join("taken.age");
    replace(&file, &answer[end..]).unwrap();
    let place = tempfile::tempdir().unwrap();
    let new = place.path().join("new");
    let now = UnixMillis(1_800_000_000_000);
    crate::backup::restore(&file, &words, (&new, &Vault::plain(&new)), None, now).unwrap();
    assert!(served.get("/settings/diagnostics.json").await.1.contains("a backup was taken along from the page"));
}

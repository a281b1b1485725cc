//! From nobody's device to a session, and nobody else.

#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "three nice words";

fn open(folder: &TempDir) -> Access {
    Access::open(folder.path(), Clock::real())
}

async fn claimed(folder: &TempDir) -> Access {
    let access = open(folder);
    let code = access.setup_code().unwrap();
    access.claim(HOME, "browser", &code, PASSWORD).await.unwrap_or_else(|denied| panic!("{denied}"));
    access
}

fn file(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("access.json")).unwrap()
}

#[tokio::test]
async fn whoever_reads_the_code_at_the_machine_becomes_its_owner_once() {
    let folder = TempDir::new().unwrap();
    let access = open(&folder);
    assert!(!access.is_claimed());
    assert!(matches!(access.log_in(HOME, "", PASSWORD).await, Err(Denied::Unclaimed)));
    assert!(matches!(access.claim(HOME, "", "WRONG", PASSWORD).await, Err(Denied::WrongCode(4))));
    let code = access.setup_code().unwrap();
    for weak in ["", "short", "aaaaaaaaaaaa", "abababababab"] {
        assert!(matches!(access.claim(HOME, "", &code, weak).await, Err(Denied::Weak(_))), "{weak}");
    }
    let token = access.claim(HOME, "browser", &code, PASSWORD).await.unwrap_or_else(|denied| panic!("{denied}"));
    assert!(access.is_claimed() && access.setup_code().is_none());
    assert_eq!(access.session(token.reveal(), true).unwrap().browser, "browser");
    assert!(matches!(access.claim(HOME, "", &code, PASSWORD).await, Err(Denied::Claimed)));
    assert!(matches!(access.new_setup_code(), Err(Denied::Claimed)));
    assert!(!file(&folder).contains(PASSWORD) && file(&folder).contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    drop(access);
    assert!(open(&folder).is_claimed(), "a restart forgets no owner");
}

#[tokio::test]
async fn a_new_code_ends_the_old_one() {
    let folder = TempDir::new().unwrap();
    let access = open(&folder);
    let old = access.setup_code().unwrap();
    let new = access.new_setup_code().unwrap();
    assert_ne!(old, new);
    assert!(matches!(access.claim(HOME, "", &old, PASSWORD).await, Err(Denied::WrongCode(4))));
    assert!(access.claim(HOME, "", &new, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn every_login_is_a_session_of_its_own_and_a_new_password_ends_them() {
    let folder = TempDir::new().unwrap();
    let access = claimed(&folder).await;
    let first = access.log_in(HOME, "", PASSWORD).await.unwrap_or_else(|denied| panic!("{denied}"));
    let second = access.log_in(HOME, "", PASSWORD).await.unwrap_or_else(|denied| panic!("{denied}"));
    assert_ne!(first.reveal(), second.reveal());
    access.log_out(first.reveal());
    assert!(access.session(first.reveal(), true).is_none() && access.session(second.reveal(), true).is_some());
    access.set_password("four even nicer words").await.unwrap();
    assert!(access.session(second.reveal(), true).is_none());
    assert!(matches!(access.log_in(HOME, "", PASSWORD).await, Err(Denied::WrongPassword(_))));
    assert!(access.log_in(HOME, "", "four even nicer words").await.is_ok());
}

#[tokio::test]
async fn of_ten_wrong_passwords_at_once_five_are_looked_at() {
    let folder = TempDir::new().unwrap();
    let access = claimed(&folder).await;
    let tries = (0..10).map(|_| access.log_in(HOME, "", "a wrong password"));
    let denied = futures_util::future::join_all(tries).await;
    let waits = denied.iter().filter(|denied| matches!(denied, Err(Denied::Wait(1)))).count();
    let wrong = denied.iter().filter(|denied| matches!(denied, Err(Denied::WrongPassword(_)))).count();
    assert_eq!((wrong, waits), (5, 5));
    assert!(matches!(access.log_in(HOME, "", PASSWORD).await, Err(Denied::Wait(1))), "the right one waits too");
    assert!(file(&folder).contains("\"failures\":5"), "{}", file(&folder));
}

#[tokio::test]
async fn a_damaged_file_lets_nobody_in_and_claims_nothing() {
    let folder = TempDir::new().unwrap();
    disk::replace(&folder.path().join("access.json"), b"{\"password\": 7").unwrap();
    let access = open(&folder);
    assert!(access.is_claimed() && access.setup_code().is_none());
    for password in ["", PASSWORD] {
        assert!(matches!(access.log_in(HOME, "", password).await, Err(Denied::WrongPassword(_))));
    }
    assert_eq!(file(&folder), "{\"password\": 7", "a wrong password does not write over it");
    access.set_password(PASSWORD).await.unwrap();
    assert!(access.log_in(HOME, "", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_login_with_the_old_password_begins_no_session_under_the_new_one() {
    let folder = TempDir::new().unwrap();
    let access = claimed(&folder).await;
    // Both wait for their turn to be hashed; whichever comes first, the old password opens nothing afterwards.
    let (old, new) = tokio::join!(access.log_in(HOME, "", PASSWORD), access.set_password("four even nicer words"));
    new.unwrap();
    if let Ok(token) = old {
        assert!(access.session(token.reveal(), true).is_none());
    }
}

#[tokio::test]
async fn a_program_proves_itself_with_what_is_kept_nowhere() {
    let folder = TempDir::new().unwrap();
    let access = claimed(&folder).await;
    let made = async |name: &str, scopes| access.new_token(HOME, PASSWORD, name, scopes).await;
    assert!(matches!(access.new_token(HOME, "wrong", "x", vec![Scope::Pay]).await, Err(Denied::WrongPassword(_))));
    let first = made("Home Assistant\u{202e}\n", vec![Scope::Read]).await.unwrap();
    let second = made("grafana", vec![Scope::Read, Scope::Stop]).await.unwrap();
    assert!(first.starts_with("kilosat_") && first.len() == 72 && first != second);
    assert!(!file(&folder).contains(&first["kilosat_".len()..]), "only its hash is on the disk");
    // Over a restart and a new password.
    access.set_password("four nice new words").await.unwrap();
    let again = open(&folder);
    let known = again.token(&first).unwrap();
    assert_eq!((known.number, known.name.as_str(), known.scopes), (1, "Home Assistant", vec![Scope::Read]));
    for wrong in ["", "kilosat_", &second[..71], &format!("{second}0"), &second.to_uppercase()] {
        assert!(again.token(wrong).is_none(), "{wrong}");
    }
    assert!(again.end_token(1).unwrap() && !again.end_token(1).unwrap());
    assert!(again.token(&first).is_none() && again.token(&second).is_some());
    assert_eq!(open(&folder).tokens().len(), 1);
}

#[tokio::test]
async fn there_are_sixteen_tokens_and_no_number_is_given_twice() {
    let folder = TempDir::new().unwrap();
    let access = claimed(&folder).await;
    for number in 1..=16 {
        access.new_token(HOME, PASSWORD, "x", vec![]).await.unwrap();
        assert_eq!(access.tokens().last().unwrap().number, number);
    }
    assert!(matches!(access.new_token(HOME, PASSWORD, "x", vec![]).await, Err(Denied::TooMany(16))));
    access.end_token(16).unwrap();
    access.new_token(HOME, PASSWORD, "x", vec![]).await.unwrap();
    assert_eq!(access.tokens().last().unwrap().number, 17);
}

//! A new card made from a backup and the words, and a card that was moved, set back or copied.

use std::path::Path;

use kilosat::demo::town::burn_address;
use kilosat::store::copy_database;
use kilosat::treasury::Sum;
use sim::hub::kilosat;

use super::stories::{COIN_SAT, with_a_coin};
use super::{Chain, Saver, find};

const SEGWIT: &str = "wallet = \"segwit\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_card_made_from_a_backup_and_the_words_finds_what_came_after_the_backup_too() {
    let (chain, folders) = (Chain::start().await, [(); 3].map(|()| tempfile::tempdir().unwrap()));
    let mut old = with_a_coin(&chain, folders[0].path(), SEGWIT).await;
    let burn = burn_address().to_string();
    let draft = old.draft(&burn, Sum::Sat(100_000), 2).await.unwrap();
    let before = old.send(&draft, None).await.unwrap().to_string();
    let stick = folders[1].path().to_str().unwrap();
    let said = old.kilosat(&["backup", "--to", stick]).unwrap();
    assert!(said.contains("opened with your words"), "{said}");
    let backup = std::fs::read_dir(stick).unwrap().next().unwrap().unwrap().path();

    // Nothing of what follows is in the backup.
    let late = old.address().await;
    chain.mine_to(1, &late).await;
    old.look().await;
    let draft = old.draft(&burn, Sum::Sat(200_000), 3).await.unwrap();
    let after = old.send(&draft, None).await.unwrap().to_string();
    chain.mine(101).await;
    let (owned, history) = old.look().await;
    let words = std::fs::read_to_string(old.state().join("seed")).unwrap();
    let old_state = old.state().to_owned();
    old.hub.kill();

    let (card, paper) = (folders[2].path().join("state"), folders[2].path().join("paper"));
    let restore = |words: &str| {
        std::fs::write(&paper, words).unwrap();
        let (file, card, paper) = (backup.to_str().unwrap(), card.to_str().unwrap(), paper.to_str().unwrap());
        let done = kilosat(&["restore", file, "--state-directory", card, "--words-file", paper]);
        (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    };
    let other = "abandon ".repeat(11) + "about";
    assert!(matches!(restore(&other), (false, said) if said.contains("these words do not open it")));
    assert!(!card.exists());
    let (is_restored, said) = restore(&words);
    assert!(is_restored && said.contains("PAYMENTS ARE LOCKED"), "{said}");
    assert!(matches!(restore(&words), (false, said) if said.contains("is not empty")));
    assert!(old_state.join("node.db").exists() && !card.join("node.db").exists(), "no channel comes from a backup");

    let mut new = Saver::start(&chain, folders[2].path(), SEGWIT);
    let (view, story) = new.look_while_locked().await;
    assert!(view.searched, "every address was searched again: {view:?}");
    assert_eq!((view.spendable_sat, story.len()), (owned.spendable_sat, history.len()));
    assert_eq!(find(&story, &before).label.as_deref(), Some("a story"), "the backup knows more than the chain");
    assert_eq!((find(&story, &after).net_sat, find(&story, &after).label.as_deref()), (-200_000 - fee(&draft), None));
    assert_ne!(new.address().await, late, "no address is given twice");
    let status = new.hub.status().await;
    assert!(status.lock.is_some_and(|lock| lock.contains("comes from a backup")) && status.doubtful);
    let draft = new.draft(&burn, Sum::Sat(20_000), 1).await.unwrap();
    let refused = new.send(&draft, None).await.unwrap_err().to_string();
    assert!(refused.contains("locked"), "{refused}");
    assert!(!card.join("node.db").exists(), "the node waits for its owner's word");
    assert!(new.kilosat(&["take-over", "--only-one"]).unwrap().contains("starts anew"));
    new.hub.until("the node runs", |status| !status.doubtful && status.wallet_age_ms.is_some()).await;
    new.hub.until("the wallet is compared", |status| status.ledger.compared_ms.is_some()).await;
    let draft = new.draft(&burn, Sum::Sat(20_000), 1).await.unwrap();
    assert!(new.kilosat(&["unlock", "--compared"]).unwrap().contains("The lock is lifted"));
    new.send(&draft, None).await.unwrap();
    new.look().await;
}

fn fee(draft: &kilosat::treasury::DraftView) -> i64 {
    i64::try_from(draft.fee_sat).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_in_another_device_and_an_older_copy_run_no_node_and_pay_nothing_until_their_owner_says_so() {
    let (chain, folder) = (Chain::start().await, tempfile::tempdir().unwrap());
    let mut saver = with_a_coin(&chain, folder.path(), SEGWIT).await;
    let image = folder.path().join("image.db");
    saver = saver.lose_power_while(|state| copy_database(&state.join("money.db"), &image).unwrap());
    let (view, _) = saver.look().await;
    assert_eq!(view.spendable_sat, COIN_SAT);
    let burn = burn_address().to_string();
    for (says, happens) in [
        (
            "older than it was",
            (|state: &Path, image: &Path| {
                for log in ["money.db-wal", "money.db-shm"] {
                    let _ = std::fs::remove_file(state.join(log));
                }
                std::fs::copy(image, state.join("money.db")).unwrap();
            }) as fn(&Path, &Path),
        ),
        ("the built-in Lightning node stays off", |state, _| move_elsewhere(state)),
    ] {
        saver = saver.lose_power_while(|state| happens(state, &image));
        saver.look_while_locked().await;
        let status = saver.hub.until("the wallet says why", |status| status.wallet_fault.is_some()).await;
        let lock = status.lock.unwrap();
        assert!(status.doubtful && lock.contains(says), "{lock}");
        assert!(status.wallet_fault.unwrap().contains("stays off"), "{}", saver.hub.log());
        let draft = saver.draft(&burn, Sum::Sat(20_000), 1).await.unwrap();
        assert!(saver.send(&draft, None).await.unwrap_err().to_string().contains("locked"));
        let refused = saver.kilosat(&["unlock", "--compared"]).unwrap_err();
        assert!(refused.contains("kilosat take-over --only-one"), "{refused}");
        assert!(saver.kilosat(&["status"]).unwrap().contains("kilosat take-over --only-one"));

        assert!(saver.kilosat(&["take-over", "--only-one"]).unwrap().contains("starts anew"));
        saver.hub.until("the node runs", |status| !status.doubtful && status.ledger.compared_ms.is_some()).await;
        assert!(saver.kilosat(&["unlock", "--compared"]).unwrap().contains("The lock is lifted"));
        saver = saver.lose_power();
        let (view, _) = saver.look().await;
        assert_eq!(view.spendable_sat, COIN_SAT, "once it is said, it is said for good");
    }
}

/// As if the file had been written on another machine; where the kernel says nothing of this one, by another state.
fn move_elsewhere(state: &Path) {
    let path = state.join("instance.json");
    let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let machine = text["machine"].as_object_mut().unwrap();
    match machine.is_empty() {
        true => text["id"] = "another".into(),
        false => machine.values_mut().for_each(|told| *told = "another".into()),
    }
    std::fs::write(&path, text.to_string()).unwrap();
}

use bitcoin::Psbt;
use bitcoin::bip32::{DerivationPath, Xpub};
use bitcoin::secp256k1::Secp256k1;
use kilosat::control::{TreasuryAnswer, TreasuryQuestion, use_words};
use kilosat::demo::town::burn_address;
use kilosat::status::Status;
use kilosat::treasury::Sum;
use sim::wait;

use super::{Chain, Saver, find};

pub const COIN_SAT: u64 = 5_000_000_000;

/// A saver with one coin that can be spent.
pub async fn with_a_coin(chain: &Chain, folder: &std::path::Path, treasury: &str) -> Saver {
    let mut saver = Saver::start(chain, folder, treasury);
    // Its first question ends before there is something to see.
    saver.look().await;
    let address = saver.address().await;
    chain.mine_to(1, &address).await;
    let (view, _) = saver.look().await;
    assert_eq!((view.spendable_sat, view.immature_sat), (0, COIN_SAT), "a mined coin rests for a hundred blocks");
    chain.mine(100).await;
    let (view, _) = saver.look().await;
    assert_eq!((view.spendable_sat, view.immature_sat), (COIN_SAT, 0));
    saver
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn savings_are_sent_made_faster_and_survive_a_reorganisation() {
    let (chain, folder) = (Chain::start().await, tempfile::tempdir().unwrap());
    let mut saver = with_a_coin(&chain, folder.path(), "wallet = \"segwit\"").await;
    let burn = burn_address().to_string();

    let draft = saver.draft(&burn, Sum::Sat(100_000), 2).await.unwrap();
    assert_eq!((draft.amount_sat, draft.fee_sat), (100_000, 281), "562 units of weight at 2 sat for four");
    assert_eq!(chain.waiting().await, Vec::<String>::new(), "a draft moves nothing");
    let first = saver.send(&draft, None).await.unwrap().to_string();
    assert_eq!(chain.waiting().await, [first.as_str()]);
    let (view, history) = saver.look().await;
    assert_eq!(view.spendable_sat, COIN_SAT - 100_281, "change on its way back can be spent");
    assert_eq!((find(&history, &first).net_sat, find(&history, &first).confirmations), (-100_281, 0));

    // Another sum leaves nothing to the guards' doubt: dust, reserve, fee share, network, nonsense.
    for (to, sum, rate, says) in [
        (burn.as_str(), Sum::Sat(200), 1, "send at least 294 sat"),
        (burn.as_str(), Sum::Sat(1_000), 50, "more than 10 %"),
        (burn.as_str(), Sum::Sat(COIN_SAT), 1, "can be spent now"),
        ("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", Sum::Sat(1_000), 1, "not for regtest"),
        ("alice@example.com", Sum::Sat(1_000), 1, "not a bitcoin address"),
    ] {
        let refused = saver.draft(to, sum, rate).await.unwrap_err().to_string();
        assert!(refused.contains(says) && refused.contains("Nothing was sent"), "{refused}");
    }

    let too_small = saver.faster(&first, 2).await.unwrap_err().to_string();
    assert!(too_small.contains("must be at least"), "{too_small}");
    let draft = saver.faster(&first, 20).await.unwrap();
    assert_eq!((draft.amount_sat, draft.replaces.as_deref()), (100_000, Some(first.as_str())));
    let second = saver.send(&draft, None).await.unwrap().to_string();
    assert_eq!(chain.waiting().await, [second.as_str()], "it took the place of the first");
    let (_, history) = saver.look().await;
    assert!(find(&history, &first).is_gone && !find(&history, &second).is_gone);

    chain.mine(3).await;
    let (view, history) = saver.look().await;
    assert_eq!(find(&history, &second).confirmations, 3);
    assert_eq!(view.spendable_sat, COIN_SAT - 100_000 - draft.fee_sat);

    chain.reorganise(6).await;
    let (_, history) = saver.look().await;
    assert_eq!(find(&history, &second).confirmations, 0, "its block is no longer in the chain");
    chain.mine(7).await;
    let (view, history) = saver.look().await;
    let waiting = chain.waiting().await;
    assert_eq!(
        (find(&history, &second).confirmations, view.height),
        (7, 112),
        "{waiting:?} {history:#?}\n{}",
        saver.hub.log()
    );

    let all = saver.draft(&burn, Sum::All, 3).await.unwrap();
    assert_eq!(all.amount_sat + all.fee_sat, view.spendable_sat);
    saver.send(&all, None).await.unwrap();
    chain.mine(1).await;
    let (view, _) = saver.look().await;
    assert_eq!(view.spendable_sat + view.incoming_sat, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_sent_too_cheaply_is_made_faster_by_spending_it() {
    let (chain, folders) = (Chain::start().await, [(); 2].map(|()| tempfile::tempdir().unwrap()));
    let mut rich = with_a_coin(&chain, folders[0].path(), "wallet = \"taproot\"").await;
    let mut poor = Saver::start(&chain, folders[1].path(), "wallet = \"segwit\"\nreserve_sat = 10000");
    poor.look().await;
    let address = poor.address().await;
    let draft = rich.draft(&address, Sum::Sat(50_000), 1).await.unwrap();
    let sent = rich.send(&draft, None).await.unwrap().to_string();

    let (view, history) = poor.look().await;
    assert_eq!((view.spendable_sat, view.incoming_sat), (0, 50_000), "others can still take it back");
    assert_eq!(find(&history, &sent).purpose, "received");
    let refused = poor.draft(&burn_address().to_string(), Sum::Sat(20_000), 1).await.unwrap_err().to_string();
    assert!(refused.contains("0 sat can be spent now"), "{refused}");

    let child = poor.faster(&sent, 10).await.unwrap();
    let child_id = poor.send(&child, None).await.unwrap().to_string();
    let entry = chain.call("getmempoolentry", serde_json::json!([child_id])).await;
    let (package, size) = (entry["fees"]["ancestor"].as_f64().unwrap() * 1e8, entry["ancestorsize"].as_f64().unwrap());
    assert!((10.0..11.0).contains(&(package / size)), "{package} sat for {size} virtual bytes");

    chain.mine(1).await;
    let (view, _) = poor.look().await;
    assert_eq!(view.spendable_sat, 50_000 - child.fee_sat);
    let too_much = poor.draft(&burn_address().to_string(), Sum::Sat(45_000), 1).await.unwrap_err().to_string();
    assert!(too_much.contains("your reserve is 10000 sat"), "{too_much}");
    rich.look().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_wallet_is_signed_elsewhere_and_the_words_find_everything_again() {
    let (chain, folders) = (Chain::start().await, [(); 3].map(|()| tempfile::tempdir().unwrap()));
    let mut owner = with_a_coin(&chain, folders[0].path(), "wallet = \"segwit\"").await;
    let spread = owner.address().await;
    let draft = owner.draft(&spread, Sum::Sat(700_000), 5).await.unwrap();
    owner.send(&draft, None).await.unwrap();
    chain.mine(2).await;
    let (holds, history) = owner.look().await;

    let (secp, master) = (Secp256k1::new(), owner.master());
    let path: DerivationPath = "84h/1h/0h".parse().unwrap();
    let account = Xpub::from_priv(&secp, &master.derive_priv(&secp, &path).unwrap());
    let descriptor = format!("wpkh([{}/{path}]{account}/<0;1>/*)", master.fingerprint(&secp));
    let watched = format!("wallet = \"watch-only\"\ndescriptor = {descriptor:?}");
    let mut watcher = Saver::start(&chain, folders[1].path(), &watched);
    let (seen, story) = watcher.look().await;
    assert_eq!((seen.spendable_sat, story.len()), (holds.spendable_sat, history.len()));
    assert!(
        !watcher.state().join("seed").exists()
            || std::fs::read(watcher.state().join("seed")).unwrap()
                != std::fs::read(owner.state().join("seed")).unwrap()
    );

    let draft = watcher.draft(&burn_address().to_string(), Sum::Sat(600_000), 4).await.unwrap();
    assert!(draft.signs_elsewhere);
    let unsigned = watcher.send(&draft, None).await.unwrap_err().to_string();
    assert!(unsigned.contains("holds no key"), "{unsigned}");
    // It takes its owner a while to sign, and meanwhile the power fails.
    let mut watcher = watcher.lose_power();
    watcher.look().await;
    let unsigned = watcher.send(&draft, Some(draft.psbt.clone())).await.unwrap_err().to_string();
    assert!(unsigned.contains("not signed completely"), "{unsigned}");
    let mut psbt: Psbt = draft.psbt.parse().unwrap();
    psbt.sign(&master, &secp).unwrap();
    let mut other = psbt.clone();
    other.unsigned_tx.output[0].value -= bitcoin::Amount::from_sat(1);
    let refused = watcher.send(&draft, Some(other.to_string())).await.unwrap_err().to_string();
    assert!(refused.contains("not the one that was drafted"), "{refused}");
    let txid = watcher.send(&draft, Some(psbt.to_string())).await.unwrap().to_string();
    chain.mine(1).await;
    let (after, story) = watcher.look().await;
    assert_eq!(after.spendable_sat, holds.spendable_sat - 600_000 - draft.fee_sat);
    assert_eq!(find(&story, &txid).label.as_deref(), Some("a story"));
    let (owned, history) = owner.look().await;
    assert_eq!(
        (owned.spendable_sat, find(&history, &txid).net_sat),
        (after.spendable_sat, find(&story, &txid).net_sat)
    );

    // A new card, and nothing but the words.
    let mut restored = Saver::start(&chain, folders[2].path(), "wallet = \"segwit\"");
    restored.look().await;
    let socket = kilosat::control::socket_path(restored.state());
    let wrong = use_words(&socket, "abandon ".repeat(12)).await.unwrap_err().to_string();
    assert!(wrong.contains("compare them with your paper"), "{wrong}");
    let words = std::fs::read_to_string(owner.state().join("seed")).unwrap();
    assert!(use_words(&socket, words.to_uppercase()).await.unwrap().contains("starts anew"));
    let is_found = |status: &Status| status.treasury.as_ref().is_some_and(|treasury| treasury.spendable_sat > 0);
    restored.hub.until("they are found", is_found).await;
    let (found, story) = restored.look().await;
    let used = use_words(&socket, "abandon ".repeat(11) + "about").await.unwrap_err().to_string();
    assert!(used.contains("money is or was under the words"), "{used}");
    assert_eq!((found.spendable_sat, story.len()), (owned.spendable_sat, history.len()));
    assert!(story.iter().all(|tx| tx.purpose == "opening"), "{story:#?}");
    assert_ne!(restored.address().await, spread, "no address is given twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_power_cuts_nothing_is_lost_or_sent_twice() {
    let (chain, folder) = (Chain::start().await, tempfile::tempdir().unwrap());
    let mut saver = with_a_coin(&chain, folder.path(), "wallet = \"segwit\"").await;
    let burn = burn_address().to_string();
    let mut sent = Vec::new();
    for cut in 0..8_u64 {
        let draft = saver.draft(&burn, Sum::Sat(10_000 + cut), 2).await.unwrap();
        // The plug is pulled somewhere between the order and its end.
        let id = draft.id.parse().unwrap();
        let question = TreasuryQuestion::Send { draft: id, signed: None, label: String::new() };
        let socket = kilosat::control::socket_path(saver.state());
        let asking = tokio::spawn(async move { kilosat::control::ask_treasury(&socket, question).await });
        wait::let_pass(std::time::Duration::from_millis(cut * 7)).await;
        saver = saver.lose_power();
        let told = matches!(asking.await.unwrap(), Ok(TreasuryAnswer::Done(_)));
        let (_, history) = saver.look().await;
        let kept = history.iter().find(|tx| tx.net_sat == -i64::try_from(10_000 + cut + draft.fee_sat).unwrap());
        assert!(kept.is_some() || !told, "what was said to be sent is kept");
        if let Some(kept) = kept {
            sent.push(kept.txid.clone());
        }
        let mut waiting = chain.waiting().await;
        let (mut expected, unconfirmed) = (sent.clone(), history.iter().filter(|tx| tx.confirmations == 0).count());
        waiting.sort();
        expected.sort();
        assert_eq!(
            (waiting, unconfirmed),
            (expected, sent.len()),
            "cut {cut}: what is kept is handed out again, and nothing else: {history:#?}\n{}",
            saver.hub.log()
        );
        if cut % 3 == 2 {
            chain.mine(1).await;
            sent.clear();
        }
    }
    chain.mine(1).await;
    let (view, history) = saver.look().await;
    assert_eq!(history.iter().filter(|tx| tx.confirmations == 0).count(), 0, "{history:#?}");
    assert!(view.spendable_sat < COIN_SAT, "something was sent in eight tries");
}

//! Coins that are not where they should be: what a provider paid out when it closed a channel without its card, and what a
//! transaction holds that no node takes.

use bitcoin::bip32::Xpriv;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, Network};
use kilosat::control::{TreasuryAnswer, TreasuryQuestion};
use kilosat::demo::town::burn_address;
use kilosat::status::Status;
use kilosat::treasury::{DraftView, LeftView, Sum};
use kilosat::vault::Vault;
use ldk_node::lightning::sign::KeysManager;
use serde_json::json;
use sim::wait;

use super::sources::{Mirror, NAMES, saver};
use super::stories::{COIN_SAT, with_a_coin};
use super::world::World;
use super::{Chain, Saver, find};

/// What a search for it found.
async fn searched(saver: &mut Saver) -> LeftView {
    saver.ask(TreasuryQuestion::Search).await.unwrap();
    let found = wait::answer(async || saver.look_while_locked().await.0.left.filter(|left| !left.is_going));
    let found = found.await.unwrap_or_else(|| panic!("no search ends: {}", saver.hub.log()));
    assert_eq!(found.fault, None, "{}", saver.hub.log());
    found
}

async fn collected(saver: &mut Saver) -> DraftView {
    match saver.ask(TreasuryQuestion::Collect(3)).await.unwrap_or_else(|error| panic!("{error}")) {
        TreasuryAnswer::Draft(draft) => *draft,
        other => panic!("{other:?}"),
    }
}

/// Where channels of the node of these words can leave money, as LDK lists it: without anchors, with them, key after key.
fn addresses(saver: &Saver) -> Vec<Address> {
    let entropy = Vault::plain(saver.state()).seed_or_fresh().unwrap().node_entropy();
    let node = Xpriv::new_master(Network::Regtest, &entropy).unwrap();
    let ldk = KeysManager::new(&node.private_key.secret_bytes(), 0, 0, true);
    let scripts = ldk.possible_v2_counterparty_closed_balance_spks(&Secp256k1::new());
    scripts.iter().map(|script| Address::from_script(script, Network::Regtest).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_source_finds_what_closed_channels_left() {
    let (mirror, folders) = (Mirror::start().await, [(); 4].map(|()| tempfile::tempdir().unwrap()));
    mirror.mine(3, &burn_address()).await;
    let sources = mirror.sources();
    let mut savers: Vec<_> =
        sources.iter().zip(&folders).map(|(sources, folder)| saver(&mirror, folder.path(), sources, 1)).collect();
    let left = addresses(&savers[0]);
    assert_eq!(left.len(), 2_000);
    mirror.mine(1, &left[6]).await;
    mirror.mine(1, &left[1_999]).await;
    mirror.mine(120, &burn_address()).await;
    let tip = mirror.memory.tip().height;
    for (saver, name) in savers.iter_mut().zip(NAMES) {
        let is_there = async || (saver.look().await.0.height == tip).then_some(());
        let is_there = wait::answer(is_there).await;
        assert!(is_there.is_some(), "{name} stays behind: {:?}\n{}", saver.look().await.0, saver.hub.log());
        assert_eq!(saver.look().await.0.left, None, "{name} was not asked yet");
        let found = searched(saver).await;
        assert_eq!((found.sat, found.coins), (2 * COIN_SAT, 2), "{name}");
        let shown = saver.kilosat(&["treasury"]).unwrap();
        assert!(shown.contains("Closed channels left 10000000000 sat"), "{shown}");
    }
    // One of them collects it, and so nobody else finds anything to collect.
    let draft = collected(&mut savers[1]).await;
    assert_eq!(draft.amount_sat + draft.fee_sat, 2 * COIN_SAT);
    let txid = savers[1].send(&draft, None).await.unwrap().to_string();
    let (view, history) = savers[1].look().await;
    assert_eq!((view.spendable_sat, view.left.unwrap().coins), (draft.amount_sat, 0));
    assert_eq!(find(&history, &txid).purpose, "received");
    let again = savers[1].ask(TreasuryQuestion::Collect(3)).await.unwrap_err().to_string();
    assert!(again.contains("no closed channel is known"), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_money_of_a_card_that_died_comes_back_from_the_words_alone() {
    let (folder, new_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut world = World::start(folder.path(), "ask = false\nlow_sat = 50000\nhigh_sat = 350000").await;
    let is_filled = |status: &Status| status.open_move.is_none() && status.lightning.spendable_msat > 150_000_000;
    world.until("it is filled", is_filled).await;
    let lightning = world.saver.hub.status().await.lightning;
    let (hub, in_channel) = (lightning.node_id, lightning.spendable_msat / 1_000);
    let (savings, _) = world.saver.look().await;
    let words = std::fs::read(world.saver.state().join("seed")).unwrap();
    let settings = format!("wallet = \"segwit\"\n[lightning.node]\nlsp = {:?}", world.town.lsp.peer());

    // Nothing but the words is left. The provider sees a node that knows of no channel, and closes it.
    let state = new_folder.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("seed"), words).unwrap();
    let World { chain, town, saver, .. } = &mut world;
    let old = std::mem::replace(saver, Saver::start(chain, new_folder.path(), &settings));
    old.hub.kill();
    let lsp = std::sync::Arc::clone(town.lsp.ldk());
    for beat in 0.. {
        world.beat().await;
        let is_open = lsp.list_channels().iter().any(|known| known.counterparty_node_id.to_string() == hub);
        if !is_open && beat > 6 {
            break;
        }
        assert!(beat < 100, "the provider keeps the channel: {}", world.saver.hub.log());
    }
    let saver = &mut world.saver;
    assert_eq!(saver.look().await.0.spendable_sat, savings.spendable_sat, "savings are found by the words");
    let found = searched(saver).await;
    assert!(found.coins == 1 && found.sat >= in_channel && found.sat < in_channel + 5_000, "{found:?} {in_channel}");
    let draft = collected(saver).await;
    assert_eq!(draft.amount_sat + draft.fee_sat, found.sat);
    saver.send(&draft, None).await.unwrap();
    world.saver = world.saver.lose_power();
    let whole = savings.spendable_sat + draft.amount_sat;
    for beat in 0.. {
        world.beat().await;
        let (view, _) = world.saver.look().await;
        if view.spendable_sat == whole {
            break;
        }
        assert!(beat < 20, "{view:?} {whole}\n{}", world.saver.hub.log());
    }
    world.town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_collected_and_reached_nobody_is_handed_out_after_a_power_cut() {
    let (chain, folder) = (Chain::start().await, tempfile::tempdir().unwrap());
    let mut saver = Saver::start(&chain, folder.path(), "wallet = \"segwit\"");
    saver.look().await;
    let left = addresses(&saver).swap_remove(3).to_string();
    chain.mine_to(1, &left).await;
    chain.mine(100).await;
    assert_eq!(searched(&mut saver).await.sat, COIN_SAT);
    let draft = collected(&mut saver).await;
    // The block that has the coin is given up by everyone for a moment.
    let brought = chain.call("getblockhash", json!([saver.look().await.0.height - 100])).await;
    chain.call("invalidateblock", json!([brought])).await;
    let order = TreasuryQuestion::Send { draft: draft.id.parse().unwrap(), signed: None, label: String::new() };
    let TreasuryAnswer::Done(said) = saver.ask(order).await.unwrap() else { panic!("it is kept") };
    assert!(said.contains("no chain source took it yet"), "{said}");
    chain.call("reconsiderblock", json!([brought])).await;
    assert_eq!(chain.waiting().await, Vec::<String>::new());
    saver = saver.lose_power();
    let (view, history) = saver.look().await;
    assert_eq!((view.spendable_sat, find(&history, &draft.id).is_gone), (draft.amount_sat, false));
    let is_out = async || chain.waiting().await.contains(&draft.id).then_some(());
    wait::answer(is_out).await.unwrap_or_else(|| panic!("it is not handed out: {}", saver.hub.log()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_node_takes_is_given_up_and_its_coins_are_free_again() {
    let (chain, folder) = (Chain::start().await, tempfile::tempdir().unwrap());
    let mut saver = with_a_coin(&chain, folder.path(), "wallet = \"segwit\"").await;
    let burn = burn_address().to_string();
    let draft = saver.draft(&burn, Sum::Sat(100_000), 2).await.unwrap();
    // The block that brought the coin is given up by everyone, which is not known here yet.
    let brought = chain.call("getblockhash", json!([saver.look().await.0.height - 100])).await;
    chain.call("invalidateblock", json!([brought])).await;
    let order = TreasuryQuestion::Send { draft: draft.id.parse().unwrap(), signed: None, label: String::new() };
    let TreasuryAnswer::Done(said) = saver.ask(order).await.unwrap() else { panic!("it is kept") };
    assert!(said.contains("no chain source took it yet"), "{said}");
    let given_up = saver.kilosat(&["treasury", "give-up", &draft.id]).unwrap();
    assert!(given_up.contains("is free again"), "{given_up}");
    chain.call("reconsiderblock", json!([brought])).await;
    let (view, history) = saver.look().await;
    assert_eq!(view.spendable_sat, COIN_SAT);
    assert!(find(&history, &draft.id).is_gone, "{history:#?}");
    let again = saver.kilosat(&["treasury", "give-up", &draft.id]).unwrap_err();
    assert!(again.contains("was replaced, or was not made here"), "{again}");

    // What was taken once is not given up, over a restart or not.
    let draft = saver.draft(&burn, Sum::Sat(100_000), 3).await.unwrap();
    let sent = saver.send(&draft, None).await.unwrap().to_string();
    saver = saver.lose_power();
    saver.look().await;
    let refused = saver.kilosat(&["treasury", "give-up", &sent]).unwrap_err();
    assert!(refused.contains("is on its way"), "{refused}");
    assert_eq!(chain.waiting().await, [sent]);
}

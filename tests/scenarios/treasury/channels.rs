//! Channels that close, by agreement or by the other side alone: the owner sees when the money is back, its cost is booked, and
//! nothing locks.

use kilosat::control::{ask_channels, socket_path};
use kilosat::status::{ChannelsView, Status};

use ldk_node::config::ChannelConfig;
use sim::wait;

use super::world::World;

async fn channels(world: &mut World) -> ChannelsView {
    world.saver.hub.status().await;
    ask_channels(&socket_path(world.saver.state())).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Blocks come until the channels look like this.
async fn until(mut world: World, what: &str, fits: impl Fn(&ChannelsView) -> bool) -> (World, ChannelsView) {
    for _ in 0..120 {
        let view = channels(&mut world).await;
        if fits(&view) {
            return (world, view);
        }
        world.beat().await;
    }
    panic!("waited in vain until {what}: {:#?}\n{}", channels(&mut world).await, world.saver.hub.log());
}

/// All money of closed channels is back for the so many-th time, which the comparison at the next start books; what it cost.
async fn settled(world: World, cost_before: u64, times: usize) -> (World, u64) {
    let (mut world, _) = until(world, "all is back", |view| view.closing.is_empty()).await;
    let journal = |world: &World| world.saver.kilosat(&["events"]).unwrap();
    let is_settled = |world: &World| journal(world).matches("channels_settled").count() >= times;
    for _ in 0..150 {
        if is_settled(&world) {
            break;
        }
        world.beat().await;
    }
    assert!(is_settled(&world), "{:#?} {}", channels(&mut world).await, journal(&world));
    world.saver = world.saver.lose_power();
    world.saver.hub.until("it was compared", |status| status.ledger.compared_ms.is_some()).await;
    let cost = channels(&mut world).await.cost_sat - cost_before;
    assert!((1..20_000).contains(&cost), "{cost}");
    (world, cost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_channels_close_their_money_comes_back_and_nothing_locks() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path(), "ask = false\nlow_sat = 50000\nhigh_sat = 350000").await;
    let is_filled = |status: &Status| status.open_move.is_none() && status.lightning.spendable_msat > 150_000_000;
    world.until("it is filled", is_filled).await;
    world.set_marks(0, 0);
    world.until("the marks are gone", |status| status.refill.is_none()).await;
    let view = channels(&mut world).await;
    let [channel] = view.channels.as_slice() else { panic!("{view:#?}") };
    assert!(channel.is_lsp && channel.state == "works" && channel.value_sat == 200_000, "{channel:#?}");
    let shown = world.saver.kilosat(&["channels"]).unwrap();
    assert!(shown.contains("works: 197845 sat can be sent") || shown.contains("sat can be sent"), "{shown}");

    let opened = world.moves().await.iter().map(|known| known.cost_sat).sum::<u64>();
    assert_eq!(channel.cost_sat, opened, "what the move took from the chain");
    let takes = (channel.base_msat, channel.ppm);
    assert!(takes.0.is_some(), "{channel:#?}");
    // The provider wants more for what it passes on; the owner is told, and nothing else happens.
    let lsp = std::sync::Arc::clone(world.town.lsp.ldk());
    let hub = world.saver.hub.status().await.lightning.node_id;
    let theirs = lsp.list_channels().into_iter().find(|known| known.counterparty_node_id.to_string() == hub).unwrap();
    let config = ChannelConfig {
        forwarding_fee_base_msat: 7_000,
        forwarding_fee_proportional_millionths: 4_321,
        ..theirs.config
    };
    let told = lsp.update_channel_config(&theirs.user_channel_id, theirs.counterparty_node_id, config);
    told.unwrap();
    let (world, dearer) = until(world, "its terms are known", |view| {
        view.channels.iter().any(|known| (known.base_msat, known.ppm) == (Some(7_000), Some(4_321)))
    })
    .await;
    assert_eq!(dearer.channels.len(), 1);
    let journal = |world: &World| world.saver.kilosat(&["events"]).unwrap();
    let is_noted = async || journal(&world).contains("provider_terms").then_some(());
    wait::answer(is_noted).await.expect("it is noted");

    // By agreement.
    let closes = world.saver.kilosat(&["channels", "close", &channel.id, "--yes"]).unwrap();
    assert!(closes.contains("is being closed"), "{closes}");
    let (world, _) = until(world, "it is closed", |view| view.channels.is_empty()).await;
    let (mut world, closing) = settled(world, view.cost_sat, 1).await;
    world.adds_up(closing).await;

    // What is beside the channels is brought to the savings.
    let comes = world.saver.kilosat(&["channels", "bring-back"]).unwrap();
    assert!(comes.contains("on its way to the savings"), "{comes}");
    let brought = world.moves().await.remove(0);
    let done = world.ended(brought.number).await;
    assert_eq!(done.state, "done", "{done:#?}");
    world.adds_up(closing).await;
    assert_eq!(channels(&mut world).await.beside_sat, 0);

    // The other side alone.
    world.set_marks(50_000, 350_000);
    world.until("it is filled again", is_filled).await;
    world.set_marks(0, 0);
    // Else it could be filled once more as soon as the channel is gone.
    world.until("the marks are gone", |status| status.refill.is_none()).await;
    let before = channels(&mut world).await.cost_sat;
    let lsp = std::sync::Arc::clone(world.town.lsp.ldk());
    let hub = world.saver.hub.status().await.lightning.node_id;
    let ours = lsp.list_channels().into_iter().find(|channel| channel.counterparty_node_id.to_string() == hub).unwrap();
    let closed = tokio::task::spawn_blocking(move || {
        lsp.force_close_channel(&ours.user_channel_id, ours.counterparty_node_id, None)
    });
    closed.await.unwrap().unwrap();
    let (world, view) = until(world, "its money is coming back", |view| !view.closing.is_empty()).await;
    assert!(view.channels.is_empty(), "{view:#?}");
    assert!(view.as_text().contains("Coming back from a channel that closed"), "{}", view.as_text());
    let (mut world, forced) = settled(world, before, 2).await;
    world.adds_up(closing + forced).await;
    world.town.close().await;
}

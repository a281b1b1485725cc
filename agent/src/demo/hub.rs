//! The configuration of the demo's own Kilosat.

use std::path::Path;

use super::meter;
use super::miner::Miner;
use super::town::Town;
use crate::config::ChainSource;

/// The house's `kilosat.toml`, as its owner would write it.
pub fn config(
    directory: &Path,
    port: u16,
    miner: &Miner,
    town: &Town,
    meter_port: u16,
    utility: &str,
    weather: &str,
) -> String {
    let chain = match miner.source() {
        ChainSource::Esplora(url) => format!("source = \"esplora\"\nurl = {url:?}"),
        ChainSource::Electrum(url) => format!("source = \"electrum\"\nurl = {url:?}"),
        ChainSource::Bitcoind { host, port, cookie_file } => {
            format!("source = \"bitcoind\"\nhost = {host:?}\nport = {port}\ncookie_file = {cookie_file:?}")
        }
        ChainSource::Filters(peers) => format!("source = \"filters\"\npeers = {:?}", peers.join(" ")),
    };
    let weather_origin = weather.rsplit_once('/').map_or(weather, |(origin, _)| origin);
    format!(
        include_str!("hub.toml"),
        state_directory = directory.join("hub"),
        port = port,
        lsp = town.lsp.peer(),
        chain = chain,
        meter_profile = meter::PROFILE,
        meter_port = meter_port,
        meter_unit = meter::UNIT,
        utility = utility,
        weather = weather,
        weather_origin = weather_origin,
    )
}

//! Where blocks come from: one section for each source.

use std::path::PathBuf;

use bitcoin::Network;
use url::Url;

use super::ChainSource;
use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;
use super::sections::{read_host, read_port};

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    TheNode,
    TheSavings,
}

/// A section with one chain source.
pub(super) fn read_chain(section: &Section<'_>, network: Network, of: Of) -> Option<ChainSource> {
    let (url, rpc_port) = match network {
        Network::Bitcoin => (Means("https://mempool.space/api"), 8_332),
        Network::Testnet => (Means("https://mempool.space/testnet/api"), 18_332),
        Network::Testnet4 => (Means("https://mempool.space/testnet4/api"), 48_332),
        Network::Signet => (Means("https://mempool.space/signet/api"), 38_332),
        _ => (IsWrong("http://127.0.0.1:3002"), 18_443),
    };
    let source = section.parsed("source", Means("esplora"), |text| match text {
        "esplora" | "electrum" | "bitcoind" => Ok(text.to_owned()),
        "filters" if of == Of::TheSavings => Ok(text.to_owned()),
        "filters" => Err("filters are for [[treasury.chain]] only; the built-in node cannot ask in this way".to_owned()),
        other => Err(format!(
            "there is no chain source {other:?}; write \"esplora\", \"electrum\", \"bitcoind\" or, for savings, \"filters\""
        )),
    })?;
    let chain = match source.as_str() {
        "esplora" => section.parsed("url", url, read_esplora),
        "filters" => section.parsed("peers", IsWrong("192.168.1.60:8333"), read_peers),
        "electrum" => section.parsed("url", IsWrong("ssl://electrum.example:50002"), read_electrum),
        _ => {
            let host = section.parsed("host", Means("127.0.0.1"), read_host);
            let port = read_port(section, rpc_port);
            let cookie_file = section.text("cookie_file", IsWrong("/var/lib/bitcoind/.cookie"));
            match (host, port, cookie_file) {
                (Some(host), Some(port), Some(cookie_file)) => {
                    Some(ChainSource::Bitcoind { host, port, cookie_file: PathBuf::from(cookie_file) })
                }
                _ => None,
            }
        }
    };
    section.finish();
    chain
}

fn read_esplora(text: &str) -> Result<ChainSource, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_plain(url));
    match url {
        Some(_) => Ok(ChainSource::Esplora(text.trim_end_matches('/').to_owned())),
        None => Err(format!("{text:?} is not the address of an Esplora server, such as \"https://mempool.space/api\"")),
    }
}

fn read_electrum(text: &str) -> Result<ChainSource, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "tcp" | "ssl") && is_plain(url));
    match url.and_then(|url| url.port()) {
        Some(_) => Ok(ChainSource::Electrum(text.trim_end_matches('/').to_owned())),
        None => Err(format!("{text:?} is not an Electrum address such as \"ssl://electrum.example:50002\"")),
    }
}

/// A host and nothing secret.
pub(super) fn is_plain(url: &Url) -> bool {
    url.has_host() && url.username().is_empty() && url.password().is_none()
}

/// Hosts with their ports, with spaces between them.
fn read_peers(text: &str) -> Result<ChainSource, String> {
    let is_peer = |peer: &str| {
        let (host, port) = peer.rsplit_once(':').unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        port.parse::<u16>().is_ok_and(|port| port > 0) && read_host(host).is_ok()
    };
    match text.split_whitespace().find(|peer| !is_peer(peer)) {
        None if text.trim().is_empty() => Err("name at least one node, as host:port".to_owned()),
        None => Ok(ChainSource::Filters(text.split_whitespace().map(str::to_owned).collect())),
        Some(wrong) => Err(format!(
            "{wrong:?} is not a node of the bitcoin network; write host:port such as \"192.168.1.60:8333\", several with \
             spaces between them"
        )),
    }
}

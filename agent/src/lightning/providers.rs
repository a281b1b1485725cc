//! Lightning providers (LSPs) that open a channel to whoever asks, as they publish themselves.
//!
//! They are proposals: whether one takes a new customer, and for what, it says when it is asked. Gathered in November 2026
//! from the providers' documentation and the tables of wallets that use them, which agree.

use std::time::Duration;

use bitcoin::Network;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// What it calls itself.
    pub name: &'static str,
    /// Its public key, @, host, colon and port.
    pub lsp: &'static str,
}

/// Those of a network; none is known for networks that play.
pub fn providers(network: Network) -> &'static [Provider] {
    if network == Network::Bitcoin { &ON_BITCOIN } else { &[] }
}

/// Whether somebody answers at an address, a host, colon and port. Who it is, only a channel proves.
///
/// # Errors
/// Why nobody does, as the system says it.
pub async fn knock(address: &str) -> Result<(), String> {
    match timeout(KNOCK_WAIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(_) => Err(format!("no answer for {} s", KNOCK_WAIT.as_secs())),
    }
}

const ON_BITCOIN: [Provider; 2] = [
    Provider {
        name: "Megalith",
        lsp: "038a9e56512ec98da2b5789761f7af8f280baf98a09282360cd6ff1381b5e889bf@64.23.162.51:9735",
    },
    Provider {
        name: "Olympus by ZEUS",
        lsp: "031b301307574bbe9b9ac7b79cbe1700e31e544513eae0b5d7497483083f99e581@45.79.192.236:9735",
    },
];
const KNOCK_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_listens_answers_and_who_does_not_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(knock(&address).await, Ok(()));
        drop(listener);
        assert!(knock(&address).await.unwrap_err().contains("refused"));
    }
}

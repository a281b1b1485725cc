//! What a relay of Nostr Wallet Connect sends: only the wallet service itself is ever believed.

use std::sync::OnceLock;

use bitcoin::Network;
use kilosat::clock::Clock;
use kilosat::keys::Secret;
use kilosat::lightning::nwc::Nwc;
use kilosat::lightning::{Remote, Waits};

/// A message as a relay sends it. Nobody but the service can sign, so its one answer in the corpus is all that opens.
pub fn message(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(answer) = wallet().answer_in(text, REQUEST_ID) {
        assert_eq!(answer, ANSWER, "nobody sealed this");
        let message: serde_json::Value = serde_json::from_str(text).unwrap();
        let signature = message[2]["sig"].as_str().unwrap();
        assert!(signature.eq_ignore_ascii_case(SIGNATURE), "nobody signed this: {signature}");
    }
}

fn wallet() -> &'static Nwc {
    static WALLET: OnceLock<Nwc> = OnceLock::new();
    WALLET.get_or_init(|| {
        let remote = Remote {
            url: "wss://relay.example".parse().unwrap(),
            secret: Secret::new(CONNECTION),
            pins: Vec::new(),
            network: Network::Bitcoin,
            clock: Clock::real(),
            waits: Waits::default(),
        };
        Nwc::new(remote).unwrap()
    })
}

/// The service's key belongs to the secret key of 31 zeros and a one, ours to the one of a two.
const CONNECTION: &str = "nostr+walletconnect://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\
    ?relay=wss%3A%2F%2Frelay.example&secret=0000000000000000000000000000000000000000000000000000000000000002";
/// The request that the answers in the corpus are for.
const REQUEST_ID: &str = "5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e5e7e";
/// What the service said, sealed and signed once with its key.
const ANSWER: &str = r#"{"result_type":"get_balance","error":null,"result":{"balance":21000}}"#;
/// And its signature of that.
const SIGNATURE: &str = "946783b42792a01517d51ef2d0c539f3007888e24e737ec2c964031e20031f14\
    286fb5aa02b6239e485e19bf411b822d9b5f8c2f01e13de5ed3cb879289c03af";

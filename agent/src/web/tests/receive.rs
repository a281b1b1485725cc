//! Money that comes in by one code for every wallet.

use bitcoin::Network;

use super::super::wallet::Made;
use super::savings::{ADDRESS, form, saving};
use super::served::{Served, body};
use super::{shows, text_of};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::engine::tests::world::{Terms, make};
use crate::status::StatusSource;

/// An invoice that any wallet can pay.
pub(super) fn bill(source: &StatusSource) -> Made {
    let terms = Terms { network: Network::Bitcoin, ..Terms::of(Msat(30_000_000)) };
    let made = make(terms, 1, source.clock.now().wall);
    let expires_ms = source.clock.elapsed_ms() + 3_600_000;
    Made {
        hash: made.hash,
        bolt11: made.bolt11,
        amount: Msat(30_000_000),
        address: Some(ADDRESS.to_owned()),
        expires_ms,
    }
}

#[tokio::test]
async fn a_bill_for_any_wallet_stays_open_on_the_chain_when_its_invoice_has_expired() {
    let house = saving("segwit").await;
    let made = bill(&house.0);
    let (path, bolt11) = (format!("/wallet/receive/{}", made.hash), made.bolt11.clone());
    house.0.memory.invoices.keep(made.clone());
    let late = Made { hash: PaymentHash([8; 32]), expires_ms: 0, ..made };
    let late_path = format!("/wallet/receive/{}", late.hash);
    house.0.memory.invoices.keep(late);
    let served = Served::house(house).await;
    let html = served.get(&path).await.1;
    shows(&html, &[&format!("href=\"bitcoin:{ADDRESS}?amount=0.0003&#38;lightning={bolt11}\"")]);
    shows(&text_of(body(&html)), &["Any bitcoin wallet can scan this", "By Lightning", "On the chain", ADDRESS]);
    let html = served.get(&late_path).await.1;
    assert!(html.contains(&format!("href=\"bitcoin:{ADDRESS}?amount=0.0003\"")) && !html.contains(&bolt11), "{html}");
    shows(&text_of(body(&html)), &["Its time is over for Lightning. On the chain it can still be paid"]);
    for (amount, status_wanted, said) in [
        ("9999", 422, "less than 10 000 sat can cost more"),
        ("0", 422, "Amount in sat"),
        ("20000", 502, "does not offer"),
    ] {
        let (status, answer) = served.send("/wallet/receive", &form(&[("amount", amount), ("on_chain", "on")])).await;
        let text = text_of(body(&answer));
        assert!(status == status_wanted && text.contains(said), "{amount}: {status} {text}");
        assert!(answer.contains("name=\"on_chain\" checked"), "what was chosen stays chosen");
    }
}

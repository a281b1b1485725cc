//! LNURL-pay against payees on this machine: one honest, and the ones that must be refused.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;
use crate::http::loopback::{impatient, lan_client, serve, serve_and_stall};
use crate::http::{Limits, Reach};

/// One payee: what it answers first and second, and the query of its callback.
struct Payee {
    client: StrictClient,
    target: PayTarget,
    queries: Arc<Mutex<Vec<String>>>,
}

impl Payee {
    /// `edit` changes the honest answers; it gets the payee's own base URL.
    async fn start(edit: impl FnOnce(&mut Value, &mut Value, &Url)) -> Self {
        let answers = Arc::new(Mutex::new((String::new(), String::new())));
        let queries = Arc::new(Mutex::new(Vec::new()));
        let state = (answers.clone(), queries.clone());
        let router = Router::new()
            .route("/.well-known/lnurlp/meter1", get(Self::first))
            .route("/callback", get(Self::second))
            .with_state(state);
        let base = serve(router).await;
        let host = base.authority();
        let mut first = json!({
            "tag": "payRequest",
            "callback": format!("{base}callback?id=%C3%A4&k=1#top"),
            "minSendable": 1_000, "maxSendable": 5_000_000, "commentAllowed": 12,
            "metadata": format!(
                r#"[["text/plain","Meter 1"],["text/identifier","meter1@{host}"]]"#
            ),
        });
        let mut second = json!({
            "pr": "lnbcrt1pvjluez", "routes": [], "disposable": false,
            "verify": format!("{base}verify/1"),
            "successAction": {"tag": "message", "message": "Thank you"},
        });
        edit(&mut first, &mut second, &base);
        *answers.lock().unwrap() = (first.to_string(), second.to_string());
        Self { client: lan_client(&base), target: PayTarget::parse(&format!("meter1@{host}")).unwrap(), queries }
    }

    async fn first(State((answers, _)): State<Shared>) -> String {
        answers.lock().unwrap().0.clone()
    }

    async fn second(State((answers, queries)): State<Shared>, RawQuery(query): RawQuery) -> (StatusCode, String) {
        queries.lock().unwrap().push(query.unwrap_or_default());
        // LNURL answers count whatever their status.
        (StatusCode::IM_A_TEAPOT, answers.lock().unwrap().1.clone())
    }

    async fn ask(&self, amount_msat: u64) -> Result<InvoiceOffer, LnurlFault> {
        request_invoice(&self.client, &self.target, amount_msat, Some("Mai & 5 kWh+ zu viel")).await
    }

    fn queries(&self) -> Vec<String> {
        self.queries.lock().unwrap().clone()
    }
}

type Shared = (Arc<Mutex<(String, String)>>, Arc<Mutex<Vec<String>>>);

/// The fault after one change to the first answer; the payee was never asked for an invoice.
async fn first_fault(edit: impl FnOnce(&mut Value)) -> LnurlFault {
    let payee = Payee::start(|first, _, _| edit(first)).await;
    let fault = payee.ask(2_000_000).await.unwrap_err();
    assert!(payee.queries().is_empty(), "{fault}");
    fault
}

async fn second_fault(edit: impl FnOnce(&mut Value)) -> LnurlFault {
    let payee = Payee::start(|_, second, _| edit(second)).await;
    payee.ask(2_000_000).await.unwrap_err()
}

#[tokio::test]
async fn an_honest_payee_gives_an_invoice() {
    let payee = Payee::start(|_, _, _| {}).await;
    let offer = payee.ask(2_000_000).await.unwrap();
    assert_eq!(offer.bolt11, "lnbcrt1pvjluez");
    assert_eq!(offer.metadata_text, "Meter 1");
    assert_eq!(offer.success.as_deref(), Some("Thank you"));
    assert!(offer.verify.unwrap().as_str().ends_with("/verify/1"));
    assert!(!offer.disposable);
    assert_eq!(offer.warning, None);
    let expected = "id=%C3%A4&k=1&amount=2000000&comment=Mai%20%26%205%20kWh%2B";
    assert_eq!(payee.queries(), [expected]);
}

#[tokio::test]
async fn limits_written_with_a_zero_fraction_are_accepted() {
    let payee = Payee::start(|first, _, _| {
        first["minSendable"] = json!(1000.0);
        first["commentAllowed"] = json!(null);
    })
    .await;
    payee.ask(1_000).await.unwrap();
    assert!(payee.queries()[0].ends_with("&amount=1000"));
}

#[tokio::test]
async fn an_address_that_is_not_repeated_is_a_warning() {
    let payee = Payee::start(|first, _, _| first["metadata"] = json!(r#"[["text/plain","x"]]"#)).await;
    let offer = payee.ask(1_000).await.unwrap();
    assert_eq!(offer.warning, Some(OfferWarning::NoIdentifier));
}

#[tokio::test]
async fn an_amount_outside_the_limits_is_not_asked_for() {
    let payee = Payee::start(|_, _, _| {}).await;
    for amount_msat in [5_001_000, u64::MAX - u64::MAX % 1_000] {
        let fault = payee.ask(amount_msat).await.unwrap_err();
        let range = LnurlFault::AmountOutOfRange { min_msat: 1_000, max_msat: 5_000_000 };
        assert_eq!(fault, range);
    }
    for amount_msat in [0, 1, 1_500] {
        let fault = payee.ask(amount_msat).await.unwrap_err();
        assert_eq!(fault, LnurlFault::NotWholeSatoshi { amount_msat });
    }
    assert!(payee.queries().is_empty());
}

#[tokio::test]
async fn limits_that_are_not_whole_numbers_are_refused() {
    for (min, max) in [
        (json!(1000.5), json!(2_000_000)),
        (json!("1000"), json!(2_000_000)),
        (json!(-1), json!(2_000_000)),
        (json!(0), json!(2_000_000)),
        (json!(3_000_000), json!(2_000_000)),
        (json!(1_000), json!(1e30)),
        (json!(null), json!(2_000_000)),
    ] {
        let fault = first_fault(|first| {
            first["minSendable"] = min;
            first["maxSendable"] = max;
        })
        .await;
        assert_eq!(fault, LnurlFault::BadLimits);
    }
}

#[tokio::test]
async fn a_first_answer_that_breaks_a_rule_is_refused() {
    let fault = first_fault(|first| first["tag"] = json!("withdrawRequest")).await;
    assert!(matches!(fault, LnurlFault::WrongTag { tag } if tag == "withdrawRequest"));
    let fault = first_fault(|first| first["metadata"] = json!([["text/plain", "x"]])).await;
    assert!(matches!(fault, LnurlFault::BadMetadata(_)));
    let fault = first_fault(|first| first["metadata"] = json!("[]")).await;
    assert!(matches!(fault, LnurlFault::BadMetadata(_)));
    let fault = first_fault(|first| {
        first["payerData"] = json!({"name": {"mandatory": false}, "auth": {"mandatory": true}});
    })
    .await;
    assert!(matches!(fault, LnurlFault::WantsPayerData { item } if item == "auth"));
    let fault = first_fault(|first| first["callback"] = json!("/callback")).await;
    assert_eq!(fault, LnurlFault::BadCallback);
}

#[tokio::test]
async fn optional_payer_data_is_simply_not_given() {
    let payee = Payee::start(|first, _, _| {
        first["payerData"] = json!({"name": {"mandatory": false}, "pubkey": null});
    })
    .await;
    payee.ask(1_000).await.unwrap();
    assert!(!payee.queries()[0].contains("payerdata"));
}

#[tokio::test]
async fn a_callback_into_the_house_is_refused() {
    for callback in ["https://10.0.0.1/x", "https://localhost/x", "https://[::ffff:192.168.0.9]/"] {
        let fault = first_fault(|first| first["callback"] = json!(callback)).await;
        assert!(matches!(fault, LnurlFault::PrivateCallback { .. }), "{fault:?}");
    }
}

#[tokio::test]
async fn a_callback_that_is_not_public_https_is_refused() {
    let other = serve(Router::new()).await;
    for callback in ["http://pay.example/x", "https://user@pay.example/", other.as_str()] {
        let fault = first_fault(|first| first["callback"] = json!(callback)).await;
        assert!(matches!(fault, LnurlFault::RefusedCallback(_)), "{fault:?}");
    }
}

#[tokio::test]
async fn a_public_payee_may_not_send_us_to_its_own_loopback() {
    let target = PayTarget::parse("meter1@localhost").unwrap();
    let client = StrictClient::new(Reach::Public, Limits::default()).unwrap();
    let fault = request_invoice(&client, &target, 1_000, None).await.unwrap_err();
    assert!(matches!(fault, LnurlFault::Http(HttpFault::PrivateAddress { .. })));
}

#[tokio::test]
async fn a_second_answer_that_breaks_a_rule_is_refused() {
    let invoices = [json!(null), json!(""), json!("lnbc 1"), json!(7), json!("a".repeat(5_000))];
    for invoice in invoices {
        let fault = second_fault(|second| second["pr"] = invoice).await;
        assert!(matches!(fault, LnurlFault::NoInvoice { .. }));
    }
    for action in [json!({"tag": "install"}), json!("message"), json!({})] {
        let fault = second_fault(|second| second["successAction"] = action).await;
        assert!(matches!(fault, LnurlFault::UnknownSuccessAction { .. }));
    }
}

#[tokio::test]
async fn a_verify_url_elsewhere_in_the_house_is_dropped() {
    let payee = Payee::start(|_, second, _| {
        second["verify"] = json!("http://192.168.1.1/reboot");
        second["successAction"] = json!(null);
        second.as_object_mut().unwrap().remove("disposable");
    })
    .await;
    let offer = payee.ask(1_000).await.unwrap();
    assert_eq!((offer.verify, offer.success, offer.disposable), (None, None, true));
}

#[tokio::test]
async fn the_payees_own_words_are_passed_on_cleaned() {
    for status in ["ERROR", "error"] {
        let fault = second_fault(|second| {
            *second = json!({"status": status, "reason": "busy\u{202e}\n<b>"});
        })
        .await;
        assert!(matches!(fault, LnurlFault::Refused { reason, .. } if reason == "busy <b>"));
    }
    let fault = first_fault(|first| first["status"] = json!("ERROR")).await;
    assert!(matches!(fault, LnurlFault::Refused { reason, .. } if reason.is_empty()));
    let payee = Payee::start(|first, _, _| first["status"] = json!("OK")).await;
    assert!(payee.ask(1_000).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_told_with_its_status() {
    let base = serve(Router::new()).await;
    let target = PayTarget::parse(&format!("nobody@{}", base.authority())).unwrap();
    let fault = request_invoice(&lan_client(&base), &target, 1_000, None).await.unwrap_err();
    assert!(matches!(fault, LnurlFault::Unreadable { status: 404, .. }));
}

#[tokio::test]
async fn a_payee_that_stalls_is_left_in_time() {
    let base = serve_and_stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;
    let target = PayTarget::parse(&format!("meter1@{}", base.authority())).unwrap();
    let client = StrictClient::new(Reach::lan(base.as_str()).unwrap(), impatient()).unwrap();
    let fault = request_invoice(&client, &target, 1_000, None).await.unwrap_err();
    assert!(matches!(fault, LnurlFault::Http(HttpFault::TooSlow { .. })));
}

#[test]
fn the_amount_is_appended_and_nothing_is_overwritten() {
    for (callback, expected) in [
        ("https://a.example/cb", "https://a.example/cb?amount=1000"),
        ("https://a.example/cb?", "https://a.example/cb?amount=1000"),
        ("https://a.example/cb?x=%2F&", "https://a.example/cb?x=%2F&amount=1000"),
        ("https://a.example/cb?amount=5#f", "https://a.example/cb?amount=5&amount=1000"),
    ] {
        let url = with_amount(&callback.parse().unwrap(), 1_000, None);
        assert_eq!(url.as_str(), expected);
    }
}

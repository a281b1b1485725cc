//! One set of scenarios, run against every Lightning wallet that Kilosat connects to.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic and write files")]

mod bench;
mod cln;
mod hints;
mod lies;
mod lnbits;
mod lnd;
#[cfg(feature = "node")]
mod node;
mod nwc;
mod phoenixd;
#[cfg(feature = "node")]
mod regtest;
mod relayed;
mod scenarios;
mod second_opinion;
mod sentences;
mod truth;
mod wire;

/// Runs every scenario against the wallet that `bench()` of the calling module starts.
macro_rules! conformance {
    ($($scenario:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $scenario() {
            crate::scenarios::$scenario(&bench().await).await;
        }
    )*};
}
/// What every simulated wallet must pass.
macro_rules! simulated {
    () => {
        crate::conformance!(
            says_who_it_is,
            pays_once_and_proves_it,
            refuses_a_second_payment_of_one_hash,
            a_payment_on_its_way_is_in_flight_until_it_ends,
            a_payment_that_fails_later_is_failed,
            no_route_is_a_final_failure,
            an_empty_wallet_sends_nothing,
            a_fee_above_the_limit_is_never_paid,
            an_unknown_hash_is_not_found,
            every_unclear_answer_to_a_pay_call_is_unknown,
            every_unclear_answer_to_a_look_up_changes_nothing,
            a_wallet_that_is_not_there_was_sent_nothing,
            makes_invoices_and_sees_them_paid,
            lists_what_was_settled,
        );
    };
}
/// What every wallet that is spoken to over HTTP must pass on a wire that misbehaves.
macro_rules! on_a_bad_wire {
    () => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn no_misbehaviour_to_a_pay_call_costs_anything() {
            crate::wire::no_misbehaviour_to_a_pay_call_costs_anything(wire().await).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn no_misbehaviour_to_a_look_up_hides_the_truth() {
            crate::wire::no_misbehaviour_to_a_look_up_hides_the_truth(wire().await).await;
        }
    };
}
pub(crate) use conformance;
pub(crate) use on_a_bad_wire;
pub(crate) use simulated;

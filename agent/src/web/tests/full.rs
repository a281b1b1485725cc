//! A status in which everything there can be is there, each number once.

use super::*;
use crate::status::RefillStatus;
use crate::tasks::RefillView;
use crate::treasury::{FeeRates, LeftView, TreasuryView};
use crate::vault::{KeysStatus, Tier};

/// A stranger's text, as hostile as it gets.
pub(super) const HOSTILE: &str = "</p><script>alert('x')</script><img src=//evil.example onerror=\"x\"> & more";

fn question(question: i64, declined: bool) -> QuestionSnapshot {
    QuestionSnapshot {
        question,
        rule: "electricity".to_owned(),
        payee: format!("{HOSTILE}@utility.example"),
        amount_msat: 3_016_000,
        why: "it would be the first payment to this payee".to_owned(),
        declined,
        asked_ms: 1_699_999_000_000,
        expires_ms: 1_700_600_000_000,
    }
}

/// A house in which every number is another one.
pub(super) fn full() -> Status {
    Status {
        refill: Some(RefillStatus {
            low_sat: 50_000,
            high_sat: 350_000,
            target_sat: 200_000,
            view: RefillView { spending_sat: Some(12_345), wanted_sat: Some(187_655), rests: None },
        }),
        open_move: None,
        settings_fault: Some(format!("kilosat.toml: {HOSTILE}")),
        name: "Mill & Barn".to_owned(),
        network: "regtest".to_owned(),
        version: "9.8.7".to_owned(),
        now_ms: 1_700_000_000_000,
        uptime_ms: 3 * 86_400_000,
        lock: Some(format!("The ledger does not add up. {HOSTILE}")),
        doubtful: true,
        stopped: true,
        questions: vec![question(41, false), question(42, true)],
        ledger: WalletSnapshot {
            ledger_msat: 209_990_000,
            compared_ms: Some(1_700_000_000_000 - 17 * 60_000),
            difference_msat: 11_000,
            suspense_msat: 5_015,
            waits: false,
            fault: None,
        },
        stop_button: None,
        backup: Some(BackupStatus {
            folder: Some("/media/usb".to_owned()),
            made_ms: Some(1_700_000_000_000 - 5 * 86_400_000),
            file: Some("/media/usb/kilosat-mill-barn.age".to_owned()),
            bytes: 7_654_321,
            opened: true,
            same_disk: false,
            is_old: true,
            fault: Some(format!("the folder is not there. {HOSTILE}")),
        }),
        wallet_fault: Some("LND cannot be reached.".to_owned()),
        keys: KeysStatus { tier: Some(Tier::Host), offered: Some(Tier::Tpm2), ..KeysStatus::default() },
        treasury: Some(savings()),
        wallet_age_ms: Some(37_000),
        lightning: Balance {
            node_id: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5".to_owned(),
            balance_msat: 210_001_000,
            spendable_msat: 190_002_000,
            receivable_msat: 370_003_000,
            channels: Some(5),
            channels_usable: Some(4),
            block_height: 899_001,
        },
        rate: Some(BitcoinPrice {
            currency: "EUR".to_owned(),
            cents_per_btc: 6_123_456,
            at_ms: 1_700_000_000_000 - 240_000,
            sources: format!("kraken {HOSTILE}"),
        }),
        flow: Some(Flow {
            from: vec![part("solar", 4_100_000), part("grid", 0)],
            to: vec![part("house", 1_110_000), part("car", 2_220_000), part("grid", 770_000)],
            unknown: vec!["heating".to_owned()],
        }),
        meters: meters(),
        inputs: vec![input("door", "active", None), input("tamper", "missing", Some("the GPIO line 5 is in use"))],
        relays: vec![
            relay("charger", "on", None),
            relay("pump", "off", Some("its contact is closed")),
            relay("boiler", "missing", Some("there is no GPIO chip")),
        ],
        agreements: vec![AgreementStatus {
            id: "electricity".to_owned(),
            meter: "main".to_owned(),
            payee: "rent@utility.example".to_owned(),
            price_msat_per_kwh: 283_457,
            billed_mwh: 1_234_567_890,
            owed_msat: 123_004,
            paid_msat: 349_005_000,
            slice_msat: 500_000,
            paused: true,
            notices: vec![format!("utility.example refused: {HOSTILE}"), "Another notice.".to_owned()],
        }],
        feeds: vec![FeedStatus {
            id: "weather".to_owned(),
            url: "https://weather.example/v1/now?a=1&b=2".to_owned(),
            paused: false,
            points: vec![(HOSTILE.to_owned(), value(21_500, "")), ("humidity".to_owned(), value(60_000, "%"))],
            notices: vec![format!("weather.example: {HOSTILE}")],
        }],
        totals: TotalsStatus {
            energy_billed_mwh: 7_654_321_000,
            owed_msat: 456_007,
            paid_energy_msat: 1_999_008_000,
            paid_data_msat: 88_009_000,
            paid_by_hand_msat: 3_000_021,
            fees_msat: 7_012,
            reserved_msat: 600_013,
            received_msat: 2_500_014_000,
            payments_settled: 4_321,
            payments_failed: 17,
            data_purchases: 1_111,
        },
        payments: payments(),
        open_payments: 2,
        journal_entries: 98_765,
    }
}

/// What is laid by on the chain.
pub(super) fn savings() -> TreasuryView {
    TreasuryView {
        kind: "segwit".to_owned(),
        id: "n9g32cn0".to_owned(),
        spendable_sat: 41_234_018,
        incoming_sat: 350_019,
        immature_sat: 625_020,
        reserve_sat: 5_000_021,
        height: 925_022,
        tip_age_ms: Some(660_000),
        asked_ms: Some(23_000),
        source: Some("https://esplora.example/api".to_owned()),
        fault: None,
        stale: None,
        searched: true,
        progress: None,
        left: Some(LeftView { sat: 197_023, coins: 2, is_going: false, fault: None }),
        fees: FeeRates { soon: 14, hour: 8, day: 3, is_guess: false },
        shown_ms: 0,
    }
}

fn part(what: &str, power_mw: u64) -> FlowPart {
    FlowPart { what: what.to_owned(), power_mw }
}

fn input(id: &str, state: &str, fault: Option<&str>) -> InputStatus {
    InputStatus { id: id.to_owned(), state: state.to_owned(), fault: fault.map(str::to_owned) }
}

fn relay(id: &str, state: &str, fault: Option<&str>) -> RelayStatus {
    let (why, fault) = ("you switched it by hand".to_owned(), fault.map(str::to_owned));
    RelayStatus { id: id.to_owned(), state: state.to_owned(), why, fault }
}

fn meters() -> Vec<MeterStatus> {
    let meter = |id: &str, state: &str| MeterStatus {
        id: id.to_owned(),
        title: "Schneider Electric iEM3155".to_owned(),
        state: state.to_owned(),
        fault: None,
        note: None,
        measures: None,
        has_power: true,
        power_mw: Some(2_345_000),
        energy_mwh: Some(12_345_678_000),
        age_ms: Some(4_000),
        reads: 5_678,
        faults: 3,
        line: Some(LineHealth { load_permille: Some(123), requests: 70_017, unanswered: 18, damaged: 19 }),
    };
    let fault = Some(format!("it answered {HOSTILE}"));
    vec![
        MeterStatus { power_mw: Some(9_876_000), measures: Some("grid".to_owned()), ..meter("connection", "good") },
        meter("main", "good"),
        MeterStatus { power_mw: Some(-800_000), energy_mwh: Some(-15_000), ..meter("solar", "good") },
        MeterStatus {
            fault,
            age_ms: Some(7_500_000),
            note: Some("A power cut costs it.".to_owned()),
            ..meter("garage", "missing")
        },
        MeterStatus { power_mw: None, energy_mwh: None, age_ms: None, reads: 0, faults: 1, ..meter("new", "waiting") },
    ]
}

fn payments() -> Vec<PaymentSummary> {
    let payment = |payment, state: &str, fee_msat, fault: Option<String>| PaymentSummary {
        payment,
        kind: "energy".to_owned(),
        rule: "electricity".to_owned(),
        state: state.to_owned(),
        amount_msat: 500_015,
        fee_msat,
        payment_hash: "ab".repeat(32),
        created_ms: 1_700_000_000_000 - 660_000,
        took_ms: 14_000,
        fault,
        memo: None,
        rate: None,
    };
    vec![
        payment(912, "in_flight", None, None),
        payment(911, "failed", None, Some(format!("no route {HOSTILE}"))),
        payment(910, "settled", Some(1_016), None),
    ]
}

fn value(milli: i64, unit: &str) -> Value {
    Value { milli, unit: unit.to_owned(), at_ms: 1 }
}

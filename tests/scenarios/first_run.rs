//! From a device that is nobody's to the first settled payment, on the page alone, in a real browser and on real Lightning.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use bitcoin::Address;
use futures_util::FutureExt as _;
use kilosat::clock::Clock;
use kilosat::config::ChainSource;
use kilosat::demo::ChainChoice;
use kilosat::demo::miner::Miner;
use kilosat::demo::shops::open_utility;
use kilosat::demo::town::{Town, burn_address};
use kilosat_drivers::profiles;
use kilosat_drivers::reading::MilliwattHours;
use sim::hub::{Hub, kilosat};
use sim::meter::MeterSim;
use sim::tab::Tab;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How the owner holds the browser.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// A finger on a phone on which scripts are switched off.
    Finger,
    /// The keyboard of a desk, and nothing else.
    Keys,
}

/// The economy around a house that nobody has set up, and its owner's browser.
struct Stage {
    town: Town,
    miner: Miner,
    utility: String,
    meter: MeterSim,
    folder: TempDir,
    hub: Hub,
    tab: Tab,
    hand: Hand,
    _servers: JoinSet<()>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lightning_first_run_by_a_finger_on_a_phone_without_scripts() {
    first_run(Hand::Finger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lightning_first_run_by_the_keyboard_alone() {
    first_run(Hand::Keys).await;
}

async fn first_run(hand: Hand) {
    let mut stage = Stage::set(hand).await;
    // Nodes that are not stopped keep a test that failed from ending.
    let story = AssertUnwindSafe(stage.story()).catch_unwind().await;
    stage.end().await;
    story.unwrap_or_else(|fault| resume_unwind(fault));
}

impl Stage {
    async fn set(hand: Hand) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let mut servers = JoinSet::new();
        let miner = Miner::start(&ChainChoice::Memory, None, Clock::real(), &mut servers).await.unwrap();
        let town = Town::open(folder.path(), &miner, &mut servers, &|_| {}).await.unwrap();
        let utility = open_utility(town.utility.clone(), &mut servers).await.unwrap();
        let meter = MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap();
        meter.set_energy(COUNTER);
        let ChainSource::Esplora(esplora) = miner.source() else { panic!("the chain in memory is served as Esplora") };
        let state = folder.path().join("state");
        let text = format!(
            "network = \"regtest\"\nstate_directory = {state:?}\n[web]\nlisten = \"127.0.0.1:0\"\n\
             [lightning.node]\nanchor_channels = false\n[lightning.node.chain]\nurl = {:?}\n",
            esplora.as_str()
        );
        let config = folder.path().join("kilosat.toml");
        std::fs::write(&config, text).unwrap();
        let mut hub = Hub::start_in(&config, &state, [("RUST_LOG".into(), "info".into())]);
        hub.until("it runs", |_| true).await;
        let address = page_in(&hub.log());
        let mut tab = Tab::open("about:blank").await.expect("tests/run installs Chromium");
        tab.resize(if hand == Hand::Finger { 390 } else { 1_280 }).await;
        if hand == Hand::Finger {
            tab.call("Emulation.setScriptExecutionDisabled", serde_json::json!({"value": true})).await;
        }
        tab.go(&format!("http://{address}/")).await;
        Stage { town, miner, utility, meter, folder, hub, tab, hand, _servers: servers }
    }

    async fn story(&mut self) {
        self.claim().await;
        self.name_the_house().await;
        self.choose_the_provider().await;
        self.write_the_words_down().await;
        self.add_the_meter().await;
        self.make_the_agreement().await;
        self.put_money_in().await;
        self.pay().await;
        self.pay_by_hand().await;
        self.be_paid_on_the_chain().await;
        self.send_savings().await;
    }

    /// Presses what this selects, and waits for the page that follows.
    async fn press(&mut self, selector: &str) {
        self.tab.run("window.isOld = true").await;
        self.touch(selector, "Enter").await;
        self.tab.until("window.isOld === undefined && document.readyState === 'complete'").await;
        assert!(!self.tab.text().await.contains("This does not fit yet"), "{}", self.tab.text().await);
    }

    async fn fill(&mut self, selector: &str, text: &str) {
        match self.hand {
            Hand::Finger => self.tab.click(selector).await,
            Hand::Keys => self.tab.reach(selector).await,
        }
        self.tab.write(text).await;
    }

    /// Opens what is folded away.
    async fn unfold(&mut self, selector: &str) {
        self.touch(selector, "Enter").await;
    }

    /// Does on this page what needs no other one, which takes this key.
    async fn touch(&mut self, selector: &str, key: &str) {
        match self.hand {
            Hand::Finger => self.tab.click(selector).await,
            Hand::Keys => {
                self.tab.reach(selector).await;
                self.tab.key(key).await;
            }
        }
    }

    /// Saves a change that the page shows, with the password where it asks for one.
    async fn save(&mut self) {
        self.sees("What changes in kilosat.toml").await;
        if self.tab.run("document.getElementById('password') !== null").await == true {
            self.fill("#password", PASSWORD).await;
        }
        self.press("#save").await;
    }

    async fn sees(&mut self, words: &str) {
        self.tab.until(&format!("document.body.innerText.replace(/\\s+/g, ' ').includes({words:?})")).await;
    }

    async fn claim(&mut self) {
        let config = self.config();
        let code = kilosat(&["setup-code", "--config", &config]);
        let code = String::from_utf8(code.stdout).unwrap();
        let code = code.split_whitespace().find(|word| word.matches('-').count() > 0).unwrap().trim_end_matches('.');
        self.fill("#code", code).await;
        self.fill("#password", PASSWORD).await;
        self.fill("#again", PASSWORD).await;
        self.press("button.main").await;
        self.sees("Set up your house").await;
        self.sees("regtest: play money").await;
    }

    async fn name_the_house(&mut self) {
        self.press("a[href='/settings']").await;
        self.fill("#name", "The mill").await;
        self.fill("#zone", "Europe/Berlin").await;
        self.press("#next").await;
        self.save().await;
        self.home("The mill").await;
    }

    /// What comes into force by a new start is there within seconds.
    async fn home(&mut self, words: &str) {
        let page = self.tab.run("location.origin").await.as_str().unwrap().to_owned();
        let until_there = async {
            loop {
                self.tab.go(&page).await;
                let text = self.tab.text().await;
                if text.contains(words) && !text.contains("starts anew") {
                    return;
                }
            }
        };
        timeout(NEW_START_WAIT, until_there).await.unwrap_or_else(|_| panic!("{words} is not on the first page"));
    }

    async fn choose_the_provider(&mut self) {
        self.press("a[href='/wallet/service']").await;
        self.fill("#lsp", &self.town.lsp.peer()).await;
        self.press("#inside").await;
        self.sees("Somebody answers at").await;
        self.save().await;
        self.home("✓ Choose the Lightning wallet that pays").await;
    }

    async fn write_the_words_down(&mut self) {
        self.press("a[href='/wallet/words']").await;
        self.fill("#password", PASSWORD).await;
        self.press("#show").await;
        let words = "Array.from(document.querySelectorAll('.words li')).map(word => word.textContent)";
        let words: Vec<String> = serde_json::from_value(self.tab.run(words).await).unwrap();
        assert_eq!(words.len(), 12);
        for field in ["first", "second", "third"] {
            let number = format!("document.querySelector('input[name={field}]').value");
            let number: usize = self.tab.run(&number).await.as_str().unwrap().parse().unwrap();
            self.fill(&format!("#{field}"), &words[number - 1]).await;
        }
        self.press("#check").await;
        self.sees("✓ Write down the wallet's words").await;
    }

    async fn add_the_meter(&mut self) {
        self.press(".setup a[href='/devices/new']").await;
        self.fill("#host", "127.0.0.1").await;
        self.fill("#port", &self.meter.addr().port().to_string()).await;
        self.press("#search").await;
        let ended = "document.body.innerText.includes('These are all that answered')";
        // The page asks again by itself until then.
        self.tab.until(ended).await;
        assert!(self.tab.text().await.contains("Schneider Electric iEM3"), "{}", self.tab.text().await);
        self.fill("#name-0", "main").await;
        self.fill("#fuse-0", "1000").await;
        self.press("form[action='/devices/add'] button").await;
        self.save().await;
        self.home("✓ Add your meter").await;
    }

    async fn make_the_agreement(&mut self) {
        self.press(".setup a[href='/agreements/new']").await;
        let (payee, lan) = (format!("electricity@{}", self.utility), format!("http://{}", self.utility));
        self.fill("#payee", &payee).await;
        self.unfold("form details summary").await;
        self.fill("#lan", &lan).await;
        self.fill("#price", "1000").await;
        self.fill("#slice", "10").await;
        self.press("#next").await;
        self.sees(&format!("{payee} answers. It says of itself: Electricity, billed by the kWh")).await;
        self.save().await;
        self.home("✓ Make the first agreement").await;
    }

    async fn put_money_in(&mut self) {
        self.press(".setup a[href='/wallet']").await;
        self.fill("#amount", "200 000").await;
        self.press("#receive").await;
        let invoice = self.tab.run("document.getElementById('invoice').textContent").await;
        self.town.neighbour.pay(invoice.as_str().unwrap()).await.unwrap();
        // The channel's funding is on its way to the chain; the page looks again by itself.
        let received = async {
            while !self.tab.text().await.contains("It was paid") {
                if self.miner.waiting().await.unwrap() > 0 {
                    self.miner.mine(1, &burn_address()).await.unwrap();
                }
            }
        };
        timeout(LIGHTNING_WAIT, received).await.expect("the page says that the money came in");
    }

    async fn pay(&mut self) {
        self.meter.set_energy(MilliwattHours(COUNTER.0 + 150_000));
        self.hub.until("it asks before the first payment", |status| !status.questions.is_empty()).await;
        self.home("May 150 sat be paid to").await;
        self.press("form[action='/answer'] button[value=yes]").await;
        let settled = self.hub.until("it is paid", |status| status.totals.payments_settled == 1);
        timeout(LIGHTNING_WAIT, settled).await.expect("the first payment settles");
        self.home("150 sat paid").await;
        self.press("a[href^='/payments/']").await;
        self.sees("Only who paid the invoice").await;
        assert_eq!(self.town.utility.received_msat(), 150_000);
    }

    /// On the page, then on the command line; money that would only go around is refused.
    async fn pay_by_hand(&mut self) {
        let (payee, config) = (format!("electricity@{}", self.utility), self.config());
        self.press("a[href='/wallet']").await;
        self.press("#pay").await;
        self.fill("#what", &payee).await;
        self.fill("#amount", "100").await;
        self.press("#look").await;
        self.sees("Pay 100 sat?").await;
        self.sees("Electricity, billed by the kWh").await;
        self.fill("#password", PASSWORD).await;
        self.press("#pay").await;
        self.sees(&format!("By hand: Electricity, billed by the kWh Payee {payee}")).await;
        let settled = self.hub.until("it is paid", |status| status.totals.payments_settled == 2);
        timeout(LIGHTNING_WAIT, settled).await.expect("the payment by hand settles");
        self.home("Paid by hand 100 sat").await;

        let paid = kilosat(&["pay", &payee, "--amount", "50", "--yes", "--config", &config]);
        let told = String::from_utf8_lossy(&paid.stderr).into_owned() + &String::from_utf8_lossy(&paid.stdout);
        assert!(paid.status.success() && told.contains("The fee is at most"), "{told}");
        let settled = self.hub.until("it is paid", |status| status.totals.payments_settled == 3);
        timeout(LIGHTNING_WAIT, settled).await.expect("the payment on the command line settles");
        assert_eq!(self.town.utility.received_msat(), 300_000);

        let silent = kilosat(&["pay", &payee, "--amount", "50", "--config", &config]);
        assert!(String::from_utf8_lossy(&silent.stderr).contains("nobody is there to say yes"), "{silent:?}");
        let own = String::from_utf8(kilosat(&["receive", "70", "--config", &config]).stdout).unwrap();
        let refused = kilosat(&["pay", own.trim(), "--yes", "--config", &config]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("one of your own"), "{refused:?}");
        assert_eq!(self.hub.status().await.totals.payments_settled, 3);
    }

    /// The savings are opened, and a wallet that knows no Lightning pays what any wallet can scan.
    async fn be_paid_on_the_chain(&mut self) {
        self.press("a[href='/wallet']").await;
        self.press("#savings").await;
        self.press("#open").await;
        self.save().await;
        self.home("The mill").await;
        self.press("a[href='/wallet']").await;
        self.fill("#amount", "30 000").await;
        self.touch("input[name=on_chain]", " ").await;
        self.press("#receive").await;
        self.sees("Any bitcoin wallet can scan this").await;
        let link = self.tab.run("document.querySelector(\"a[href^='bitcoin:bcrt1q']\").getAttribute('href')").await;
        let (address, rest) = link.as_str().unwrap().trim_start_matches("bitcoin:").split_once('?').unwrap();
        assert!(rest.starts_with("amount=0.0003&lightning=lnbcrt300"), "{link}");
        // Whose coins were spent for the channel pays with what is left.
        self.town.sync().await.unwrap();
        let payer = self.town.lsp.ldk().onchain_payment();
        payer.send_to_address(&address.parse::<Address<_>>().unwrap().assume_checked(), 30_000, None).unwrap();
        let config = self.config();
        let received = async {
            for words in ["came in on the chain and wait for a block", "It was paid on the chain"] {
                while !self.tab.text().await.contains(words) {
                    let looked = kilosat(&["treasury", "--look", "--config", &config]);
                    assert!(looked.status.success(), "{looked:?}");
                }
                self.miner.mine(1, &burn_address()).await.unwrap();
            }
        };
        timeout(LIGHTNING_WAIT, received).await.expect("the page says that the money came in");
    }

    /// What it costs is shown first; it waits, and then a block has it.
    async fn send_savings(&mut self) {
        self.press("a[href='/wallet']").await;
        self.press("#savings").await;
        self.press("#send").await;
        self.fill("#to", &burn_address().to_string()).await;
        self.fill("#amount", "12 000").await;
        self.fill("#label", "a spade").await;
        self.press("#see").await;
        self.sees("Send 12 000 sat?").await;
        self.sees("What is sent on the chain cannot be called back").await;
        self.fill("#password", PASSWORD).await;
        self.press("#send-now").await;
        self.sees("a spade").await;
        self.sees("waits for a block").await;
        self.miner.mine(1, &burn_address()).await.unwrap();
        let confirmed = async {
            while !self.tab.text().await.contains("1 confirmation") {
                self.press("#look").await;
            }
        };
        timeout(LIGHTNING_WAIT, confirmed).await.expect("a block has it");
    }

    async fn end(self) {
        assert!(self.hub.terminate().await.success());
        self.town.close().await;
    }

    fn config(&self) -> String {
        self.folder.path().join("kilosat.toml").display().to_string()
    }
}

/// Where the log says that the page is.
fn page_in(log: &str) -> String {
    let address = log.split("the page is at http://").nth(1).and_then(|rest| rest.split('/').next());
    address.unwrap_or_else(|| panic!("{log}")).to_owned()
}

const PASSWORD: &str = "three nice words";
const COUNTER: MilliwattHours = MilliwattHours(12_345_000_000);
const NEW_START_WAIT: Duration = Duration::from_secs(60);
/// Channels, gossip and payments on a busy machine.
const LIGHTNING_WAIT: Duration = Duration::from_secs(120);

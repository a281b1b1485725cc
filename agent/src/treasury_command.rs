//! The on-chain wallet on the command line: nothing is sent without a yes. Part of the program, as `main.rs` is.

use std::path::PathBuf;

use bitcoin::Txid;
use clap::{Args, Subcommand};
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, TreasuryAnswer, TreasuryQuestion, ask_treasury, give_order};
use kilosat::disk;
use kilosat::engine::Order;
use kilosat::status::{MoveView, RefillStatus};
use kilosat::treasury::{DraftView, LeftView, Sum, TreasuryView, TxView, Wish};

use crate::cli::ConfigFile;
use crate::pay_command::{PayCommandError, agreed};

#[derive(Args)]
pub struct TreasuryCommand {
    #[command(subcommand)]
    what: Option<What>,
    /// Ask the chain first, instead of showing what is known.
    #[arg(long)]
    look: bool,
    /// Print it as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Subcommand)]
enum What {
    /// Show an address to receive at.
    Address {
        /// Another one than before, also if nobody has paid to that.
        #[arg(long)]
        new: bool,
    },
    /// List the coins.
    Coins,
    /// Send bitcoin to an address; what it costs is shown first.
    Send {
        /// A bitcoin address.
        #[arg(value_name = "ADDRESS")]
        to: String,
        /// How much, in satoshis, or "all".
        #[arg(value_name = "SAT", value_parser = read_sum)]
        sum: Sum,
        /// Spend exactly this coin, as "coins" lists it; may be given several times.
        #[arg(long, value_name = "TXID:N")]
        coin: Vec<String>,
        #[command(flatten)]
        way: Way,
    },
    /// Make a waiting transaction faster: one of yours by a higher fee, another's by spending what it brings.
    Faster {
        /// The transaction.
        #[arg(value_name = "TXID")]
        txid: Txid,
        #[command(flatten)]
        way: Way,
    },
    /// Give up a transaction of yours that no chain source takes; what it would have spent is free again.
    GiveUp {
        /// The transaction.
        #[arg(value_name = "TXID")]
        txid: Txid,
    },
    /// Send a transaction that you signed elsewhere.
    Finish {
        /// The signed transaction (PSBT, base64).
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What it is for, for your own history.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Search all addresses for coins, and for what closed channels left, as after a restore.
    Search,
    /// Bring what closed channels left on the chain to the savings, once "search" has found it.
    Collect {
        #[command(flatten)]
        way: Way,
    },
    /// Write beside a transaction what it was.
    Label {
        /// The transaction.
        #[arg(value_name = "TXID")]
        txid: Txid,
        /// In your words; empty takes it away.
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Show what was moved between savings and spending money, and what is open.
    Moves,
    /// Let a move begin that Kilosat asks about.
    Agree {
        /// Its number.
        #[arg(value_name = "MOVE")]
        number: i64,
    },
    /// Call a move off, or have what the node holds for it sent back to the savings.
    Undo {
        /// Its number.
        #[arg(value_name = "MOVE")]
        number: i64,
    },
}

#[derive(Args)]
struct Way {
    /// The fee rate, in sat/vB; what the network asks for within an hour, if it is left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    rate: Option<u64>,
    /// What it is for, for your own history.
    #[arg(long, default_value = "")]
    label: String,
    /// Send without asking once more.
    #[arg(long)]
    yes: bool,
    /// Where the key is elsewhere: write the transaction to be signed into this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    psbt: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum TreasuryCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Agreed(#[from] PayCommandError),
    #[error("{path} cannot be used ({source}). Nothing was sent")]
    File { path: String, source: std::io::Error },
    #[error("{0} holds no transaction to be sent (PSBT, base64). Nothing was sent")]
    NoPsbt(String),
    #[error("the running Kilosat answered something else. Nothing was sent; is it another version?")]
    Unexpected,
}

impl TreasuryCommand {
    /// Does it; the text is what to print.
    pub async fn perform(self) -> Result<String, TreasuryCommandError> {
        let (json, socket) = (self.json, self.config.socket()?);
        let ask = async |question| ask_treasury(&socket, question).await;
        let answer = match self.what {
            None => ask(TreasuryQuestion::Show(self.look)).await?,
            Some(What::Address { new }) => ask(TreasuryQuestion::Address(new)).await?,
            Some(What::Coins) => ask(TreasuryQuestion::Coins).await?,
            Some(What::GiveUp { txid }) => ask(TreasuryQuestion::GiveUp(txid)).await?,
            Some(What::Search) => ask(TreasuryQuestion::Search).await?,
            Some(What::Moves) => ask(TreasuryQuestion::Moves).await?,
            Some(What::Agree { number }) => {
                TreasuryAnswer::Done(give_order(&socket, Order::AgreeToMove(number)).await?)
            }
            Some(What::Undo { number }) => TreasuryAnswer::Done(give_order(&socket, Order::UndoMove(number)).await?),
            Some(What::Label { txid, text }) => ask(TreasuryQuestion::Label(txid, text)).await?,
            Some(What::Send { to, sum, coin, way }) => {
                let sat_per_vb = rate(&socket, &way).await?;
                let draft = ask(TreasuryQuestion::Draft(Wish { to, sum, sat_per_vb, coins: coin })).await?;
                return send(&socket, draft, way).await;
            }
            Some(What::Faster { txid, way }) => {
                let sat_per_vb = rate(&socket, &way).await?;
                let draft = ask(TreasuryQuestion::Faster(txid, sat_per_vb)).await?;
                return send(&socket, draft, way).await;
            }
            Some(What::Collect { way }) => {
                let sat_per_vb = rate(&socket, &way).await?;
                let draft = ask(TreasuryQuestion::Collect(sat_per_vb)).await?;
                return send(&socket, draft, way).await;
            }
            Some(What::Finish { file, label }) => {
                let path = file.display().to_string();
                let signed = std::fs::read_to_string(&file)
                    .map_err(|source| TreasuryCommandError::File { path: path.clone(), source })?;
                let psbt: bitcoin::Psbt = signed.trim().parse().map_err(|_| TreasuryCommandError::NoPsbt(path))?;
                let draft = psbt.unsigned_tx.compute_txid();
                ask(TreasuryQuestion::Send { draft, signed: Some(signed), label }).await?
            }
        };
        Ok(if json { as_json(&answer) } else { as_text(&answer) })
    }
}

async fn rate(socket: &std::path::Path, way: &Way) -> Result<u64, TreasuryCommandError> {
    if let Some(rate) = way.rate {
        return Ok(rate);
    }
    match ask_treasury(socket, TreasuryQuestion::Show(false)).await? {
        TreasuryAnswer::Shown(view, _) => Ok(view.fees.hour),
        _ => Err(TreasuryCommandError::Unexpected),
    }
}

async fn send(socket: &std::path::Path, draft: TreasuryAnswer, way: Way) -> Result<String, TreasuryCommandError> {
    let TreasuryAnswer::Draft(draft) = draft else { return Err(TreasuryCommandError::Unexpected) };
    eprintln!("{}", told(&draft));
    if draft.signs_elsewhere {
        return to_be_signed(&draft, way.psbt);
    }
    if !way.yes {
        agreed("Send this?")?;
    }
    let id = draft.id.parse().map_err(|_| TreasuryCommandError::Unexpected)?;
    match ask_treasury(socket, TreasuryQuestion::Send { draft: id, signed: None, label: way.label }).await? {
        TreasuryAnswer::Done(text) => Ok(text),
        _ => Err(TreasuryCommandError::Unexpected),
    }
}

fn to_be_signed(draft: &DraftView, file: Option<PathBuf>) -> Result<String, TreasuryCommandError> {
    let Some(file) = file else { return Ok(draft.psbt.clone()) };
    let path = file.display().to_string();
    disk::replace(&file, format!("{}\n", draft.psbt).as_bytes())
        .map_err(|source| TreasuryCommandError::File { path: path.clone(), source })?;
    Ok(format!("{path} is to be signed where the key is. Send it then with: kilosat treasury finish FILE"))
}

fn told(draft: &DraftView) -> String {
    let DraftView { to, amount_sat, fee_sat, sat_per_kvb, replaces, .. } = draft;
    let replaced = replaces.as_ref().map_or_else(String::new, |txid| format!(" It replaces {txid}."));
    let rate = format!("{}.{}", sat_per_kvb / 1_000, sat_per_kvb % 1_000 / 100);
    format!("{amount_sat} sat to {to}. The fee is {fee_sat} sat, {rate} sat/vB.{replaced}")
}

fn as_json(answer: &TreasuryAnswer) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_default()
}

fn as_text(answer: &TreasuryAnswer) -> String {
    match answer {
        TreasuryAnswer::Shown(view, history) => {
            let mut lines = overview(view);
            lines.extend(history.iter().take(LINES_MAX).map(line));
            lines.join("\n")
        }
        TreasuryAnswer::Address(address) => address.address.clone(),
        TreasuryAnswer::Coins(coins) if coins.is_empty() => "There are no coins yet.".to_owned(),
        TreasuryAnswer::Coins(coins) => {
            let line = |coin: &kilosat::treasury::Coin| {
                let height =
                    coin.height.map_or_else(|| "waits for a block".to_owned(), |height| format!("block {height}"));
                format!("{:>16} sat  {}  {height}", coin.sat, coin.outpoint)
            };
            coins.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        TreasuryAnswer::Draft(draft) => told(draft),
        TreasuryAnswer::Moves(refill, moves) => {
            let mut lines = vec![refill.as_ref().as_ref().map_or_else(|| NO_MARKS.to_owned(), RefillStatus::as_text)];
            lines.extend(moves.iter().map(MoveView::as_text));
            lines.join("\n")
        }
        TreasuryAnswer::Done(text) => text.clone(),
    }
}

fn overview(view: &TreasuryView) -> Vec<String> {
    let mut lines = vec![format!("{} sat can be spent.", view.spendable_sat)];
    let mut add = |wanted: bool, text: String| {
        if wanted {
            lines.push(text);
        }
    };
    add(view.incoming_sat > 0, format!("{} sat are on their way here.", view.incoming_sat));
    add(view.immature_sat > 0, format!("{} sat were mined and can be spent later.", view.immature_sat));
    add(view.reserve_sat > 0, format!("{} sat of it are your reserve.", view.reserve_sat));
    let source = view.source.as_ref().map_or_else(String::new, |source| format!(", by {source}"));
    add(true, format!("Block {}{source}.", view.height));
    if let Some((done, of)) = view.progress {
        add(true, format!("Block {done} of {of} is read."));
    }
    if let Some(left) = &view.left {
        add(true, told_left(left));
    }
    add(view.fault.is_some(), view.fault.clone().unwrap_or_default());
    if let Some(stale) = &view.stale {
        add(true, format!("Nothing is sent now: {stale}."));
    }
    lines
}

fn told_left(left: &LeftView) -> String {
    match (&left.fault, left.coins) {
        (Some(fault), _) => format!("What closed channels left could not be looked for: {fault}"),
        (None, _) if left.is_going => "What closed channels left is being looked for.".to_owned(),
        (None, 0) => "Closed channels have left nothing to collect.".to_owned(),
        (None, _) => format!("Closed channels left {} sat. Bring it here with: kilosat treasury collect", left.sat),
    }
}

fn line(tx: &TxView) -> String {
    let state = match (tx.is_gone, tx.confirmations) {
        (true, _) => "replaced or gone".to_owned(),
        (false, 0) => "waits for a block".to_owned(),
        (false, 1) => "1 confirmation".to_owned(),
        (false, count) => format!("{count} confirmations"),
    };
    let label = tx.label.as_ref().map_or_else(String::new, |label| format!("  {label}"));
    let fault = tx.fault.as_ref().map_or_else(String::new, |fault| format!("  ({fault})"));
    format!("{:>+16} sat  {}  {state}{label}{fault}", tx.net_sat, tx.txid)
}

fn read_sum(text: &str) -> Result<Sum, String> {
    match text {
        "all" => Ok(Sum::All),
        _ => text.parse().map(Sum::Sat).map_err(|_| format!("{text:?} is not a number of satoshis, and not \"all\"")),
    }
}

const NO_MARKS: &str = "No marks are set: write low_sat and high_sat in the section [refill] of kilosat.toml.";
/// The rest is in the JSON.
const LINES_MAX: usize = 50;

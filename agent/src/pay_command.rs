//! Paying by hand: what it costs is shown first, and nothing is paid without a yes. Part of the program, as `main.rs` is.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, ask_bill, pay_bill};
use kilosat::domain::money::{MSAT_PER_SAT, Msat};
use kilosat::status::Bill;

use crate::cli::ConfigFile;

#[derive(Args)]
pub struct PayCommand {
    /// A Lightning invoice, a Lightning address such as alice@example.com, or an LNURL.
    #[arg(value_name = "INVOICE|ADDRESS")]
    what: String,
    /// How much, in satoshis; an invoice says so itself.
    #[arg(long, value_name = "SAT", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    amount: Option<u64>,
    /// Pay without asking once more.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, thiserror::Error)]
pub enum PayCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("nobody is there to say yes. Nothing was paid; to pay from a script, add --yes")]
    NobodyToAsk,
    #[error("you did not say yes. Nothing was paid")]
    No,
    #[error("the terminal cannot be read ({0}). Nothing was paid")]
    Terminal(#[from] std::io::Error),
}

impl PayCommand {
    /// Shows what would be paid, asks, and pays; says what came of it.
    pub async fn perform(self) -> Result<String, PayCommandError> {
        let socket = self.config.socket()?;
        let bill = ask_bill(&socket, self.what, self.amount.map(|sat| Msat(sat * MSAT_PER_SAT))).await?;
        eprintln!("{}", told(&bill));
        if !self.yes {
            agreed("Pay this?")?;
        }
        Ok(pay_bill(&socket, bill).await?)
    }
}

fn told(bill: &Bill) -> String {
    let Bill { amount_msat, fee_max_msat, payee, payee_key, description, warning, .. } = bill;
    let payee = payee.as_ref().map_or_else(|| format!("the node {payee_key}"), Clone::clone);
    let what = if description.is_empty() { String::new() } else { format!(", for \"{description}\"") };
    let warning = warning.as_ref().map_or_else(String::new, |warning| format!(" {warning}"));
    format!("{} to {payee}{what}. The fee is at most {}.{warning}", Msat(*amount_msat), Msat(*fee_max_msat))
}

/// Asks on the terminal, and goes on after a yes only.
pub fn agreed(question: &str) -> Result<(), PayCommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(PayCommandError::NobodyToAsk);
    }
    eprint!("{question} Write yes: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("yes") { Ok(()) } else { Err(PayCommandError::No) }
}

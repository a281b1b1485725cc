//! From the savings into a channel of a node outside this process: what is due is asked of that node, never remembered.

use std::time::Duration;

use bitcoin::{Address, Network, OutPoint, ScriptBuf, TxOut};

use super::begin::{BEGUN, PENDING, RESTS};
use super::open::{DEARER, NO_RATE, OTHER_SAVINGS, PAUSE};
use super::{LATER, Mover, RefillView};
use crate::domain::refill::{Need, OPENING_VB, RefillRule, node_fee_max_sat};
use crate::engine::MoveStep;
use crate::lightning::outside::{OutsideNode, OutsideTx, Peer};
use crate::lightning::{ServiceFault, Trouble};
use crate::store::{MoveKind, MoveRow, MoveState, NewMove};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For, Treasury};

impl Mover {
    /// Whether a move to it should begin, and what it would cost at most.
    pub(super) async fn consider_outside(
        &mut self,
        rule: &RefillRule,
        node: &OutsideNode,
    ) -> Result<Duration, Unanswered> {
        let Ok(balance) = self.lightning.balance().await else { return Ok(self.calm()) };
        // A peer that is away for a moment takes nothing out of a channel.
        let spending_sat = balance.spendable_msat.max(balance.balance_msat / 100 * 99) / 1_000;
        let Need::Refill(sat) = rule.need(spending_sat) else {
            self.want(rule, spending_sat, "").await?;
            return Ok(self.calm());
        };
        let planned = match self.savings_to_spend() {
            _ if rule.channel_to.is_none() => Err(NO_PEER.to_owned()),
            Err(why) => Err(why.to_owned()),
            Ok(savings) => match node.try_out().await {
                Err(fault) => Err(fault.to_string()),
                Ok(channels) if channels.iter().any(|channel| channel.is_coming) => Err(PENDING.to_owned()),
                Ok(channels) => {
                    let kept_sat = node.kept_sat(channels.len().saturating_add(1));
                    self.plan_deposit(&savings, sat, kept_sat).await?
                }
            },
        };
        let begun = match planned {
            Ok(new) => self.begin(rule, new).await?,
            Err(why) => Err(why),
        };
        match begun {
            Ok(()) => {
                self.show(RefillView { spending_sat: Some(spending_sat), ..RefillView::default() });
                Ok(BEGUN)
            }
            // Somebody has to bring money, or it runs dry.
            Err(why) => {
                self.want(rule, spending_sat, &why).await?;
                Ok(if rule.channel_to.is_some() { self.beat() } else { self.calm() })
            }
        }
    }

    /// All of the deposit goes into the channel but for what the node keeps, so that and the fee are deposited on top.
    async fn plan_deposit(
        &self,
        savings: &Treasury,
        amount_sat: u64,
        kept_sat: u64,
    ) -> Result<Result<NewMove, String>, Unanswered> {
        let Some(sat_per_vb) = self.sat_per_vb() else { return Ok(Err(NO_RATE.to_owned())) };
        let node_fee_sat = node_fee_max_sat(OPENING_VB, sat_per_vb);
        let deposit_sat = amount_sat.saturating_add(node_fee_sat).saturating_add(kept_sat);
        Ok(self.own_fee_max_sat(savings, deposit_sat, sat_per_vb).await?.map(|own_fee_sat| NewMove {
            kind: MoveKind::Refill,
            wallet: savings.view().id,
            amount_sat,
            deposit_sat,
            aside_sat: kept_sat,
            cost_max_sat: own_fee_sat.saturating_add(node_fee_sat),
            address: None,
        }))
    }

    /// Takes the step that is due; how long until the next one.
    pub(super) async fn go_on_outside(&mut self, open: &MoveRow, node: &OutsideNode) -> Result<Duration, Unanswered> {
        let went = match self.lightning.balance().await {
            Err(fault) => Ok(Err(fault)),
            Ok(balance) => {
                self.show_while_open(open, balance.spendable_msat / 1_000).await?;
                match open.state {
                    MoveState::Agreed => self.pay_outside(open, node).await,
                    MoveState::Paying => self.await_coin(open, node).await,
                    MoveState::Opening => self.open_outside(open, node).await,
                    MoveState::Confirming => self.await_outside_channel(open, node).await,
                    MoveState::Returning => self.send_coin_back(open, node).await,
                    // Nothing is taken out of its channels.
                    MoveState::Sweeping
                    | MoveState::Arriving
                    | MoveState::Asked
                    | MoveState::Done
                    | MoveState::Undone => Ok(Ok(())),
                }
            }
        };
        let went = went?;
        let now = self.engine.look(|engine| engine.open_move()).await?;
        let waited = now.as_ref().and_then(|now| now.fault.as_ref()).is_some_and(|why| why.starts_with(WAITS));
        match went {
            Ok(()) if waited => self.note(open, MoveStep::Stuck(None)).await?,
            Ok(()) => {}
            // It was not asked for anything yet that has to end.
            Err(_) if open.state == MoveState::Asked => {}
            Err(fault) => self.stuck(open, &format!("{WAITS} {fault}")).await?,
        }
        Ok(if now.map(|now| now.state) == Some(open.state) { self.beat() } else { BEGUN })
    }

    async fn pay_outside(&mut self, open: &MoveRow, node: &OutsideNode) -> Went {
        match &open.address {
            Some(to) => self.pay_to(open, to.clone()).await?,
            // Nothing is paid to a node that could not be told what to do with it.
            None => match async {
                node.try_out().await.map(drop)?;
                node.deposit_address().await
            }
            .await
            {
                Ok(address) => self.note(open, MoveStep::PayTo(address)).await?,
                Err(fault) => return Ok(Err(fault)),
            },
        }
        Ok(Ok(()))
    }

    /// Any transaction of the move may be the one that a block has: the owner can have made it faster.
    async fn await_coin(&mut self, open: &MoveRow, node: &OutsideNode) -> Went {
        self.look(open);
        // Of one that goes back, the address is that of the savings.
        let to = open.address.as_deref().filter(|_| open.state != MoveState::Returning).and_then(script);
        let is_deposit = |output: &TxOut| match &to {
            Some(to) => output.script_pubkey == *to,
            None => output.value.to_sat() == open.deposit_sat,
        };
        let number = open.number;
        let txids = self.engine.look(move |engine| engine.move_txids(number)).await?;
        let age_ms = self.clock.now().wall.since(open.asked_at);
        let known = async {
            let tip = node.height().await?;
            let age_blocks = u32::try_from(age_ms / FAST_BLOCK_MS).unwrap_or(u32::MAX).saturating_add(APART_BLOCKS);
            Ok((tip, node.transactions_since(tip.saturating_sub(age_blocks)).await?))
        };
        let (tip, known) = match known.await {
            Ok(known) => known,
            Err(fault) => return Ok(Err(fault)),
        };
        for OutsideTx { tx, confirmations } in known.into_iter().filter(|known| known.confirmations > 0) {
            let (txid, mut outputs) = (tx.compute_txid(), (0..).zip(&tx.output));
            if txids.contains(&txid)
                && let Some((number, _)) = outputs.find(|(_, output)| is_deposit(output))
            {
                let height = tip.saturating_sub(confirmations).saturating_sub(APART_BLOCKS);
                let coin = Coin { outpoint: OutPoint::new(txid, number), height };
                if Coin::of(open).map(|known| known.outpoint) != Some(coin.outpoint) {
                    self.note(open, MoveStep::AtOutside { coin: coin.kept() }).await?;
                }
                break;
            }
        }
        Ok(Ok(()))
    }

    async fn open_outside(&mut self, open: &MoveRow, node: &OutsideNode) -> Went {
        let Some(coin) = Coin::of(open) else { return Ok(Ok(())) };
        match node.spender(coin.outpoint, coin.height).await {
            Err(fault) => return Ok(Err(fault)),
            Ok(Some(spender)) => return self.note_spent(open, &spender).await,
            Ok(None) => {}
        }
        if !self.may_try() {
            return Ok(Ok(()));
        }
        let rule = self.settings.config().refill.clone();
        let Some((key, address)) = rule.and_then(|rule| rule.channel_to) else {
            self.stuck(open, NO_PEER).await?;
            return Ok(Ok(()));
        };
        // It is told at which rate, so there is no margin for what it estimates itself.
        let is_dearer = |rate: u64| open.cost_sat.saturating_add(OPENING_VB.saturating_mul(rate)) > open.cost_max_sat;
        if self.sat_per_vb().is_some_and(is_dearer) {
            self.stuck(open, DEARER).await?;
            return Ok(Ok(()));
        }
        let sat_per_vb = match self.may_spend_coin(open, node, &coin).await? {
            Ok(Some(sat_per_vb)) => sat_per_vb,
            Ok(None) => return Ok(Ok(())),
            Err(fault) => return Ok(Err(fault)),
        };
        let peer = Peer { key, address };
        if let Err(fault) = node.open_channel(&peer, coin.outpoint, sat_per_vb).await {
            let why = match fault.trouble {
                Trouble::Declined | Trouble::Permission => "The channel was not opened; it is tried again.",
                _ => "It is not certain yet whether the channel is opened; the node is looked at again.",
            };
            self.stuck(open, &format!("{why} {fault}")).await?;
        }
        Ok(Ok(()))
    }

    /// The fee rate to spend the deposit at, unless something speaks against spending it now.
    async fn may_spend_coin(
        &mut self,
        open: &MoveRow,
        node: &OutsideNode,
        coin: &Coin,
    ) -> Result<Result<Option<u64>, ServiceFault>, Unanswered> {
        let why = match (self.may_go_on(open).await?, self.sat_per_vb()) {
            (Err(why), _) => why,
            (_, None) => NO_RATE.to_owned(),
            (_, Some(sat_per_vb)) => match node.coins().await {
                Ok(coins) if coins.contains(&coin.outpoint) => return Ok(Ok(Some(sat_per_vb))),
                // Unless a reorganisation put another transaction of the savings in its place.
                Ok(_) => {
                    self.stuck(open, IN_USE).await?;
                    return Ok(self.await_coin(open, node).await?.map(|()| None));
                }
                Err(fault) => return Ok(Err(fault)),
            },
        };
        self.stuck(open, &why).await?;
        Ok(Ok(None))
    }

    /// Where the peer put money of its own beside it, what it cost is not known, and is part of what the node keeps.
    async fn note_spent(&mut self, open: &MoveRow, spender: &OutsideTx) -> Went {
        let (txid, fee_sat) = (spender.tx.compute_txid(), spender.fee_sat(open.deposit_sat).unwrap_or(0));
        self.note(open, MoveStep::Funded { txid, fee_sat }).await?;
        Ok(Ok(()))
    }

    /// Whether it is a channel that spends the deposit, the node's channels say.
    async fn await_outside_channel(&mut self, open: &MoveRow, node: &OutsideNode) -> Went {
        let Some(coin) = Coin::of(open) else { return Ok(Ok(())) };
        let spender = match node.spender(coin.outpoint, coin.height).await {
            Ok(Some(spender)) => spender,
            Ok(None) => return self.await_spender_again(open, node, &coin).await,
            Err(fault) => return Ok(Err(fault)),
        };
        let funding = spender.tx.compute_txid();
        if open.channel.as_ref() != Some(&funding.to_string()) {
            return self.note_spent(open, &spender).await;
        }
        let channels = match node.channels().await {
            Ok(channels) => channels,
            Err(fault) => return Ok(Err(fault)),
        };
        match channels.iter().find(|channel| channel.funding == funding) {
            Some(channel) => {
                self.tries.missed = 0;
                if let Some(brought) = channel.brought {
                    self.note(open, MoveStep::Works { brought }).await?;
                }
            }
            None if spender.confirmations > LOST_BLOCKS => {
                self.tries.missed = self.tries.missed.saturating_add(1);
                if self.tries.missed > MISSED_MAX {
                    self.note(open, MoveStep::Astray(ELSEWHERE.to_owned())).await?;
                }
            }
            None => {}
        }
        Ok(Ok(()))
    }

    /// What was to make the channel is gone again; where the deposit is free, it is asked for once more.
    async fn await_spender_again(&mut self, open: &MoveRow, node: &OutsideNode, coin: &Coin) -> Went {
        match node.coins().await {
            Ok(coins) if coins.contains(&coin.outpoint) => self.note(open, MoveStep::NotFunded).await?,
            Ok(_) => {}
            Err(fault) => return Ok(Err(fault)),
        }
        Ok(Ok(()))
    }

    /// The deposit, less the fee, goes to an address of the savings.
    async fn send_coin_back(&mut self, open: &MoveRow, node: &OutsideNode) -> Went {
        let (Some(savings), Some(coin)) = (self.savings(open), Coin::of(open)) else {
            self.stuck(open, OTHER_SAVINGS).await?;
            return Ok(Ok(()));
        };
        let Some(address) = &open.address else {
            match savings.ask(|answer| Asked::Address(For::Another, answer)).await? {
                Ok(fresh) => self.note(open, MoveStep::SendingBack(fresh.address)).await?,
                Err(refused) => self.stuck(open, &refused.to_string()).await?,
            }
            return Ok(Ok(()));
        };
        match node.spender(coin.outpoint, coin.height).await {
            Err(fault) => return Ok(Err(fault)),
            Ok(Some(spender)) => return self.await_back(open, &savings, &spender).await,
            Ok(None) => {}
        }
        if !self.may_try() {
            return Ok(Ok(()));
        }
        let percent = self.settings.config().refill.as_ref().map_or(PERCENT_MAX, |rule| rule.fee_share_max_percent);
        let is_dearer =
            |rate: u64| BACK_VB.saturating_mul(rate).saturating_mul(100) > open.deposit_sat.saturating_mul(percent);
        if self.sat_per_vb().is_some_and(is_dearer) {
            self.stuck(open, DEAR_BACK).await?;
            return Ok(Ok(()));
        }
        let sat_per_vb = match self.may_spend_coin(open, node, &coin).await? {
            Ok(Some(sat_per_vb)) => sat_per_vb,
            Ok(None) => return Ok(Ok(())),
            Err(fault) => return Ok(Err(fault)),
        };
        match node.send_coin(coin.outpoint, address, sat_per_vb).await {
            Ok(()) => {}
            Err(fault) => self.stuck(open, &fault.to_string()).await?,
        }
        Ok(Ok(()))
    }

    async fn await_back(&mut self, open: &MoveRow, savings: &Treasury, spender: &OutsideTx) -> Went {
        let to = open.address.as_deref().and_then(script);
        // A channel that was asked for just before may have been quicker.
        if !spender.tx.output.iter().any(|output| Some(&output.script_pubkey) == to.as_ref()) {
            return self.note_spent(open, spender).await;
        }
        self.look(open);
        let txid = spender.tx.compute_txid();
        if open.channel.as_ref() != Some(&txid.to_string()) {
            self.note(open, MoveStep::ComingBack { txid }).await?;
        }
        let arrival = self.arrivals(open, savings).await?.into_iter().find(|arrival| arrival.txid == txid);
        let Some(arrival) = arrival.filter(|arrival| arrival.height.is_some()) else { return Ok(Ok(())) };
        if self.counts(open, &arrival).await? {
            let fee_sat = spender.fee_sat(open.deposit_sat).unwrap_or(0);
            self.note(open, MoveStep::CameBack { txid, amount_sat: arrival.sat, fee_sat }).await?;
        }
        Ok(Ok(()))
    }

    /// A server is asked seldom; on a test chain blocks come when somebody wants them.
    fn calm(&self) -> Duration {
        if self.is_test() { PAUSE } else { LATER }
    }

    fn beat(&self) -> Duration {
        if self.is_test() { PAUSE } else { RESTS }
    }

    fn is_test(&self) -> bool {
        self.settings.config().network == Network::Regtest
    }
}

/// A step was looked after, or the node did not answer.
type Went = Result<Result<(), ServiceFault>, Unanswered>;

/// The deposit at the node, and a height that whatever spends it is above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coin {
    outpoint: OutPoint,
    height: u32,
}

impl Coin {
    fn of(open: &MoveRow) -> Option<Coin> {
        let (outpoint, height) = open.before.as_deref()?.split_once(' ')?;
        Some(Coin { outpoint: outpoint.parse().ok()?, height: height.parse().ok()? })
    }

    fn kept(self) -> String {
        format!("{} {}", self.outpoint, self.height)
    }
}

fn script(address: &str) -> Option<ScriptBuf> {
    let address: Address<_> = address.parse().ok()?;
    Some(address.assume_checked().script_pubkey())
}

const DEAR_BACK: &str = "Network fees would take too much of it now; it goes back once they fall.";
const NO_PEER: &str = "Nobody is set to open a channel to; fill in whom, with your marks.";
const WAITS: &str = "The node cannot be asked now; the move waits until it can.";
const IN_USE: &str =
    "The deposit is at the node and is being used there just now; the move goes on once it is clear for what.";
const ELSEWHERE: &str = "What was deposited at the node was not made into a channel that works. It is not counted as \
    spending money; look at the node itself for what became of it.";
/// One coin to one address.
const BACK_VB: u64 = 150;
const PERCENT_MAX: u64 = 100;
/// Blocks do not come faster than that for long, in ms.
const FAST_BLOCK_MS: u64 = 300_000;
/// The node and the savings' source may not know the same blocks.
const APART_BLOCKS: u32 = 144;
/// No channel wants more than a few; and a node that has it shows it, asked so often in a row.
const LOST_BLOCKS: u32 = 144;
const MISSED_MAX: u32 = 20;

//! What the answers of a wallet mean, for whoever has only their bytes.
//!
//! The decisions are those of the services, in the same functions; here nothing is asked and nothing is waited for. An
//! answer that a service would ask for and that is not given counts as one that did not come. Fuzz targets use this.

use std::future::{Future, ready};

use bitcoin::Network;
use futures_util::FutureExt as _;

use super::answers::{Balance, Direction, Incoming, Info, Listed};
use super::cln::{self, attempts::Standing, verdict};
use super::lnd::{self, lists};
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use super::{lnbits, nwc, phoenixd};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::{HttpAnswer, LineBuffer};

/// What was asked about, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The payment or the invoice.
    pub hash: &'a PaymentHash,
    /// The wallet's own id, which LNbits writes into every row.
    pub wallet_id: &'a str,
    /// The network of this house.
    pub network: Network,
    /// The instant.
    pub now: UnixMillis,
}

/// What a pay call has led to. Its answer is the first one; the others answer the look-ups that a service makes before
/// it believes a refusal, or, over Nostr, are further answers to the same request.
///
/// A Nostr answer is the decrypted text; its status does not count.
pub fn pay(kind: ServiceKind, subject: &Subject<'_>, answers: &[HttpAnswer]) -> PayOutcome {
    let Some(answer) = answers.first() else { return PayOutcome::Unknown(silence(kind).to_string()) };
    let hash = subject.hash;
    match kind {
        ServiceKind::Node => PayOutcome::Unknown(silence(kind).to_string()),
        ServiceKind::Phoenixd => phoenixd::answers::pay_outcome(answer, Some(hash), Msat::ZERO),
        ServiceKind::Lnbits => {
            let look_up = ready(look_up(kind, subject, answers.get(1..).unwrap_or_default()));
            at_once(lnbits::answers::pay_outcome(answer, hash, subject.wallet_id, look_up))
        }
        ServiceKind::Lnd if answer.status == OK => {
            let updates = lines(&answer.body).take(lnd::answers::UPDATES_MAX);
            let mut endings = updates.filter_map(|line| lnd::answers::ending(Ok(line), hash));
            endings.next().unwrap_or_else(|| PayOutcome::Unknown(silence(kind).to_string()))
        }
        ServiceKind::Lnd => lnd_refusal(answer).pay_outcome(),
        ServiceKind::Cln => {
            let read = |place| ready(cln_read(answers.get(place), hash));
            at_once(verdict::pay_outcome(answer.clone(), hash, read(1), read(2)))
        }
        ServiceKind::Nwc => {
            let mut unclear = None;
            let mut endings = answers.iter().filter_map(|text| nwc::answers::ending(&opened(text), hash, &mut unclear));
            endings.next().unwrap_or_else(|| PayOutcome::Unknown(silence(kind).to_string()))
        }
    }
}

/// What a look-up of an outgoing payment found. Core Lightning is asked twice, and here its pay call is over.
pub fn look_up(kind: ServiceKind, subject: &Subject<'_>, answers: &[HttpAnswer]) -> Found {
    let hash = subject.hash;
    let Some(answer) = answers.first() else { return Found::Unavailable(silence(kind).to_string()) };
    match kind {
        ServiceKind::Node => Found::Unavailable(silence(kind).to_string()),
        ServiceKind::Phoenixd => phoenixd::answers::found(answer, hash),
        ServiceKind::Lnbits => lnbits::answers::looked_up(answer, hash, subject.wallet_id, subject.now),
        ServiceKind::Lnd if answer.status == OK => {
            lnd::answers::found(lines(&answer.body).next().ok_or_else(|| silence(kind)), hash)
        }
        ServiceKind::Lnd => lnd_refusal(answer).found(),
        ServiceKind::Cln => {
            let read = |place| ready(cln_read(answers.get(place), hash));
            at_once(verdict::found(Standing::Over, |_| true, read(0), read(1)))
        }
        ServiceKind::Nwc => nwc::answers::found(&opened(answer), hash, subject.now),
    }
}

/// What became of an invoice of ours.
///
/// # Errors
/// [`ServiceFault`].
pub fn look_up_incoming(
    kind: ServiceKind,
    subject: &Subject<'_>,
    answer: &HttpAnswer,
) -> Result<Incoming, ServiceFault> {
    let hash = subject.hash;
    match kind {
        ServiceKind::Node => Err(silence(kind)),
        ServiceKind::Phoenixd => phoenixd::answers::looked_up_incoming(answer, hash),
        ServiceKind::Lnbits if lnbits::answers::says_no_such_payment(answer) => Ok(Incoming::NotFound),
        ServiceKind::Lnbits => lnbits::answers::row(answer)?.checked(hash, Some(subject.wallet_id))?.incoming(),
        ServiceKind::Lnd => lnd::answers::looked_up_incoming(lnd_answer(answer)?, hash),
        ServiceKind::Cln => cln::answers::incoming(&cln_body(answer)?, hash).ok_or_else(|| silence(kind)),
        ServiceKind::Nwc => nwc::answers::looked_up_incoming(&opened(answer), hash, subject.now),
    }
}

/// What one page of the history holds of settled payments.
///
/// # Errors
/// [`ServiceFault`].
pub fn listed(kind: ServiceKind, direction: Direction, answer: &HttpAnswer) -> Result<Vec<Listed>, ServiceFault> {
    match kind {
        ServiceKind::Node => Err(silence(kind)),
        ServiceKind::Phoenixd => {
            let page = phoenixd::answers::page(direction, phoenixd::answers::accepted(answer)?);
            page.map(|page| page.settled).ok_or_else(|| silence(kind))
        }
        ServiceKind::Lnbits => {
            let rows = lnbits::answers::rows(answer)?;
            Ok(rows.iter().filter(|row| row.state == lnbits::answers::State::Success).map(|row| row.listed()).collect())
        }
        ServiceKind::Lnd => {
            let name = if direction == Direction::Out { "payments" } else { "invoices" };
            let read = |item| match direction {
                Direction::Out => lists::payment(item),
                Direction::In => lists::invoice(item),
            };
            let page = lnd_answer(answer)?.map_err(|refusal| refusal.fault())?;
            let items = page[name].as_array().ok_or_else(|| silence(kind))?;
            items.iter().filter_map(|item| read(item).transpose()).collect()
        }
        ServiceKind::Cln => {
            let name = if direction == Direction::Out { "pays" } else { "invoices" };
            let body = cln_body(answer)?;
            let rows = cln::answers::Row::whole(&body).and_then(|row| row.list(name)).ok_or_else(|| silence(kind))?;
            rows.iter().filter_map(|row| cln::answers::listed(row, direction).transpose()).collect()
        }
        ServiceKind::Nwc => {
            let page = nwc::answers::page(&opened(answer))?;
            page.into_iter().flatten().filter_map(|transaction| transaction.listed().transpose()).collect()
        }
    }
}

/// Who and where the wallet is.
///
/// # Errors
/// [`ServiceFault`].
pub fn info(kind: ServiceKind, subject: &Subject<'_>, answer: &HttpAnswer) -> Result<Info, ServiceFault> {
    match kind {
        ServiceKind::Node => Err(silence(kind)),
        ServiceKind::Phoenixd => {
            let node = phoenixd::answers::node(phoenixd::answers::accepted(answer)?);
            node.map(|node| node.info).ok_or_else(|| silence(kind))
        }
        ServiceKind::Lnbits => lnbits::answers::wallet(answer).map(lnbits::answers::Wallet::info),
        ServiceKind::Lnd => {
            lnd::answers::info(&lnd_answer(answer)?.map_err(|refusal| refusal.fault())?, subject.network)
        }
        ServiceKind::Cln => cln::answers::info(&cln_body(answer)?, subject.network),
        ServiceKind::Nwc => nwc::answers::info(&opened(answer), subject.wallet_id, subject.network),
    }
}

/// What can be spent and received; LND tells of its channels in a second answer, the one of [`info`].
///
/// # Errors
/// [`ServiceFault`].
pub fn balance(kind: ServiceKind, subject: &Subject<'_>, answers: &[HttpAnswer]) -> Result<Balance, ServiceFault> {
    let answer = answers.first().ok_or_else(|| silence(kind))?;
    match kind {
        ServiceKind::Node => Err(silence(kind)),
        ServiceKind::Phoenixd => {
            let balance = phoenixd::answers::balance(phoenixd::answers::accepted(answer)?);
            let balance_msat = balance.ok_or_else(|| silence(kind))?.0;
            Ok(Balance { balance_msat, spendable_msat: balance_msat, ..Balance::default() })
        }
        ServiceKind::Lnbits => lnbits::answers::wallet(answer).map(lnbits::answers::Wallet::balance),
        ServiceKind::Lnd => {
            let told = answers.get(1).ok_or_else(|| silence(kind))?;
            let [channels, node] = [answer, told].map(|answer| lnd_answer(answer)?.map_err(|refusal| refusal.fault()));
            let (channels, node) = (channels?, node?);
            let info = lnd::answers::info(&node, subject.network)?;
            lnd::answers::balance(&channels, &node, info)
        }
        ServiceKind::Cln => {
            let (mut balance, body) = (Balance::default(), cln_body(answer)?);
            let read = cln::answers::peer_channels(&body, &mut balance);
            let read = read.or_else(|| cln::answers::funds(&body, &mut balance));
            read.map(|()| balance).ok_or_else(|| silence(kind))
        }
        ServiceKind::Nwc => nwc::answers::balance(&opened(answer), subject.wallet_id),
    }
}

/// The invoice that was made, which is checked next as any other is.
///
/// # Errors
/// [`ServiceFault`].
pub fn created(kind: ServiceKind, answer: &HttpAnswer) -> Result<String, ServiceFault> {
    let made = match kind {
        ServiceKind::Node => None,
        ServiceKind::Phoenixd => {
            phoenixd::answers::created(phoenixd::answers::accepted(answer)?).map(|(bolt11, _)| bolt11)
        }
        ServiceKind::Lnbits => Some(lnbits::answers::bolt11(answer)?),
        ServiceKind::Lnd => {
            let made = lnd_answer(answer)?.map_err(|refusal| refusal.fault())?;
            lnd::answers::text(&made, "payment_request").map(str::to_owned)
        }
        ServiceKind::Cln => {
            cln::answers::Row::whole(&cln_body(answer)?).and_then(|row| row.text("bolt11").map(str::to_owned))
        }
        ServiceKind::Nwc => Some(nwc::answers::made(&opened(answer))?),
    };
    made.ok_or_else(|| silence(kind))
}

/// The lines of a whole stream.
fn lines(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut buffer = LineBuffer::default();
    buffer.push(body);
    std::iter::from_fn(move || buffer.line().or_else(|| buffer.last()))
}

fn lnd_refusal(answer: &HttpAnswer) -> lnd::answers::Refusal {
    let read: Vec<Vec<u8>> = lines(&answer.body).take(lnd::answers::REFUSAL_LINES_MAX).collect();
    lnd::answers::Refusal::of_lines(answer.status, &read)
}

fn lnd_answer(answer: &HttpAnswer) -> Result<Result<serde_json::Value, lnd::answers::Refusal>, ServiceFault> {
    lnd::answers::answered(answer)
}

fn cln_body(answer: &HttpAnswer) -> Result<Vec<u8>, ServiceFault> {
    cln::calls::body(answer.clone(), "").map_err(|fault| fault.fault())
}

fn cln_read(answer: Option<&HttpAnswer>, hash: &PaymentHash) -> verdict::Read {
    let answer = answer.ok_or_else(|| silence(ServiceKind::Cln).to_string())?;
    verdict::listed(cln::calls::body(answer.clone(), ""), hash)
}

fn opened(answer: &HttpAnswer) -> nwc::answers::Answer {
    nwc::answers::Answer::new(String::from_utf8_lossy(&answer.body).into_owned())
}

/// Nothing that can be relied on came.
fn silence(kind: ServiceKind) -> ServiceFault {
    ServiceFault::with(kind, Trouble::Unclear, "nothing that can be read")
}

/// The result of what waits for nothing, because all it asks for is there.
fn at_once<T>(decision: impl Future<Output = T>) -> T {
    decision.now_or_never().expect("every answer is ready")
}

const OK: u16 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(kind: ServiceKind, body: &str, is_permission: bool) {
        let answer = HttpAnswer {
            status: 403,
            www_authenticate: Vec::new(),
            retry_after_s: None,
            payment_required: None,
            body: body.as_bytes().to_vec(),
        };
        let hash = PaymentHash([7; 32]);
        let subject = Subject { hash: &hash, wallet_id: "", network: Network::Bitcoin, now: UnixMillis(0) };
        let trouble = info(kind, &subject, &answer).err().map(|fault| fault.trouble);
        assert_eq!(trouble == Some(Trouble::Permission), is_permission, "{kind:?} {body}: {trouble:?}");
    }

    /// Whoever takes it for one waits for an owner who has nothing to mend.
    #[test]
    fn a_403_of_a_proxy_is_no_word_about_the_credential() {
        for kind in [ServiceKind::Phoenixd, ServiceKind::Lnbits, ServiceKind::Lnd, ServiceKind::Cln] {
            case(kind, "", false);
            case(kind, "<html>Forbidden</html>", false);
            case(kind, r#"{"code":403,"message":"Forbidden"}"#, false);
            case(kind, r#"{"detail":"Forbidden"}"#, false);
        }
        case(ServiceKind::Lnd, r#"{"code":7,"message":"no"}"#, true);
        case(ServiceKind::Lnd, r#"{"code":2,"message":"permission denied"}"#, true);
        case(ServiceKind::Lnbits, r#"{"detail":"Invalid adminkey."}"#, true);
        case(ServiceKind::Lnbits, r#"{"detail":"Invoice (or Admin) key required."}"#, true);
        case(ServiceKind::Cln, r#"{"code":1502,"message":"Not permitted: method"}"#, true);
    }
}

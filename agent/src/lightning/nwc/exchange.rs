//! Requests and answers by way of a relay: what was certainly not sent, what may have been, and what is believed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nostr::nips::nip44;
use nostr::{Event, EventBuilder, Kind, Tag, Timestamp};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::announced::{Announced, names};
use super::answers::{self, Answer, NIP44};
use super::relay::{Heard, Link};
use super::{Nwc, fault, unclear};
use crate::domain::invoice::PaymentHash;
use crate::engine::PayOutcome;
use crate::lightning::trouble::{ServiceFault, Trouble};

/// A request that the relay was given, and the connection on which its answer will come.
pub(super) struct Asked {
    link: Link,
    id: String,
}

/// Why there is no answer.
pub(super) enum Fault {
    /// The request was never written.
    NotSent(ServiceFault),
    /// It may have been.
    Sent(ServiceFault),
}

impl Nwc {
    /// What becomes of a pay request. An unclear answer does not end the wait: some services send several before the
    /// true one, and after one of them no refusal is believed any more.
    pub(super) async fn outcome(
        &self,
        asked: &mut Asked,
        hash: &PaymentHash,
        unclear_before: &mut Option<ServiceFault>,
    ) -> PayOutcome {
        loop {
            let answer = match self.answer(asked).await {
                Ok(answer) => answer,
                Err(fault) => return PayOutcome::Unknown(unclear_before.take().unwrap_or(fault).to_string()),
            };
            if let Some(outcome) = answers::ending(&answer, hash, unclear_before) {
                return outcome;
            }
        }
    }

    pub(super) async fn call(&self, method: &'static str, params: Value) -> Result<Answer, ServiceFault> {
        let wait = self.remote.waits.call;
        let mut asked = self.ask(method, &params, wait).await.map_err(|fault| match fault {
            Fault::NotSent(fault) | Fault::Sent(fault) => fault,
        })?;
        timeout(wait, self.answer(&mut asked)).await.unwrap_or_else(|_| Err(self.no_answer()))
    }

    /// Gives the request to the first relay that works. Nothing is written to a relay before it showed that the service
    /// offers the method; and nothing is given to a second one.
    pub(super) async fn ask(&self, method: &'static str, params: &Value, wait: Duration) -> Result<Asked, Fault> {
        let mut kept: Option<ServiceFault> = None;
        for relay in self.relays() {
            let request = self.request(method, params, wait).map_err(Fault::NotSent)?;
            let id = request.id.to_hex();
            let ready = self.ready(relay, Some(&id)).await.and_then(|(link, announced)| {
                offers(&announced, method)?;
                Ok(link)
            });
            match ready {
                Ok(mut link) => {
                    return match timeout(wait, link.publish(&request)).await {
                        Ok(Ok(())) => Ok(Asked { link, id }),
                        Ok(Err(fault)) => Err(Fault::Sent(fault)),
                        Err(_) => Err(Fault::Sent(link.fault(Trouble::TooSlow, "takes no data"))),
                    };
                }
                Err(fault) if kept.as_ref().is_none_or(|kept| kept.trouble == Trouble::Unreachable) => {
                    kept = Some(fault)
                }
                Err(_) => {}
            }
        }
        Err(Fault::NotSent(kept.unwrap_or_else(|| fault(Trouble::Unreachable, ""))))
    }

    /// Connects, subscribes to the answers to the request `id`, and reads what the service announced.
    async fn ready(&self, relay: &Url, id: Option<&str>) -> Result<(Link, Announced), ServiceFault> {
        let service = self.pairing.service.to_hex();
        let mut filters = vec![json!({ "kinds": [KIND_INFO], "authors": [service] })];
        let us = self.pairing.keys.public_key().to_hex();
        filters.extend(id.map(|id| json!({ "kinds": [KIND_ANSWER], "authors": [service], "#p": [us], "#e": [id] })));
        let connect = self.remote.waits.connect;
        let mut link = Link::open(relay, &filters, connect).await?;
        let mut newest: Option<Box<Event>> = None;
        let reading = async {
            loop {
                match link.next().await? {
                    Heard::CaughtUp => return Ok(()),
                    Heard::Closed(why) => return Err(link.fault(Trouble::Unreachable, &why)),
                    Heard::Event(event)
                        if self.is_from_service(&event, KIND_INFO)
                            && newest.as_ref().is_none_or(|newest| newest.created_at < event.created_at) =>
                    {
                        newest = Some(event);
                    }
                    Heard::Event(_) | Heard::Refused(..) => {}
                }
            }
        };
        match timeout(connect, reading).await {
            Ok(read) => read?,
            Err(_) => return Err(link.fault(Trouble::Unreachable, "did not answer in time")),
        }
        let Some(event) = newest else {
            return Err(link.fault(Trouble::NotReady, "the wallet has not announced itself there"));
        };
        Ok((link, Announced::read(&event)))
    }

    /// The next answer to the request that is really from the service.
    async fn answer(&self, asked: &mut Asked) -> Result<Answer, ServiceFault> {
        loop {
            match asked.link.next().await? {
                Heard::Event(event) => {
                    if let Some(answer) = self.opened(&event, &asked.id) {
                        return Ok(answer);
                    }
                }
                Heard::Closed(why) => return Err(asked.link.fault(Trouble::Unclear, &why)),
                Heard::Refused(id, why) if id == asked.id => return Err(asked.link.fault(Trouble::Unclear, &why)),
                Heard::Refused(..) | Heard::CaughtUp => {}
            }
        }
    }

    /// Decrypts an answer to the request `id`; `None` if it is not one, or not from the service.
    pub(super) fn opened(&self, event: &Event, id: &str) -> Option<Answer> {
        let answers_it = event
            .tags
            .iter()
            .map(|tag| tag.as_slice())
            .any(|tag| names(tag, "e") && tag.get(1).is_some_and(|named| named == id));
        if !answers_it || !self.is_from_service(event, KIND_ANSWER) {
            return None;
        }
        let keys = &self.pairing.keys;
        nip44::decrypt(keys.secret_key(), &self.pairing.service, &event.content).ok().map(Answer::new)
    }

    fn is_from_service(&self, event: &Event, kind: u16) -> bool {
        event.pubkey == self.pairing.service && event.kind.as_u16() == kind && event.verify().is_ok()
    }

    /// Signs a request that a service which obeys expirations drops soon after we stopped waiting.
    pub(super) fn request(&self, method: &str, params: &Value, wait: Duration) -> Result<Event, ServiceFault> {
        let keys = &self.pairing.keys;
        let content = json!({ "method": method, "params": params }).to_string();
        let content = nip44::encrypt(keys.secret_key(), &self.pairing.service, content, nip44::Version::V2)
            .map_err(|_| unclear("the request could not be encrypted"))?;
        let now_s = self.remote.clock.now().wall.0 / 1_000;
        let expiration = now_s.saturating_add(wait.as_secs()).saturating_add(CLOCKS_DIFFER_S).to_string();
        let tags = [
            Tag::parse(["p", &self.pairing.service.to_hex()]).map_err(|_| unclear("no tag"))?,
            Tag::parse(["encryption", "nip44_v2"]).map_err(|_| unclear("no tag"))?,
            Tag::parse(["expiration", &expiration]).map_err(|_| unclear("no tag"))?,
        ];
        EventBuilder::new(Kind::from(KIND_REQUEST), content)
            .tags(tags)
            .custom_created_at(Timestamp::from(now_s))
            .sign_with_keys(keys)
            .map_err(|_| unclear("the request could not be signed"))
    }

    /// What the service announced at the first relay that works.
    pub(super) async fn announced(&self) -> Result<Announced, ServiceFault> {
        let mut kept = None;
        for relay in self.relays() {
            match self.ready(relay, None).await {
                Ok((_, announced)) if announced.nip44 => return Ok(announced),
                Ok(_) => return Err(fault(Trouble::Unsupported(NIP44), "")),
                Err(fault) => kept = Some(fault),
            }
        }
        Err(kept.unwrap_or_else(|| fault(Trouble::Unreachable, "")))
    }

    /// The methods this connection may use; empty if the service does not say.
    pub(super) async fn granted(&self) -> Result<Vec<String>, ServiceFault> {
        let answer = self.call("get_info", json!({})).await?;
        let document = answer.result("get_info").map_err(|refusal| refusal.sorted().0)?;
        let methods = document.value.pointer("/result/methods").and_then(Value::as_array);
        let methods = methods.into_iter().flatten().filter_map(Value::as_str).take(METHODS_MAX);
        Ok(methods.map(str::to_owned).collect())
    }

    /// Whether the service told of something; `false` if it cannot tell now.
    pub(super) async fn hinted(&self) -> bool {
        let mut kept = self.hints.lock().await;
        if kept.is_none() {
            *kept = self.listen().await;
            return kept.is_some();
        }
        while let Some(link) = kept.as_mut() {
            match link.next().await {
                Ok(Heard::Event(event)) if self.is_from_service(&event, KIND_NOTIFICATION) => return true,
                Ok(Heard::Closed(_)) | Err(_) => *kept = None,
                Ok(_) => {}
            }
        }
        false
    }

    async fn listen(&self) -> Option<Link> {
        let us = self.pairing.keys.public_key().to_hex();
        let service = self.pairing.service.to_hex();
        let filter = json!({ "kinds": [KIND_NOTIFICATION], "authors": [service], "#p": [us] });
        let connect = self.remote.waits.connect;
        for relay in self.relays() {
            let Ok(mut link) = Link::open(relay, std::slice::from_ref(&filter), connect).await else { continue };
            let stored = async {
                while !matches!(link.next().await.ok()?, Heard::CaughtUp) {}
                Some(())
            };
            if let Ok(Some(())) = timeout(connect, stored).await {
                return Some(link);
            }
        }
        None
    }

    /// Nobody answered by this relay: the next request tries another one first.
    pub(super) fn no_answer(&self) -> ServiceFault {
        self.first.fetch_add(1, Ordering::Relaxed);
        fault(Trouble::TooSlow, "")
    }

    fn relays(&self) -> impl Iterator<Item = &Url> {
        let relays = &self.pairing.relays;
        let first = self.first.load(Ordering::Relaxed) % relays.len().max(1);
        relays.iter().cycle().skip(first).take(relays.len())
    }
}

/// Whether the method may be used: without look-ups nobody could tell what became of a payment.
fn offers(announced: &Announced, method: &'static str) -> Result<(), ServiceFault> {
    let also = if method == "pay_invoice" { "lookup_invoice" } else { method };
    if !announced.nip44 {
        return Err(fault(Trouble::Unsupported(NIP44), ""));
    }
    match [method, also].into_iter().find(|needed| !announced.offers(needed)) {
        Some(missing) => Err(fault(Trouble::Unsupported(missing), "")),
        None => Ok(()),
    }
}

const KIND_INFO: u16 = 13_194;
const KIND_REQUEST: u16 = 23_194;
pub(super) const KIND_ANSWER: u16 = 23_195;
const KIND_NOTIFICATION: u16 = 23_197;
/// Clocks of wallets differ from ours by less.
const CLOCKS_DIFFER_S: u64 = 60;
const METHODS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::Clock;
    use crate::keys::Secret;
    use crate::lightning::{Remote, Waits};
    use nostr::Keys;

    const ID: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

    fn client(service: &Keys, us: &Keys) -> Nwc {
        let (service, secret) = (service.public_key().to_hex(), us.secret_key().to_secret_hex());
        let text = format!("nostr+walletconnect://{service}?relay=wss://relay.example&secret={secret}");
        Nwc::new(Remote {
            url: Url::parse("nwc://unused").unwrap(),
            secret: Secret::new(&text),
            pins: Vec::new(),
            network: bitcoin::Network::Bitcoin,
            clock: Clock::real(),
            waits: Waits::default(),
        })
        .unwrap()
    }

    /// An answer as a lying relay might bring it.
    fn event(author: &Keys, us: &Keys, kind: u16, id: &str) -> Event {
        let content = nip44::encrypt(author.secret_key(), &us.public_key(), "{}", nip44::Version::V2).unwrap();
        let tag = Tag::parse(["e", id]).unwrap();
        EventBuilder::new(Kind::from(kind), content).tag(tag).sign_with_keys(author).unwrap()
    }

    #[test]
    fn only_what_the_service_signed_for_this_request_is_an_answer() {
        let (service, us, stranger) = (Keys::generate(), Keys::generate(), Keys::generate());
        let client = client(&service, &us);
        let good = event(&service, &us, KIND_ANSWER, ID);
        assert!(client.opened(&good, ID).is_some());

        let mut forged = event(&stranger, &us, KIND_ANSWER, ID);
        forged.pubkey = service.public_key();
        let mut changed = good.clone();
        changed.content = event(&service, &us, KIND_ANSWER, ID).content;
        let mut resigned = good.clone();
        resigned.sig = event(&service, &us, KIND_ANSWER, OTHER).sig;
        let mut garbled = EventBuilder::new(Kind::from(KIND_ANSWER), "AgAAgarbage");
        garbled = garbled.tag(Tag::parse(["e", ID]).unwrap());
        for (what, event) in [
            ("another author", event(&stranger, &us, KIND_ANSWER, ID)),
            ("ourselves", event(&us, &service, KIND_ANSWER, ID)),
            ("the service's name on another's signature", forged),
            ("a changed content", changed),
            ("the signature of another event", resigned),
            ("another request", event(&service, &us, KIND_ANSWER, OTHER)),
            ("another kind", event(&service, &us, KIND_NOTIFICATION, ID)),
            ("encrypted for somebody else", event(&service, &stranger, KIND_ANSWER, ID)),
            ("no ciphertext", garbled.sign_with_keys(&service).unwrap()),
        ] {
            assert!(client.opened(&event, ID).is_none(), "{what}");
        }
    }

    #[test]
    fn a_request_is_signed_encrypted_and_expires() {
        let (service, us) = (Keys::generate(), Keys::generate());
        let request = client(&service, &us).request("get_info", &json!({}), Duration::from_secs(10)).unwrap();
        request.verify().unwrap();
        let content = nip44::decrypt(service.secret_key(), &us.public_key(), &request.content).unwrap();
        assert_eq!(content, r#"{"method":"get_info","params":{}}"#);
        let tag =
            |name| request.tags.iter().map(|tag| tag.as_slice()).find(|tag| names(tag, name)).map(|tag| tag[1].clone());
        assert_eq!(tag("p"), Some(service.public_key().to_hex()));
        assert_eq!(tag("encryption").as_deref(), Some("nip44_v2"));
        let lives_s = tag("expiration").unwrap().parse::<u64>().unwrap() - request.created_at.as_secs();
        assert_eq!(lives_s, 10 + CLOCKS_DIFFER_S);
    }
}

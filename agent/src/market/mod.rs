//! What strangers say a bitcoin costs: four public sources, each asked in its own words.
//!
//! Source: `payment-protocols`, section 9.2. They learn that a Kilosat at this address asks for the price of a bitcoin in
//! this currency; nobody is asked where the owner names none.

use serde_json::Value;
use url::Url;

use crate::domain::money::UnixMillis;
use crate::domain::rate::{Currency, Quote, hundredths};
use crate::http::{HttpFault, Limits, Reach, StrictClient};

/// The sources, ready to be asked. Clones share their clients.
#[derive(Clone, Debug)]
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    kind: Kind,
    url: Url,
    client: StrictClient,
}

/// How a source speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mempool,
    Coinbase,
    Kraken,
    Bitstamp,
}

/// Why a source gave no quote. It costs nothing but this quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteFault {
    /// It could not be asked.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// Its answer is not what such a source says.
    #[error("{0} answered with something that is no price of a bitcoin")]
    Unreadable(&'static str),
}

impl Sources {
    /// Those that know this currency.
    ///
    /// # Errors
    /// [`HttpFault::NotPrepared`] when TLS cannot be set up.
    pub fn of(currency: Currency) -> Result<Sources, HttpFault> {
        Sources::at(currency, Kind::host, &Reach::Public)
    }

    /// Those that know this currency, each at an origin of its own.
    fn at(currency: Currency, origin: impl Fn(Kind) -> &'static str, reach: &Reach) -> Result<Sources, HttpFault> {
        let known = Kind::ALL.into_iter().filter(|kind| kind.knows(currency));
        let source = |kind: Kind| {
            let text = format!("{}{}", origin(kind), kind.path(currency));
            let refused = |_| HttpFault::RefusedUrl { host: kind.name().to_owned(), reason: "it is not a URL" };
            let url = Url::parse(&text).map_err(refused)?;
            Ok(Source { kind, url, client: StrictClient::new(reach.clone(), Limits::default())? })
        };
        Ok(Sources { sources: known.map(source).collect::<Result<_, HttpFault>>()? })
    }

    /// Asks all of them, one after the other; who does not answer is left out. `now` is asked for with each answer.
    pub async fn ask(&self, currency: Currency, now: impl Fn() -> UnixMillis) -> Vec<Quote> {
        let mut quotes = Vec::new();
        for source in &self.sources {
            match source.ask(currency, &now).await {
                Ok(quote) => quotes.push(quote),
                Err(fault) => tracing::debug!(source = source.kind.name(), %fault, "no price of a bitcoin"),
            }
        }
        quotes
    }
}

impl Source {
    async fn ask(&self, currency: Currency, now: impl Fn() -> UnixMillis) -> Result<Quote, QuoteFault> {
        let answer = self.client.get(&self.url, &[]).await?;
        let unreadable = QuoteFault::Unreadable(self.kind.name());
        if answer.status != 200 {
            return Err(unreadable);
        }
        let (cents, at) = self.kind.read(currency, &answer.body).ok_or(unreadable)?;
        Ok(Quote { source: self.kind.name(), cents, at: at.unwrap_or_else(now) })
    }
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Mempool, Kind::Coinbase, Kind::Kraken, Kind::Bitstamp];

    fn name(self) -> &'static str {
        match self {
            Kind::Mempool => "mempool.space",
            Kind::Coinbase => "coinbase",
            Kind::Kraken => "kraken",
            Kind::Bitstamp => "bitstamp",
        }
    }

    fn host(self) -> &'static str {
        match self {
            Kind::Mempool => "https://mempool.space",
            Kind::Coinbase => "https://api.coinbase.com",
            Kind::Kraken => "https://api.kraken.com",
            Kind::Bitstamp => "https://www.bitstamp.net",
        }
    }

    fn knows(self, currency: Currency) -> bool {
        self != Kind::Bitstamp || matches!(currency, Currency::Eur | Currency::Gbp | Currency::Usd)
    }

    fn path(self, currency: Currency) -> String {
        let code = currency.code();
        match self {
            Kind::Mempool => "/api/v1/prices".to_owned(),
            Kind::Coinbase => format!("/v2/prices/BTC-{code}/spot"),
            Kind::Kraken => format!("/0/public/Ticker?pair=XBT{code}"),
            Kind::Bitstamp => format!("/api/v2/ticker/btc{}/", code.to_lowercase()),
        }
    }

    /// Hundredths of the currency for one bitcoin, and when that was so if the source says it.
    fn read(self, currency: Currency, body: &[u8]) -> Option<(u64, Option<UnixMillis>)> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let seconds = |value: u64| value.checked_mul(1_000).map(UnixMillis);
        match self {
            Kind::Mempool => {
                let cents = answer.get(currency.code())?.as_u64()?.checked_mul(100)?;
                Some((cents, Some(seconds(answer.get("time")?.as_u64()?)?)))
            }
            Kind::Coinbase => {
                let data = answer.get("data")?;
                let is_asked = data.get("currency").is_none_or(|told| told == currency.code());
                let cents = hundredths(data.get("amount")?.as_str()?)?;
                is_asked.then_some((cents, None))
            }
            Kind::Kraken => {
                let worked = answer.get("error")?.as_array()?.is_empty();
                // The name of the pair in the answer is another one than in the question.
                let ticker = answer.get("result")?.as_object()?.values().next()?;
                let cents = hundredths(ticker.get("c")?.get(0)?.as_str()?)?;
                worked.then_some((cents, None))
            }
            Kind::Bitstamp => {
                let cents = hundredths(answer.get("last")?.as_str()?)?;
                let at = answer.get("timestamp")?.as_str()?.parse().ok()?;
                Some((cents, Some(seconds(at)?)))
            }
        }
    }
}

#[cfg(test)]
mod tests;

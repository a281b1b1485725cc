//! Name lookup for strangers' URLs: only checked addresses are ever connected to.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Name, Resolve, Resolving};

use super::address::{OwnNetworks, is_public};

/// Resolves names for [`Reach::Public`]: one private address among many spoils them all.
pub(super) struct PublicNames;

/// Why a name leads nowhere; travels through `reqwest` as the cause of its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameFault {
    #[error("the name has no address")]
    Unknown,
    #[error("the name leads to a private address")]
    Private,
}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NameFault::Unknown)?;
            let allowed = allowed_addresses(found, &OwnNetworks::read())?;
            let addresses: reqwest::dns::Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

pub(super) fn allowed_addresses(
    found: impl Iterator<Item = SocketAddr>,
    own: &OwnNetworks,
) -> Result<Vec<SocketAddr>, NameFault> {
    let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return Err(NameFault::Unknown);
    }
    if addresses.iter().all(|address| is_allowed(address.ip(), own)) { Ok(addresses) } else { Err(NameFault::Private) }
}

/// Whether a payee may send us to this address.
pub(super) fn is_allowed(address: IpAddr, own: &OwnNetworks) -> bool {
    is_public(address) && !own.contain(address)
}

/// More addresses than a name with any purpose has; the rest are never used, so never checked.
pub(super) const ADDRESSES_MAX: usize = 16;

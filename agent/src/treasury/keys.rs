//! Whose coins these are: descriptors of addresses, and the key that signs, where this device has one.

use bdk_wallet::KeychainKind;
use bdk_wallet::descriptor::{DescriptorError, ExtendedDescriptor, IntoWalletDescriptor as _};
use bdk_wallet::template::{Bip84, Bip86, DescriptorTemplate as _};
use bitcoin::bip32::Xpriv;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, NetworkKind};

use super::{ToRemote, TreasuryFault};
use crate::config::TreasuryKind;
use crate::keys::{KeyError, Seed};

/// The keys of one on-chain wallet.
#[derive(Clone)]
pub struct Keys {
    pub(super) external: ExtendedDescriptor,
    pub(super) internal: ExtendedDescriptor,
    /// `None` where the owner signs elsewhere.
    pub(super) signer: Option<Xpriv>,
    /// Of the built-in node, where there is one.
    pub(super) to_remote: Option<ToRemote>,
}

impl Keys {
    /// The keys that `kind` names, on `network`. Only where they are the device's own, `seed` is asked for.
    ///
    /// # Errors
    /// [`TreasuryFault`].
    pub fn of(
        kind: &TreasuryKind,
        network: Network,
        seed: impl FnOnce() -> Result<Seed, KeyError>,
    ) -> Result<Keys, TreasuryFault> {
        let own = |seed: Seed| (seed.master(network), NetworkKind::from(network));
        let (master, (external, internal)) = match kind {
            TreasuryKind::WatchOnly(descriptor) => {
                let (external, internal) = two_paths(descriptor, network).map_err(TreasuryFault::Descriptor)?;
                return Ok(Keys { external, internal, signer: None, to_remote: None });
            }
            TreasuryKind::Segwit => {
                let (master, network) = own(seed()?);
                let path = |keychain| Bip84(master, keychain).build(network);
                (master, (path(KeychainKind::External), path(KeychainKind::Internal)))
            }
            TreasuryKind::Taproot => {
                let (master, network) = own(seed()?);
                let path = |keychain| Bip86(master, keychain).build(network);
                (master, (path(KeychainKind::External), path(KeychainKind::Internal)))
            }
        };
        let public = |built: Result<(ExtendedDescriptor, _, _), DescriptorError>| {
            built.map(|(descriptor, ..)| descriptor).map_err(|error| TreasuryFault::Descriptor(error.to_string()))
        };
        Ok(Keys { external: public(external)?, internal: public(internal)?, signer: Some(master), to_remote: None })
    }

    /// With those that channels of the built-in node pay to when a peer closes them alone.
    #[must_use]
    pub fn with_node(self, to_remote: Option<ToRemote>) -> Keys {
        Keys { to_remote, ..self }
    }

    /// The descriptors of the addresses that are shown and of those for change; without anything secret.
    pub fn public(&self) -> [ExtendedDescriptor; 2] {
        [self.external.clone(), self.internal.clone()]
    }

    /// Names this wallet in the ledger: the checksum of its descriptor (BIP 380).
    pub fn id(&self) -> String {
        let text = self.external.to_string();
        text.rsplit_once('#').map_or_else(|| text.clone(), |(_, checksum)| checksum.to_owned())
    }
}

/// Whether `text` can be watched: both paths in one descriptor (BIP 389), public keys only, for this network.
///
/// # Errors
/// What is wrong and what would be right.
pub fn check_descriptor(text: &str, network: Network) -> Result<String, String> {
    two_paths(text.trim(), network).map(|_| text.trim().to_owned())
}

fn two_paths(text: &str, network: Network) -> Result<(ExtendedDescriptor, ExtendedDescriptor), String> {
    let secp = Secp256k1::new();
    if text.contains("prv") {
        return Err("holds a private key, which does not belong into a file that others may read; write the public \
                    descriptor, with xpub or tpub"
            .to_owned());
    }
    let hint =
        "write the wallet's public descriptor with both paths, such as wpkh([d34db33f/84h/0h/0h]xpub.../<0;1>/*)";
    let (descriptor, _) = text
        .into_wallet_descriptor(&secp, NetworkKind::from(network))
        .map_err(|error| format!("cannot be read as a descriptor for {network} ({error}); {hint}"))?;
    let single = descriptor.into_single_descriptors().map_err(|error| format!("cannot be read ({error}); {hint}"))?;
    let mut single = single.into_iter();
    match (single.next(), single.next(), single.next()) {
        (Some(external), Some(internal), None) if external.has_wildcard() && internal.has_wildcard() => {
            Ok((external, internal))
        }
        _ => Err(format!("does not name one path for receiving and one for change; {hint}")),
    }
}

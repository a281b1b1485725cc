//! Where a question begins.

use bdk_wallet::chain::{BlockId, CheckPoint};
use bdk_wallet::miniscript::descriptor::DescriptorType;
use bip157::HashCheckpoint;
use bitcoin::Network;

use super::scan::Index;

/// Where to begin, the likeliest first.
pub(super) fn bases(newest: &CheckPoint, network: Network, index: &Index) -> Vec<BlockId> {
    let mut bases: Vec<BlockId> = Vec::new();
    if newest.height() == 0 {
        bases.extend(first_use(network, index));
    }
    for depth in DEPTHS {
        let wanted = newest.height().saturating_sub(depth);
        let base = newest.iter().find(|known| known.height() <= wanted).map(|known| known.block_id());
        bases.extend(base.filter(|base| !bases.contains(base)));
    }
    bases
}

/// Before this block, no address of the wallet's kind could be paid to.
fn first_use(network: Network, index: &Index) -> Option<BlockId> {
    let kinds = || index.keychains().map(|(_, descriptor)| descriptor.desc_type());
    let block = match network {
        Network::Bitcoin if kinds().all(|kind| kind == DescriptorType::Tr) => HashCheckpoint::taproot_activation(),
        Network::Bitcoin if kinds().all(|kind| SEGWIT.contains(&kind)) => HashCheckpoint::segwit_activation(),
        _ => return None,
    };
    Some(BlockId { height: block.height, hash: block.hash })
}

const SEGWIT: [DescriptorType; 5] = [
    DescriptorType::Tr,
    DescriptorType::Wpkh,
    DescriptorType::Wsh,
    DescriptorType::WshSortedMulti,
    DescriptorType::ShWpkh,
];
/// Below the newest block: so that the newest one is always told anew, with its time, and for branches that were given up.
const DEPTHS: [u32; 6] = [1, 6, 36, 144, 2_016, u32::MAX];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bitcoin::hashes::Hash as _;

    use bitcoin::BlockHash;
    use bitcoin::constants::genesis_block;

    use super::*;
    use crate::config::TreasuryKind;
    use crate::keys::Seed;
    use crate::treasury::{Keys, Purse};

    fn block(height: u32) -> BlockId {
        let hash = match height {
            0 => genesis_block(Network::Bitcoin).block_hash(),
            _ => BlockHash::hash(&height.to_be_bytes()),
        };
        BlockId { height, hash }
    }

    fn index(kind: &TreasuryKind) -> Index {
        let words = "abandon ".repeat(11) + "about";
        let keys = Keys::of(kind, Network::Bitcoin, || Ok(Seed::from_words(&words).unwrap())).unwrap();
        Purse::open(keys, Network::Bitcoin, None, 20).unwrap().question(true, 0).index
    }

    #[test]
    fn a_look_begins_below_the_newest_block_and_ever_further_down() {
        let heights = |known: &[u32]| {
            let known = CheckPoint::from_block_ids(known.iter().map(|height| block(*height))).unwrap();
            let bases = bases(&known, Network::Bitcoin, &index(&TreasuryKind::Segwit));
            bases.iter().map(|base| base.height).collect::<Vec<_>>()
        };
        assert_eq!(heights(&[0]), [481_823, 0], "a new wallet of this kind holds nothing before");
        assert_eq!(heights(&[0, 900_000]), [0]);
        assert_eq!(heights(&[0, 897_000, 899_900, 899_990, 899_999, 900_000]), [899_999, 899_990, 899_900, 897_000, 0]);
    }

    #[test]
    fn no_address_was_paid_to_before_its_kind_was_there() {
        let first = |kind: &TreasuryKind, network| first_use(network, &index(kind)).map(|block| block.height);
        assert_eq!(first(&TreasuryKind::Segwit, Network::Bitcoin), Some(481_823));
        assert_eq!(first(&TreasuryKind::Taproot, Network::Bitcoin), Some(709_631));
        assert_eq!(first(&TreasuryKind::Taproot, Network::Signet), None);
        let legacy = "pkh([73c5da0a/44h/0h/0h]xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj/<0;1>/*)";
        assert_eq!(first(&TreasuryKind::WatchOnly(legacy.to_owned()), Network::Bitcoin), None);
    }
}

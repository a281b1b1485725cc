//! Keeping the chain between two runs: its blocks in one file, checked again when they are read.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use bitcoin::Block;
use bitcoin::consensus::{Decodable as _, Encodable as _};

use super::Chain;

/// Why a kept chain cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file cannot be read or written.
    #[error("the kept chain cannot be read or written ({0})")]
    Io(#[from] io::Error),
    /// The file is not a chain this program wrote.
    #[error("the kept chain is damaged at block {height} ({why}); start the demo in another folder")]
    Damaged {
        /// The first block that does not fit.
        height: u32,
        /// What is wrong with it.
        why: String,
    },
}

impl Chain {
    /// Writes every block above the first to `path`; the mempool is not kept.
    ///
    /// # Errors
    /// [`SavedError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), SavedError> {
        let partial = path.with_extension("new");
        let mut file = BufWriter::new(File::create(&partial)?);
        for height in 1..=self.tip().height {
            let block = self.block_hash(height).and_then(|hash| self.block(&hash));
            if let Some(info) = block {
                info.block.consensus_encode(&mut file).map_err(io::Error::from)?;
            }
        }
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(std::fs::rename(&partial, path)?)
    }

    /// Reads a chain that [`Chain::save`] wrote and checks every block as if it were new.
    ///
    /// # Errors
    /// [`SavedError`].
    pub fn load(path: &Path) -> Result<Chain, SavedError> {
        let chain = Chain::new();
        let length = File::open(path)?.metadata()?.len();
        let mut file = BufReader::new(File::open(path)?).take(length);
        while file.limit() > 0 || !file.get_ref().buffer().is_empty() {
            let height = chain.tip().height.saturating_add(1);
            let damaged = |why: String| SavedError::Damaged { height, why };
            let block = Block::consensus_decode(&mut file).map_err(|error| damaged(error.to_string()))?;
            chain.append(block).map_err(damaged)?;
        }
        Ok(chain)
    }

    /// Appends a block made earlier by this program.
    fn append(&self, block: Block) -> Result<(), String> {
        let mut state = self.lock();
        let target = block.header.target();
        if block.header.prev_blockhash != state.tip().hash || block.header.validate_pow(target).is_err() {
            return Err("it does not follow the block before it".to_owned());
        }
        if !block.check_merkle_root() || !block.check_witness_commitment() {
            return Err("its transactions are not those it was made with".to_owned());
        }
        let Block { header, txdata } = block;
        let txs: Vec<_> = txdata.into_iter().map(Arc::new).collect();
        for tx in txs.iter().skip(1) {
            state.accept(&self.secp, Arc::clone(tx)).map_err(|reject| reject.to_string())?;
        }
        state.connect(header, txs);
        state.blocks_mined = state.blocks_mined.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bitcoin::Amount;

    use super::super::fixtures::{NOW_S, funded};
    use super::*;

    #[test]
    fn a_kept_chain_continues_where_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain");
        let (chain, key) = funded();
        let spend = key.pay(&chain.coins(&key)[..1], &[(Amount::from_sat(1_000), key.p2tr())], 500);
        let txid = chain.submit(spend).unwrap();
        chain.mine(2, &key.p2tr(), NOW_S).unwrap();
        chain.save(&path).unwrap();
        let again = Chain::load(&path).unwrap();
        assert_eq!(again.tip(), chain.tip());
        assert_eq!(again.tx(&txid).unwrap().confirmed, chain.tx(&txid).unwrap().confirmed);
        again.mine(1, &key.p2tr(), NOW_S).unwrap();

        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        #[allow(clippy::disallowed_methods)] // a damaged file is what this test is about
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(Chain::load(&path), Err(SavedError::Damaged { .. })));
    }
}

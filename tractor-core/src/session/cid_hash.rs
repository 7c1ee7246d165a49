//! A hash of dialog ids. It takes a few instructions, and its keys are secret, because the peer chooses ids.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes the hashers of one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct CidHash {
    begin: u64,
    factor: u64,
}

impl Default for CidHash {
    fn default() -> Self {
        let random = RandomState::new();
        Self { begin: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl BuildHasher for CidHash {
    type Hasher = CidHasher;

    #[inline]
    fn build_hasher(&self) -> CidHasher {
        CidHasher { hash: self.begin, factor: self.factor }
    }
}

/// Multiplies by a secret, and folds both halves of the product into one.
pub(super) struct CidHasher {
    hash: u64,
    factor: u64,
}

impl Hasher for CidHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.hash ^ word) * u128::from(self.factor);
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::proto::id::Cid;

    #[test]
    fn ids_that_look_alike_are_spread() {
        const COUNT: usize = 1 << 12;
        let hash = CidHash { begin: 0x243f_6a88_85a3_08d3, factor: 0x1319_8a2e_0370_7345 };
        for longest in ["", "0123456789abcdef0123456789abcdef-"] {
            let hashes = (0..COUNT).map(|n| {
                let cid = Cid::new(&format!("{longest}{n:05}")).expect("a short id");
                hash.hash_one(cid)
            });
            // A hash table uses the low bits and the seven highest.
            let low: HashSet<u64> = hashes.clone().map(|hash| hash % COUNT as u64).collect();
            let high: HashSet<u64> = hashes.map(|hash| hash >> 57).collect();
            assert!(low.len() > COUNT / 2 && high.len() > 120, "{} and {}", low.len(), high.len());
        }
    }

    #[test]
    fn each_table_has_keys_of_its_own() {
        let cid = Cid::new("d1").expect("a short id");
        assert_ne!(CidHash::default().hash_one(cid), CidHash::default().hash_one(cid));
    }

    #[test]
    fn an_id_is_found_by_its_bytes() {
        let hash = CidHash::default();
        for text in ["d", "d1234567", "d12345678", "0123456789abcdef"] {
            let cid = Cid::new(text).expect("a short id");
            assert_eq!(hash.hash_one(cid), hash.hash_one(text.as_bytes()));
        }
    }
}

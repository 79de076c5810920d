//! A folder full of files that mean harm: damaged, endless, nested without end, lying about themselves.
//!
//! Everything is made here and the same every time.

mod bombs;
pub mod seeds;
mod special;
mod structure;

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Damaged copies of each seed.
const COPIES: usize = 14;

/// What was put into the folder.
#[derive(Debug, Default)]
pub struct Corpus {
    /// Everything that has to turn up either as a document or with a reason.
    pub all: Vec<PathBuf>,
    /// Those of them that no text can come out of.
    pub hopeless: Vec<PathBuf>,
}

impl Corpus {
    /// Fills the folder.
    pub fn write(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut corpus = Self::default();
        corpus.damaged(folder)?;
        for (name, bytes) in structure::all()? {
            corpus.file(folder, &name, &bytes)?;
        }
        for (name, bytes) in bombs::all()? {
            corpus.hopeless(folder, &name, &bytes)?;
        }
        special::write(&mut corpus, folder)?;
        Ok(corpus)
    }

    fn damaged(&mut self, folder: &Path) -> Result<()> {
        let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
        for (name, whole) in seeds::all()? {
            for copy in 0..COPIES {
                let bytes = dice.damage(&whole, copy);
                self.file(folder, &format!("damaged-{copy}-{name}"), &bytes)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, bytes)?;
        self.all.push(path.clone());
        Ok(path)
    }

    fn hopeless(&mut self, folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.file(folder, name, bytes)?;
        self.hopeless.push(path);
        Ok(())
    }
}

/// Small, fast and the same everywhere (xorshift).
pub struct Dice(u64);

impl Dice {
    /// From a seed that is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// A damaged copy; `kind` chooses how.
    pub fn damage(&mut self, whole: &[u8], kind: usize) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        let length = bytes.len();
        match kind % 7 {
            0 => bytes.truncate(1 + self.below(length - 1)),
            1 => (0..=self.below(12)).for_each(|_| bytes[self.below(length)] ^= 1 << self.below(8)),
            2 => {
                let (from, to) = (self.below(length), self.below(length));
                let size = self.below(64).min(length - from.max(to));
                bytes.copy_within(from..from + size, to);
            }
            3 => {
                let at = self.below(length);
                let noise: Vec<u8> = (0..200).map(|_| self.below(256) as u8).collect();
                bytes.splice(at..at, noise);
            }
            4 => {
                let from = self.below(length);
                bytes[from..(from + 100).min(length)].fill(0);
            }
            // Numbers turned into the largest ones: lengths, counts, offsets.
            5 => {
                for _ in 0..4 {
                    let at = self.below(length);
                    let digits: Vec<usize> = (at..length).filter(|i| bytes[*i].is_ascii_digit()).take(3).collect();
                    digits.into_iter().for_each(|i| bytes[i] = b'9');
                }
            }
            _ => {
                let from = self.below(length);
                let piece = bytes[from..(from + 300).min(length)].to_vec();
                (0..20).for_each(|_| bytes.extend_from_slice(&piece));
            }
        }
        bytes
    }
}

//! Thousands of random operations against a store so naive that it can only be right.

use super::*;

/// What can happen to a store.
#[derive(Debug, Clone)]
enum Op {
    PutMemory {
        tokens: Vec<i32>,
        may_persist: usize,
    },
    PutDisk(Vec<i32>),
    /// Look, then read or take.
    Get {
        prompt: Vec<i32>,
        take: bool,
    },
    /// Damage the file of the n-th entry.
    Damage {
        nth: usize,
        how: Damage,
    },
    Reopen,
    Clear,
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Remove,
    Empty,
    /// Flip a byte of the state: only reading finds it.
    Flip,
}

/// One entry of the reference.
#[derive(Debug, Clone)]
struct Known {
    tokens: Vec<i32>,
    may_persist: usize,
    used: usize,
}

/// The same rules without files, indexes and shortcuts.
struct Reference {
    memory: Vec<Known>,
    disk: Vec<Known>,
    memory_limit: u64,
    disk_limit: u64,
    time: usize,
}

impl Known {
    fn memory_bytes(&self) -> u64 {
        entry(&self.tokens, vec![0; STATE], 0).bytes()
    }

    fn disk_bytes(&self) -> u64 {
        room_for(1, self.tokens.len())
    }

    fn persists(&self) -> bool {
        self.may_persist >= self.tokens.len()
    }
}

fn drop_oldest(entries: &mut Vec<Known>, limit: u64, bytes: fn(&Known) -> u64, room: u64) {
    while entries.iter().map(bytes).sum::<u64>() + room > limit {
        let oldest = (0..entries.len()).min_by_key(|at| entries[*at].used).unwrap();
        entries.remove(oldest);
    }
}

impl Reference {
    fn put_memory(&mut self, tokens: &[i32], may_persist: usize) {
        self.time += 1;
        let new = Known { tokens: tokens.to_vec(), may_persist, used: self.time };
        if new.memory_bytes() > self.memory_limit {
            return;
        }
        let serves = |old: &&mut Known| {
            old.tokens.len() > tokens.len() && old.tokens.starts_with(tokens) && (old.persists() || !new.persists())
        };
        // Which of several counts as used is the least recently used one: the first that was looked at.
        self.memory.sort_by_key(|known| known.used);
        if let Some(old) = self.memory.iter_mut().find(serves) {
            old.used = self.time;
            return;
        }
        self.memory.retain(|old| {
            old.tokens != tokens && !(tokens.starts_with(&old.tokens) && (new.persists() || !old.persists()))
        });
        drop_oldest(&mut self.memory, self.memory_limit, Known::memory_bytes, new.memory_bytes());
        self.memory.push(new);
    }

    fn put_disk(&mut self, tokens: &[i32]) {
        self.time += 1;
        let may_persist = tokens.len();
        let new = Known { tokens: tokens.to_vec(), may_persist, used: self.time };
        if let Some(old) = self.disk.iter_mut().find(|old| old.tokens.starts_with(tokens)) {
            old.used = self.time;
            return;
        }
        if new.disk_bytes() > self.disk_limit {
            return;
        }
        // What goes anyway makes room first.
        let over =
            |disk: &[Known]| disk.iter().map(Known::disk_bytes).sum::<u64>() + new.disk_bytes() > self.disk_limit;
        while over(&self.disk) {
            let Some(at) = self.disk.iter().position(|old| tokens.starts_with(&old.tokens)) else { break };
            self.disk.remove(at);
        }
        drop_oldest(&mut self.disk, self.disk_limit, Known::disk_bytes, new.disk_bytes());
        self.disk.retain(|old| !tokens.starts_with(&old.tokens));
        self.disk.push(new);
    }

    fn longest(&self, prompt: &[i32]) -> Option<(usize, Tier)> {
        let best = |entries: &[Known]| entries.iter().map(|known| common(&known.tokens, prompt)).max().unwrap_or(0);
        match (best(&self.memory), best(&self.disk)) {
            (0, 0) => None,
            (memory, disk) if memory >= disk => Some((memory, Tier::Memory)),
            (_, disk) => Some((disk, Tier::Disk)),
        }
    }

    fn tier(&mut self, tier: Tier) -> &mut Vec<Known> {
        if tier == Tier::Memory { &mut self.memory } else { &mut self.disk }
    }
}

fn tokens(state: &mut u64) -> Vec<i32> {
    let len = 1 + next(state) % 7;
    (0..len).map(|_| (next(state) % 3) as i32).collect()
}

fn op(state: &mut u64) -> Op {
    match next(state) % 100 {
        0..=29 => {
            let tokens = tokens(state);
            let may_persist = (next(state) as usize % 3) * tokens.len() / 2;
            Op::PutMemory { tokens, may_persist }
        }
        30..=54 => Op::PutDisk(tokens(state)),
        55..=89 => Op::Get { prompt: tokens(state), take: next(state).is_multiple_of(4) },
        90..=95 => {
            let how = [Damage::Remove, Damage::Empty, Damage::Flip][next(state) as usize % 3];
            Op::Damage { nth: next(state) as usize, how }
        }
        96..=98 => Op::Reopen,
        _ => Op::Clear,
    }
}

struct Run {
    saved: Saved,
    reference: Reference,
    spec: CacheSpec,
    _folder: tempfile::TempDir,
}

impl Run {
    fn new(memory_bytes: u64, disk_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = CacheSpec { memory_bytes, disk_bytes, ..spec(Some(folder.path())) };
        let (memory, disk) = (Vec::new(), Vec::new());
        let reference = Reference { memory, disk, memory_limit: memory_bytes, disk_limit: disk_bytes, time: 0 };
        Self { saved: Saved::open(&spec, LAYOUT), reference, spec, _folder: folder }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::PutMemory { tokens, may_persist } => {
                self.saved.put_memory(entry(tokens, state(tokens), *may_persist));
                self.reference.put_memory(tokens, *may_persist);
            }
            Op::PutDisk(tokens) => {
                put_disk(&mut self.saved, tokens);
                self.reference.put_disk(tokens);
            }
            Op::Get { prompt, take } => self.get(prompt, *take),
            Op::Damage { nth, how } => self.damage(*nth, *how),
            Op::Reopen => {
                self.saved = Saved::open(&self.spec, LAYOUT);
                self.reference.memory.clear();
                // They are found again in the order of their last use.
                self.reference.disk.sort_by_key(|known| known.used);
            }
            Op::Clear => {
                self.saved.clear();
                self.reference.memory.clear();
                self.reference.disk.clear();
            }
        }
    }

    fn get(&mut self, prompt: &[i32], take: bool) {
        let found = self.saved.longest(prompt);
        assert_eq!(found.as_ref().map(|found| (found.len, found.tier)), self.reference.longest(prompt));
        let Some(found) = found else { return };
        self.reference.time += 1;
        let time = self.reference.time;
        let got = if take {
            self.saved.take(&found)
        } else {
            self.saved.read(&found).map(|entry| (entry.tokens.clone(), entry.state.to_vec()))
        };
        let (tokens, bytes) = got.expect("an entry that is whole is read");
        assert_eq!(bytes, state(&tokens));
        let entries = self.reference.tier(found.tier);
        let at = entries.iter().position(|known| known.tokens == tokens).expect("the entry is known");
        assert_eq!(common(&tokens, prompt), found.len);
        if take && found.tier == Tier::Memory {
            entries.remove(at);
        } else {
            entries[at].used = time;
        }
    }

    /// Damage is noticed at once or when it is read, and the reference does not say which: what is removed or
    /// emptied here is read right away, so that both forget it.
    fn damage(&mut self, nth: usize, how: Damage) {
        if self.reference.disk.is_empty() {
            return;
        }
        let at = nth % self.reference.disk.len();
        let tokens = self.reference.disk.remove(at).tokens;
        let root = self.spec.folder.clone().unwrap();
        let file = files(&root).into_iter().find(|path| path.ends_with(folder::Folder::name(&tokens))).unwrap();
        match how {
            Damage::Remove => fs::remove_file(&file).unwrap(),
            Damage::Empty => fs::write(&file, b"").unwrap(),
            Damage::Flip => {
                let mut bytes = fs::read(&file).unwrap();
                let last = bytes.len() - 1 - nth % STATE;
                bytes[last] ^= 0x10;
                fs::write(&file, bytes).unwrap();
            }
        }
        let known = self.saved.disk.as_ref().unwrap().iter().find(|known| known.tokens == tokens).unwrap();
        let (len, id) = (tokens.len(), known.id);
        let found = Match { len, tier: Tier::Disk, entry_tokens: len, state_bytes: STATE as u64, id };
        assert_eq!(self.saved.read(&found), None);
        assert!(!file.exists());
    }

    /// What must be true after every operation.
    fn check(&self) {
        let figures = self.saved.figures();
        let reference = &self.reference;
        assert_eq!(figures.memory_entries, reference.memory.len());
        assert_eq!(figures.memory_bytes, reference.memory.iter().map(Known::memory_bytes).sum::<u64>());
        assert_eq!(figures.disk_entries, reference.disk.len());
        assert_eq!(figures.disk_bytes, reference.disk.iter().map(Known::disk_bytes).sum::<u64>());
        assert!(figures.memory_bytes <= reference.memory_limit && figures.disk_bytes <= reference.disk_limit);
        let mut names: Vec<_> = reference.disk.iter().map(|known| folder::Folder::name(&known.tokens)).collect();
        let found = files(self.spec.folder.as_ref().unwrap());
        let mut found: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        names.sort();
        found.sort_unstable();
        assert_eq!(found, names);
    }
}

#[test]
fn a_naive_store_agrees() {
    let mut seed = 0x0dd_ba11_5eed_u64;
    for (memory, disk, rounds) in [(4_000, room_for(4, 4), 1_500), (20_000, room_for(12, 4), 1_500), (0, 0, 200)] {
        let mut run = Run::new(memory, disk);
        let mut done = Vec::new();
        for round in 0..rounds {
            let op = op(&mut seed);
            done.push(op.clone());
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run.apply(&op);
                run.check();
            }));
            if let Err(panic) = outcome {
                let last = &done[done.len().saturating_sub(12)..];
                eprintln!("round {round} with limits {memory} and {disk}, after {last:#?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
}

//! What is kept comes back whole, or not at all.
#![allow(clippy::unwrap_used)]

mod crowd;
mod damage;
mod random;

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const LAYOUT: &str = "llama.cpp 1, f16";
/// Bytes of a state made by [`state`].
const STATE: usize = 1_000;
/// The note on every entry.
const NOTE: &[u8] = b"note";

/// The state that belongs to these tokens: no two sequences have the same.
fn state(tokens: &[i32]) -> Vec<u8> {
    let mut seed = tokens.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |seed, token| {
        (seed ^ (*token as u32 as u64 + 1)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    });
    (0..STATE).map(|_| (next(&mut seed) >> 32) as u8).collect()
}

/// xorshift: the same sequence on every run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn spec(folder: Option<&Path>) -> CacheSpec {
    let folder = folder.map(Into::into);
    CacheSpec { memory_bytes: 1 << 20, folder, disk_bytes: 1 << 20, fingerprint: "weights".into() }
}

fn open(folder: &Path) -> Saved {
    Saved::open(&spec(Some(folder)), LAYOUT)
}

fn entry(tokens: &[i32], state: Vec<u8>, may_persist: usize) -> Entry {
    Entry { tokens: tokens.to_vec(), state: State::Kept(state), may_persist, note: NOTE.into() }
}

fn put_memory(saved: &mut Saved, tokens: &[i32]) {
    saved.put_memory(entry(tokens, state(tokens), 0));
}

fn put_disk(saved: &mut Saved, tokens: &[i32]) {
    saved.put_disk(&entry(tokens, state(tokens), 0)).unwrap();
}

/// The tokens of the entry that serves a prompt best, after checking its state; damaged ones are passed over.
fn served(saved: &mut Saved, prompt: &[i32]) -> Option<Vec<i32>> {
    while let Some(found) = saved.longest(prompt) {
        if let Some(entry) = saved.read(&found) {
            assert_eq!(*entry.state, state(&entry.tokens), "a wrong state for {:?}", entry.tokens);
            assert_eq!((common(&entry.tokens, prompt), entry.tokens.len()), (found.len, found.entry_tokens));
            return Some(entry.tokens.clone());
        }
    }
    None
}

/// The files of entries, in any model's folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut all: Vec<_> = models.into_iter().filter(|path| path.is_dir()).flat_map(inside).collect();
    all.sort();
    all
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The limit under which exactly `n` entries of `tokens` tokens fit on disk.
fn room_for(n: u64, tokens: usize) -> u64 {
    let key = format!("7\nweights{LAYOUT}");
    n * format::file_bytes(key.as_bytes(), tokens, NOTE.len(), STATE)
}

#[test]
fn both_tiers_give_back_what_they_got() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    put_memory(&mut saved, &[1, 2, 3]);
    put_disk(&mut saved, &[4, 5, 6]);
    let found = saved.longest(&[1, 2, 9]).unwrap();
    assert_eq!((found.len, found.tier, found.entry_tokens, found.state_bytes), (2, Tier::Memory, 3, STATE as u64));
    assert_eq!(saved.take(&found), Some((vec![1, 2, 3], state(&[1, 2, 3]))));
    assert_eq!(saved.take(&found), None);
    assert_eq!(saved.longest(&[1, 2, 9]), None);
    let found = saved.longest(&[4, 5, 6, 7]).unwrap();
    assert_eq!((found.len, found.tier), (3, Tier::Disk));
    for _ in 0..2 {
        assert_eq!(saved.take(&found), Some((vec![4, 5, 6], state(&[4, 5, 6]))));
    }
}

#[test]
fn only_the_disk_survives_a_restart_and_clear_forgets_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    put_memory(&mut saved, &[1, 2]);
    put_disk(&mut saved, &[3, 4]);
    drop(saved);
    let mut saved = open(folder.path());
    assert_eq!(served(&mut saved, &[1, 2]), None);
    assert_eq!(served(&mut saved, &[3, 4]), Some(vec![3, 4]));
    put_memory(&mut saved, &[1, 2]);
    saved.clear();
    assert_eq!(saved.figures(), Figures::default());
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(served(&mut saved, &[3, 4]), None);
}

#[test]
fn the_longest_beginning_wins_and_memory_wins_a_tie() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    put_memory(&mut saved, &[1, 2, 3]);
    put_disk(&mut saved, &[1, 2, 4, 5]);
    let longest = |saved: &Saved, tokens: &[i32]| saved.longest(tokens).map(|found| (found.len, found.tier));
    assert_eq!(longest(&saved, &[1, 2]), Some((2, Tier::Memory)));
    assert_eq!(longest(&saved, &[1, 2, 9]), Some((2, Tier::Memory)));
    assert_eq!(longest(&saved, &[1, 2, 4]), Some((3, Tier::Disk)));
    assert_eq!(longest(&saved, &[1, 2, 4, 5, 6]), Some((4, Tier::Disk)));
    assert_eq!(longest(&saved, &[1]), Some((1, Tier::Memory)));
    for none in [&[][..], &[2], &[-1, 1]] {
        assert_eq!(longest(&saved, none), None);
    }
    // Of two that serve equally the smaller state is read faster.
    saved.put_memory(entry(&[7, 1], vec![0; 50], 0));
    saved.put_memory(entry(&[7, 2], vec![0; 40], 0));
    saved.put_memory(entry(&[7, 3], vec![0; 60], 0));
    assert_eq!(saved.longest(&[7, 9]).unwrap().state_bytes, 40);
}

#[test]
fn of_two_entries_the_shorter_that_adds_nothing_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    for put in [put_memory, put_disk] {
        saved.clear();
        let kept = |saved: &Saved| saved.figures().memory_entries + saved.figures().disk_entries;
        for (tokens, entries) in [(&[1, 2][..], 1), (&[1, 2, 3, 4], 1), (&[1, 2, 3], 1), (&[1, 2, 4], 2), (&[1], 2)] {
            put(&mut saved, tokens);
            assert_eq!(kept(&saved), entries, "{tokens:?}");
        }
        put(&mut saved, &[1, 2, 3, 4]);
        assert_eq!(kept(&saved), 2);
        assert_eq!(files(folder.path()).len(), saved.figures().disk_entries);
        assert_eq!(served(&mut saved, &[1, 2, 3, 9]), Some(vec![1, 2, 3, 4]));
    }
    // A shorter one that may go to disk adds something to a longer one that may not.
    saved.clear();
    saved.put_memory(entry(&[1, 2], state(&[1, 2]), 2));
    saved.put_memory(entry(&[1, 2, 3], state(&[1, 2, 3]), 2));
    assert_eq!(saved.figures().memory_entries, 2);
    saved.put_memory(entry(&[1, 2, 3, 4], state(&[1, 2, 3, 4]), 4));
    assert_eq!(saved.figures().memory_entries, 1);
}

#[test]
fn states_that_cant_be_cut_are_found_only_whole() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Saved::open_whole_only(&spec(Some(folder.path())), LAYOUT);
    let mut saved = open();
    for put in [put_memory, put_disk] {
        saved.clear();
        put(&mut saved, &[1, 2, 3, 4]);
        put(&mut saved, &[1, 2]);
        put(&mut saved, &[1, 2]);
        assert_eq!(served(&mut saved, &[1, 2, 3]), Some(vec![1, 2]));
        assert_eq!(served(&mut saved, &[1, 2, 3, 4, 5]), Some(vec![1, 2, 3, 4]));
        assert_eq!(served(&mut saved, &[1]), None);
    }
    assert_eq!(open().figures().disk_entries, 2);
}

#[test]
fn the_least_recently_used_leaves_memory_first() {
    let one = entry(&[0; 2], vec![0; STATE], 0).bytes();
    let limit = 3 * one + 1;
    let mut saved = Saved::open(&CacheSpec { memory_bytes: limit, ..spec(None) }, LAYOUT);
    for first in 1..=3 {
        put_memory(&mut saved, &[first, 0]);
    }
    assert_eq!(served(&mut saved, &[1]), Some(vec![1, 0]));
    put_memory(&mut saved, &[4, 0]);
    let kept: Vec<_> = (1..=4).filter(|first| saved.longest(&[*first]).is_some()).collect();
    assert_eq!(kept, [1, 3, 4]);
    assert_eq!(saved.figures().memory_bytes, 3 * one);
    // What does not fit at all pushes nothing out.
    saved.put_memory(entry(&[5, 0], vec![0; limit as usize], 0));
    assert_eq!((saved.figures().memory_entries, saved.longest(&[5])), (3, None));
    saved.put_memory(entry(&[], vec![1], 0));
    assert_eq!(saved.figures().memory_entries, 3);
}

#[test]
fn what_leaves_memory_and_may_go_to_disk_is_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let limit = entry(&[0; 2], vec![0; STATE], 0).bytes();
    let mut saved = Saved::open(&CacheSpec { memory_bytes: limit, ..spec(Some(folder.path())) }, LAYOUT);
    let put = |saved: &mut Saved, first, may_persist| {
        let gone = saved.put_memory(entry(&[first, 0], state(&[first, 0]), may_persist));
        gone.iter().map(|entry| entry.tokens[0]).collect::<Vec<_>>()
    };
    assert!(put(&mut saved, 1, 2).is_empty());
    assert_eq!(put(&mut saved, 2, 1), [1]);
    // Only its first token may go to disk.
    assert!(put(&mut saved, 3, 2).is_empty());
    assert_eq!(saved.unwritten().len(), 1);
    put_disk(&mut saved, &[3, 0]);
    assert_eq!(saved.unwritten(), []);
    // It is there already.
    assert!(put(&mut saved, 4, 2).is_empty());
    // Too large for memory, not for the disk.
    let large = saved.put_memory(entry(&[5], vec![0; 2 * STATE], 1));
    assert_eq!(large.len(), 1);
}

#[test]
fn the_entries_used_last_are_told_with_their_notes_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    for first in 1..=3 {
        let noted = Entry { note: vec![first as u8; 5], ..entry(&[first, 0], state(&[first, 0]), 0) };
        saved.put_disk(&noted).unwrap();
    }
    let found = saved.longest(&[2]).unwrap();
    saved.touch(&found);
    let mut saved = open(folder.path());
    assert_eq!(saved.notes(2), [(vec![2, 0], vec![2; 5]), (vec![3, 0], vec![3; 5])]);
    let last = saved.last(2).unwrap();
    assert_eq!((&last.tokens[..], &last.state[..]), (&[2, 0][..], &state(&[2, 0])[..]));
    assert_eq!((saved.last(1), Saved::open(&spec(None), LAYOUT).last(2)), (None, None));
    // To look at it was no use.
    drop((served(&mut saved, &[3]), saved));
    assert_eq!(open(folder.path()).notes(1)[0].0, [3, 0]);
}

#[test]
fn the_least_recently_used_leaves_the_disk_first_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let three = CacheSpec { disk_bytes: room_for(3, 2), ..spec(Some(folder.path())) };
    let mut saved = Saved::open(&three, LAYOUT);
    for first in 1..=3 {
        put_disk(&mut saved, &[first, 0]);
    }
    assert_eq!(served(&mut saved, &[1]), Some(vec![1, 0]));
    // Put again counts as used, too.
    put_disk(&mut saved, &[2, 0]);
    drop(saved);
    let mut saved = Saved::open(&three, LAYOUT);
    put_disk(&mut saved, &[4, 0]);
    let kept: Vec<_> = (1..=4).filter(|first| saved.longest(&[*first]).is_some()).collect();
    assert_eq!(kept, [1, 2, 4]);
    assert_eq!(saved.figures().disk_bytes, room_for(3, 2));
    drop(saved);
    // A lower limit holds from the start.
    let saved = Saved::open(&CacheSpec { disk_bytes: room_for(1, 2), ..three.clone() }, LAYOUT);
    assert_eq!(saved.figures().disk_entries, 1);
    assert!(saved.longest(&[4]).is_some());
}

#[test]
fn an_entry_larger_than_the_limit_is_not_written_and_pushes_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let limit = room_for(2, 2);
    let mut saved = Saved::open(&CacheSpec { disk_bytes: limit, ..spec(Some(folder.path())) }, LAYOUT);
    put_disk(&mut saved, &[1, 0]);
    put_disk(&mut saved, &[2, 0]);
    saved.put_disk(&entry(&[3], vec![0; limit as usize], 0)).unwrap();
    assert_eq!((saved.figures().disk_entries, files(folder.path()).len()), (2, 2));
    // A longer one takes the place of its own beginning, not of its neighbour.
    put_disk(&mut saved, &[2, 0]);
    let longer = [1, 0, 5];
    saved.put_disk(&entry(&longer, state(&longer)[..STATE - 4].to_vec(), 0)).unwrap();
    assert!(saved.longest(&[2]).is_some());
    assert_eq!(saved.longest(&longer).unwrap().len, 3);
}

#[test]
fn models_and_layouts_share_a_limit_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let two = CacheSpec { disk_bytes: room_for(2, 2), ..spec(Some(folder.path())) };
    let mut ours = Saved::open(&two, LAYOUT);
    let mut theirs = Saved::open(&CacheSpec { fingerprint: "others!".into(), ..two.clone() }, LAYOUT);
    let mut newer = Saved::open(&two, "llama.cpp 2, f16");
    put_disk(&mut ours, &[1, 0]);
    assert_eq!(theirs.longest(&[1, 0]), None);
    put_disk(&mut theirs, &[2, 0]);
    put_disk(&mut newer, &[3, 0]);
    assert_eq!(files(folder.path()).len(), 2);
    // The oldest made way, though it was another model's, and its folder went with it.
    assert_eq!(served(&mut ours, &[1, 0]), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    assert_eq!(served(&mut theirs, &[2, 0]), Some(vec![2, 0]));
    put_disk(&mut ours, &[1, 0]);
    assert_eq!(served(&mut ours, &[1, 0]), Some(vec![1, 0]));
    // A file of theirs in our folder is not taken for ours.
    let find = |first| files(folder.path()).into_iter().find(|path| path.ends_with(folder::Folder::name(&[first, 0])));
    fs::copy(find(2).unwrap(), find(1).unwrap().with_file_name(folder::Folder::name(&[2, 0]))).unwrap();
    assert_eq!(Saved::open(&two, LAYOUT).longest(&[2, 0]), None);
    theirs.clear();
    assert_eq!(served(&mut ours, &[1, 0]), Some(vec![1, 0]));
}

#[test]
fn folders_and_files_are_the_users_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("new").join("prompts");
    let mut saved = open(&root);
    put_disk(&mut saved, &[1]);
    let file = files(&root).remove(0);
    assert_eq!((mode(&root), mode(file.parent().unwrap()), mode(&file)), (0o700, 0o700, 0o600));
    // Also where the folder was open to all before.
    fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
    open(&root);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
}

#[test]
fn without_a_usable_folder_there_is_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"x").unwrap();
    let own = open(folder.path());
    drop(own);
    let sub = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).find(|path| path.is_dir()).unwrap();
    fs::remove_dir(&sub).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &sub).unwrap();
    let no_name = CacheSpec { fingerprint: String::new(), ..spec(Some(elsewhere.path())) };
    for spec in [spec(None), spec(Some(&file)), spec(Some(Path::new("/proc/no"))), spec(Some(folder.path())), no_name] {
        let mut saved = Saved::open(&spec, LAYOUT);
        put_disk(&mut saved, &[1, 2]);
        put_memory(&mut saved, &[3, 4]);
        saved.put_memory(entry(&[5], state(&[5]), 1));
        assert_eq!(saved.unwritten(), []);
        assert_eq!(saved.longest(&[1, 2]), None);
        assert_eq!(served(&mut saved, &[3, 4]), Some(vec![3, 4]));
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_large_state_is_written_beside_other_work() {
    let folder = tempfile::tempdir().unwrap();
    let large = CacheSpec { disk_bytes: 1 << 30, ..spec(Some(folder.path())) };
    let mut saved = Saved::open(&large, LAYOUT);
    let tokens: Vec<i32> = (0..1_000).collect();
    let state: Vec<u8> = (0..24 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let writing = saved.plan_disk(&tokens).unwrap();
    let written = std::thread::scope(|scope| {
        let written = scope.spawn(|| writing.write(&state, b""));
        put_memory(&mut saved, &[1, 2]);
        written.join().unwrap()
    });
    assert_eq!(saved.longest(&tokens), None);
    saved.adopt(written.unwrap().unwrap());
    assert!(saved.plan_disk(&tokens[..500]).is_none());
    let started = std::time::Instant::now();
    let found = saved.longest(&tokens).unwrap();
    assert_eq!(*saved.read(&found).unwrap().state, state);
    eprintln!("{} MiB read and checked in {:?}", state.len() >> 20, started.elapsed());
}

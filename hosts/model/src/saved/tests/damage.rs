//! Files that were damaged, swapped, removed or never ours.

use super::*;

/// One entry, its file, and the file's bytes.
fn one_entry(folder: &Path) -> (PathBuf, Vec<u8>) {
    put_disk(&mut open(folder), &[1, 2, 3]);
    let file = files(folder).remove(0);
    let bytes = fs::read(&file).unwrap();
    (file, bytes)
}

#[test]
fn no_flipped_byte_leads_to_a_wrong_state() {
    let folder = tempfile::tempdir().unwrap();
    let (file, whole) = one_entry(folder.path());
    let header = whole.len() - STATE;
    // Every byte of the header, the key and the tokens, and some of the state.
    for at in (0..header).chain((header..whole.len()).step_by(97)).chain([whole.len() - 1]) {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            fs::write(&file, &whole).unwrap();
            let mut before = open(folder.path());
            assert!(before.longest(&[1, 2, 3]).is_some());
            fs::write(&file, &bytes).unwrap();
            // Damaged while it is known, and before it is.
            assert_eq!(served(&mut before, &[1, 2, 3]), None, "byte {at}");
            assert!(!file.exists(), "byte {at}");
            fs::write(&file, &bytes).unwrap();
            assert_eq!(served(&mut open(folder.path()), &[1, 2, 3]), None, "byte {at}");
            assert!(!file.exists(), "byte {at}");
        }
    }
}

#[test]
fn no_cut_or_longer_file_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, whole) = one_entry(folder.path());
    let longer = [&whole[..], b"more"].concat();
    for len in (0..200).chain((200..whole.len()).step_by(53)).chain([whole.len() - 1, longer.len()]) {
        fs::write(&file, &whole).unwrap();
        let mut before = open(folder.path());
        fs::write(&file, &longer[..len]).unwrap();
        assert_eq!(served(&mut before, &[1, 2, 3]), None, "{len} bytes");
        fs::write(&file, &longer[..len]).unwrap();
        assert_eq!(served(&mut open(folder.path()), &[1, 2, 3]), None, "{len} bytes");
        assert!(!file.exists(), "{len} bytes");
    }
    // The entry can be written again.
    put_disk(&mut open(folder.path()), &[1, 2, 3]);
    assert_eq!(served(&mut open(folder.path()), &[1, 2, 3]), Some(vec![1, 2, 3]));
}

#[test]
fn one_damaged_file_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = open(folder.path());
    put_disk(&mut saved, &[1, 2]);
    put_disk(&mut saved, &[1, 2, 3, 4, 5]);
    put_disk(&mut saved, &[1, 2, 3, 9]);
    let damaged = saved.longest(&[1, 2, 3, 4]).unwrap();
    let file = files(folder.path()).into_iter().find(|path| path.ends_with(folder::Folder::name(&[1, 2, 3, 4, 5])));
    fs::write(file.unwrap(), b"").unwrap();
    assert_eq!(saved.read(&damaged), None);
    assert_eq!(saved.read(&damaged), None);
    assert_eq!(served(&mut saved, &[1, 2, 3, 4]), Some(vec![1, 2, 3, 9]));
}

#[test]
fn foreign_files_go_and_folders_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (file, whole) = one_entry(folder.path());
    let own = file.parent().unwrap();
    let outside = tempfile::tempdir().unwrap();
    // A link to a sound entry with the right name is no entry either.
    put_disk(&mut open(outside.path()), &[8]);
    let target = files(outside.path()).remove(0);
    fs::write(own.join("notes.txt"), b"hello").unwrap();
    fs::write(own.join("empty.state"), b"").unwrap();
    fs::write(own.join(folder::Folder::name(&[7])), &whole).unwrap();
    std::os::unix::fs::symlink(&target, own.join(folder::Folder::name(&[8]))).unwrap();
    fs::create_dir(own.join(folder::Folder::name(&[9]))).unwrap();
    let pipe = own.join(folder::Folder::name(&[10]));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Beside the models' folders nothing is touched.
    fs::write(folder.path().join("theirs"), b"hello").unwrap();
    fs::create_dir(folder.path().join("photos")).unwrap();
    let mut saved = open(folder.path());
    assert_eq!(served(&mut saved, &[1, 2, 3]), Some(vec![1, 2, 3]));
    assert_eq!(saved.figures().disk_entries, 1);
    let mut left: Vec<_> = files(folder.path()).into_iter().filter(|path| path.is_file()).collect();
    left.retain(|path| *path != pipe);
    assert_eq!(left, [file]);
    assert!(target.exists() && folder.path().join("theirs").exists() && folder.path().join("photos").exists());
}

#[test]
fn a_vanished_file_or_folder_is_a_missed_entry() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("prompts");
    let mut saved = open(&root);
    put_disk(&mut saved, &[1, 2, 3]);
    fs::remove_file(files(&root).remove(0)).unwrap();
    assert_eq!(served(&mut saved, &[1, 2, 3]), None);
    put_disk(&mut saved, &[1, 2, 3]);
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(served(&mut saved, &[1, 2, 3]), None);
    put_disk(&mut saved, &[1, 2, 3]);
    assert_eq!(served(&mut saved, &[1, 2, 3]), Some(vec![1, 2, 3]));
    assert_eq!(mode(&root), 0o700);
}

#[test]
fn drafts_that_were_left_behind_go_and_fresh_ones_count() {
    let folder = tempfile::tempdir().unwrap();
    let two = CacheSpec { disk_bytes: room_for(2, 1), ..spec(Some(folder.path())) };
    let mut saved = Saved::open(&two, LAYOUT);
    put_disk(&mut saved, &[1]);
    let own = files(folder.path()).remove(0).parent().unwrap().to_path_buf();
    let (old, fresh) = (own.join(".draft-1-0-0"), own.join(".draft-2-0-0"));
    fs::write(&old, b"half").unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    fs::File::open(&old).unwrap().set_modified(std::time::SystemTime::now() - hour).unwrap();
    fs::write(&fresh, vec![0; room_for(1, 1) as usize]).unwrap();
    put_disk(&mut saved, &[2]);
    assert!(!old.exists() && fresh.exists());
    assert_eq!((saved.longest(&[1]), saved.longest(&[2]).is_some()), (None, true));
    // Nothing of ours can go for what another process writes.
    fs::write(&fresh, vec![0; room_for(2, 1) as usize]).unwrap();
    assert_eq!(saved.put_disk(&entry(&[3], state(&[3]), 0)).unwrap_err().kind(), io::ErrorKind::StorageFull);
    fs::remove_file(&fresh).unwrap();
    put_disk(&mut saved, &[3]);
    assert_eq!(served(&mut saved, &[3]), Some(vec![3]));
}

#[test]
fn a_clock_that_was_wrong_keeps_nothing_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let two = CacheSpec { disk_bytes: room_for(2, 1), ..spec(Some(folder.path())) };
    put_disk(&mut Saved::open(&two, LAYOUT), &[1]);
    let years = std::time::Duration::from_secs(20 * 365 * 86_400);
    let file = fs::File::open(files(folder.path()).remove(0)).unwrap();
    file.set_modified(std::time::SystemTime::now() + years).unwrap();
    let mut saved = Saved::open(&two, LAYOUT);
    put_disk(&mut saved, &[2]);
    put_disk(&mut saved, &[3]);
    assert_eq!((saved.longest(&[1]), saved.figures().disk_entries), (None, 2));
}

use super::*;

const DIM: usize = 6;

/// A vector that points mostly along axis `n`, the more the larger `weight`.
fn towards(n: usize, weight: f32) -> Vec<f32> {
    (0..DIM).map(|i| if i == n % DIM { weight } else { 0.3 }).collect()
}

fn open(dir: &Path) -> Vectors {
    Vectors::open(dir, "mini", DIM).unwrap()
}

fn filled(dir: &Path, n: u64) -> Vectors {
    let mut v = open(dir);
    let batch: Vec<_> = (0..n).map(|i| (i, towards(i as usize, 1.0 + i as f32))).collect();
    v.append(&batch).unwrap();
    v.flush().unwrap();
    v
}

fn only_file(dir: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn the_nearest_are_found_with_their_cosine() {
    let dir = tempfile::tempdir().unwrap();
    let v = filled(dir.path(), 6);
    let mut query = vec![0.0; DIM];
    query[3] = 1.0;
    let found = v.top(&query, 2);
    assert_eq!(found[0].0, 3);
    let exact = 4.0 / (16.0f32 + 5.0 * 0.09).sqrt();
    assert!((found[0].1 - exact).abs() < 0.005, "{} {exact}", found[0].1);
    assert_eq!(found.len(), 2);
    assert_eq!(v.top_where(&query, 2, |id| id != 3).iter().filter(|f| f.0 == 3).count(), 0);
    assert_eq!(v.score(&query, 3).unwrap(), found[0].1);
    assert!(v.score(&query, 77).is_none());
    assert!(v.top(&[0.0; DIM], 3).is_empty() && v.top(&[1.0; DIM + 1], 3).is_empty() && v.top(&query, 0).is_empty());
}

#[test]
fn the_best_window_of_a_chunk_counts_and_it_is_found_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = open(dir.path());
    v.append(&[(1, towards(0, 9.0)), (1, towards(1, 9.0)), (1, towards(2, 9.0)), (2, towards(3, 9.0))]).unwrap();
    assert_eq!(v.len(), 2);
    let query = towards(1, 9.0);
    let found = v.top(&query, 5);
    assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 2]);
    v.append(&[(1, towards(5, 9.0))]).unwrap();
    assert_eq!(v.score(&query, 1).unwrap(), found[0].1, "a chunk that is there is left alone");
}

#[test]
fn everything_is_there_again_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = filled(dir.path(), 50);
    v.remove(&[7, 8, 8, 999]).unwrap();
    let before = v.top(&towards(4, 3.0), 10);
    drop(v);
    let v = open(dir.path());
    assert_eq!((v.len(), v.contains(7), v.contains(9)), (48, false, true));
    assert_eq!(v.top(&towards(4, 3.0), 10), before);
    assert_eq!(v.ids().count(), 48);
}

#[test]
fn a_removed_chunk_can_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = filled(dir.path(), 3);
    v.remove(&[1]).unwrap();
    v.append(&[(1, towards(5, 9.0))]).unwrap();
    drop(v);
    let v = open(dir.path());
    assert_eq!(v.top(&towards(5, 9.0), 1)[0].0, 1);
}

#[test]
fn a_tail_torn_at_any_byte_costs_only_the_torn_record() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 5));
    let path = only_file(dir.path());
    let whole = fs::read(&path).unwrap();
    let record = (whole.len() - 512) / 5;
    for cut in 1..record * 2 {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let mut v = open(dir.path());
        assert_eq!(v.len(), 5 - cut.div_ceil(record), "cut by {cut}");
        v.append(&[(100, towards(2, 9.0))]).unwrap();
        drop(v);
        assert!(open(dir.path()).contains(100), "appending after the cut at {cut}");
    }
}

#[test]
fn a_damaged_record_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 5));
    let path = only_file(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let record = (bytes.len() - 512) / 5;
    bytes[512 + record * 2 + 20] ^= 0x40;
    fs::write(&path, &bytes).unwrap();
    let v = open(dir.path());
    assert_eq!((v.len(), v.contains(2), v.contains(3)), (4, false, true));
    let mut query = vec![0.0; DIM];
    query[3] = 1.0;
    assert_eq!(v.top(&query, 1)[0].0, 3);
}

#[test]
fn a_file_of_garbage_or_without_a_header_is_begun_afresh() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 5));
    let path = only_file(dir.path());
    for garbage in [Vec::new(), b"hobvec".to_vec(), vec![0xAA; 5_000]] {
        fs::write(&path, &garbage).unwrap();
        let mut v = open(dir.path());
        assert!(v.is_empty());
        v.append(&[(1, towards(1, 2.0))]).unwrap();
        drop(v);
        assert_eq!(open(dir.path()).len(), 1);
    }
}

#[test]
fn compaction_keeps_the_living() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = filled(dir.path(), 1_000);
    let size = fs::metadata(only_file(dir.path())).unwrap().len();
    v.remove(&(0..600).collect::<Vec<_>>()).unwrap();
    let before = v.top(&towards(4, 3.0), 20);
    v.flush().unwrap();
    assert!(fs::metadata(only_file(dir.path())).unwrap().len() < size / 2);
    assert_eq!((v.len(), v.top(&towards(4, 3.0), 20)), (400, before.clone()));
    v.append(&[(5, towards(1, 2.0))]).unwrap();
    drop(v);
    let v = open(dir.path());
    assert_eq!((v.len(), v.contains(5), v.contains(6)), (401, true, false));
}

#[test]
fn tidying_is_for_what_a_flush_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = filled(dir.path(), 2_000);
    assert!(!v.tidy().unwrap());
    v.remove(&(0..150).collect::<Vec<_>>()).unwrap();
    v.flush().unwrap();
    let size = fs::metadata(only_file(dir.path())).unwrap().len();
    assert!(v.tidy().unwrap());
    assert!(fs::metadata(only_file(dir.path())).unwrap().len() < size);
    assert_eq!((v.len(), v.contains(149), v.contains(150)), (1_850, false, true));
    assert!(!v.tidy().unwrap());
}

#[test]
fn another_embedder_starts_empty_and_the_old_vectors_go_when_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Vectors::stored(&dir.path().join("none")).unwrap().is_empty());
    let old = filled(dir.path(), 3).embedder().to_owned();
    fs::write(dir.path().join("1.vectors-new"), b"left over").unwrap();
    fs::write(dir.path().join("2.vectors"), vec![0xAA; 600]).unwrap();
    let other = Vectors::open(dir.path(), "maxi", 12).unwrap();
    assert!(other.is_empty());
    assert_eq!(Vectors::stored(dir.path()).unwrap(), [(old, DIM), ("maxi".to_owned(), 12)]);
    assert_eq!(open(dir.path()).len(), 3, "the old ones are still there");
    other.delete_others().unwrap();
    only_file(dir.path());
    assert_eq!(Vectors::stored(dir.path()).unwrap(), [("maxi".to_owned(), 12)]);
}

#[test]
fn nearly_all_of_the_truly_nearest_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = Vectors::open(dir.path(), "wide", 96).unwrap();
    let wave = |id: u64, i: u64| ((id * 7_919 + i * i * 31 + id * i) as f32 * 0.37).sin();
    let vector = |id: u64| -> Vec<f32> { (0..96).map(|i| wave(id, i)).collect() };
    let all: Vec<(ChunkId, Vec<f32>)> = (0..3_000).map(|id| (id, vector(id))).collect();
    v.append(&all).unwrap();
    let unit = |v: Vec<f32>| -> Vec<f32> {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        v.into_iter().map(|x| x / norm).collect()
    };
    let (mut found, mut wanted) = (0, 0);
    for id in 10_000..10_040 {
        let query = unit(vector(id));
        let dot = |v: &[f32]| query.iter().zip(v).map(|(a, b)| a * b).sum::<f32>();
        let mut exact: Vec<(f32, ChunkId)> = all.iter().map(|(id, v)| (dot(&unit(v.clone())), *id)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let got: Vec<ChunkId> = v.top(&query, 10).into_iter().map(|hit| hit.0).collect();
        found += exact[..10].iter().filter(|hit| got.contains(&hit.1)).count();
        wanted += 10;
    }
    assert!(found * 100 >= wanted * 97, "{found} of {wanted}");
}

#[test]
fn bad_vectors_are_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut v = open(dir.path());
    assert!(v.append(&[(1, towards(1, 1.0)), (2, vec![f32::NAN; DIM])]).is_err());
    assert!(v.append(&[(1, vec![1.0; DIM - 1])]).is_err());
    assert!(v.is_empty());
    assert!(Vectors::open(dir.path(), "", 4).is_err() && Vectors::open(dir.path(), "x", 0).is_err());
}

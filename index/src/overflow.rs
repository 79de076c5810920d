//! A test of its own, since it has to stop the thread that takes the kernel's events.

use crate::types::{
    Block, Document, Embedder, EmbedderInfo, ExtractError, Extractor, IndexState, IndexStatus, Urgency,
};
use crate::{Index, IndexOptions};
use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Each makes three events or more, and the kernel keeps 16,384.
const FILES: usize = 10_000;
const FOLDERS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);

struct Names;

impl Extractor for Names {
    fn extract(&self, path: &Path) -> Result<Document, ExtractError> {
        let block = Block { text: path.display().to_string(), line: 1, ..Block::default() };
        Ok(Document { kind: "text".into(), blocks: vec![block], ..Document::default() })
    }
}

impl Embedder for Names {
    fn info(&self) -> Option<EmbedderInfo> {
        None
    }
    fn embed(&self, _: &[String], _: Urgency) -> Result<Vec<Vec<f32>>, String> {
        Err("there is no embedder".to_owned())
    }
}

fn idle(index: &Index, documents: u64) {
    let (tell, told) = mpsc::channel();
    index.on_change(Box::new(move |status: &IndexStatus| drop(tell.send(status.clone()))));
    let done = |s: &IndexStatus| s.state == IndexState::Idle && s.pending == 0 && s.documents == documents;
    let mut status = index.status();
    while !done(&status) {
        status = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("still {:?}", index.status()));
    }
}

#[test]
fn ten_thousand_changes_while_the_kernels_queue_overflows_are_all_found() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let folder = |i: usize| base.join(format!("files/{}", i % FOLDERS));
    (0..FOLDERS).for_each(|i| fs::create_dir_all(folder(i)).unwrap());
    fs::write(folder(0).join("first.txt"), "x").unwrap();
    let index = Index::open(IndexOptions::new(base.join("index")), Arc::new(Names), Arc::new(Names)).unwrap();
    index.add_folder(&base.join("files")).unwrap();
    idle(&index, 1);
    let settling = index.settling();
    settling.while_held(|| {
        for i in 0..FILES {
            fs::write(folder(i).join(format!("{i}.txt")), "x").unwrap();
        }
    });
    idle(&index, FILES as u64 + 1);
    assert!(settling.overflows() > 0, "the kernel's queue was to overflow");
    assert_eq!(index.documents().len(), FILES + 1);
}

//! What the host does without any model: refuses clearly and lives on.
#![allow(clippy::unwrap_used)]

mod common;

use common::{load, start};
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use std::path::PathBuf;
use std::time::Duration;

fn spec(path: PathBuf) -> LoadSpec {
    LoadSpec { path, role: Role::Chat, threads: 1, ..LoadSpec::default() }
}

#[tokio::test]
async fn files_that_are_no_models_are_refused_and_the_host_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let host = start().await;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cases = [
        (write("garbage.gguf", &[0xa5; 4096]), "not a GGUF file"),
        (write("empty.gguf", b""), "ends in the middle"),
        (write("cut.gguf", b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0"), "ends in the middle"),
        (folder.path().join("missing.gguf"), "No such file"),
        (folder.path().to_path_buf(), "not a regular file"),
    ];
    for (path, expected) in cases {
        let shown = path.display().to_string();
        match load(&host, spec(path)).await {
            Err(EngineError::BadModel { path, reason }) => {
                assert_eq!(path, shown);
                assert!(reason.contains(expected), "{shown}: {reason}");
            }
            other => panic!("{shown}: {other:?}"),
        }
        assert!(host.is_alive());
    }
}

#[test]
fn a_real_header_is_read_fast() {
    let Some(path) = common::model(common::CHAT) else { return };
    let header = hob_engine::gguf::read(&path).unwrap();
    assert_eq!((header.vocabulary, header.context_length, header.quantization.as_str()), (49_152, 8_192, "Q4_1"));
    assert_eq!((header.parameters, header.role), (134_515_008, Role::Chat));
    assert!(header.chat_template.is_some_and(|template| template.contains("<|im_start|>")));
    // The best of several, because other work may run beside.
    let read = || {
        let started = std::time::Instant::now();
        hob_engine::gguf::read(&path).unwrap();
        started.elapsed()
    };
    let best = (0..20).map(|_| read()).min().unwrap();
    eprintln!("header of {} read in {best:?}", common::CHAT);
    assert!(best < Duration::from_millis(500), "{best:?}");
}

#[tokio::test]
async fn work_without_a_model_is_refused() {
    let host = start().await;
    let requests = [
        ModelRequest::CountTokens { text: "x".into() },
        ModelRequest::Generate(common::ask("x")),
        ModelRequest::Embed { texts: vec!["x".into()], interactive: false },
    ];
    for request in requests {
        let reply = host.ask(request).await.unwrap();
        assert!(matches!(reply, ModelReply::Failed(EngineError::InvalidArgument(_))), "{reply:?}");
    }
}

#[tokio::test]
async fn the_host_ends_when_asked() {
    let host = start().await;
    // A stop that needed the kill would take the whole grace.
    let started = std::time::Instant::now();
    host.stop(Duration::from_secs(20)).await;
    assert!(!host.is_alive());
    assert!(started.elapsed() < Duration::from_secs(10));
}

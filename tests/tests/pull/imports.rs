//! Models of other programs: linked, never copied.

use super::*;
use hob_link::fetch::{ImportOutcome, ImportRequest, Imported};
use std::os::unix::fs::MetadataExt;

async fn import(from: &Path, folder: &Folder, name: Option<&str>) -> Result<Vec<Imported>, FetchError> {
    let request = ImportRequest {
        from: from.to_path_buf(),
        folder: folder.path().to_path_buf(),
        name: name.map(str::to_string),
        dry_run: false,
    };
    match start().await.ask(FetchTask::Import(request)).await.expect("an answer") {
        FetchReply::Imported(all) => Ok(all),
        FetchReply::Failed(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

fn put(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    std::fs::write(path, content).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_linked_and_what_is_no_model_is_said() {
    let (at, folder) = (Folder::new(), Folder::new());
    put(&at.path().join("publisher/repo/m-Q4_0.gguf"), &model());
    put(&at.path().join("publisher/repo/README.md"), b"no model");
    put(&at.path().join("broken.gguf"), b"GGUF and no more");
    // A hub's cache: the name is a link to a blob.
    put(&at.path().join("models--o--r/blobs/abc"), &gguf::model(1_000, 5));
    std::fs::create_dir_all(at.path().join("models--o--r/snapshots/1")).expect("folders");
    std::os::unix::fs::symlink("../../blobs/abc", at.path().join("models--o--r/snapshots/1/cached.gguf"))
        .expect("a link");
    let all = import(at.path(), &folder, None).await.expect("imported");
    let outcome = |name: &str| &all.iter().find(|one| one.name == name).expect(name).outcome;
    assert!(matches!(outcome("broken.gguf"), ImportOutcome::Skipped(_)));
    assert_eq!((outcome("m-Q4_0.gguf"), outcome("cached.gguf")), (&ImportOutcome::HardLink, &ImportOutcome::HardLink));
    folder.must_hold("m-Q4_0.gguf", &model());
    folder.must_hold("cached.gguf", &gguf::model(1_000, 5));
    let links = |path: &Path| std::fs::metadata(path).expect("there").nlink();
    assert_eq!(links(&folder.path().join("m-Q4_0.gguf")), 2, "it was copied");
    let again = import(&at.path().join("publisher"), &folder, None).await.expect("again");
    assert_eq!(again[0].outcome, ImportOutcome::WasThere);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_system_is_referred_to() {
    // /dev/shm is memory, the test's folder is not, on most machines; where both are one, it is a hard link.
    let Ok(at) = tempfile::tempdir_in("/dev/shm") else { return };
    let folder = Folder::new();
    let path = at.path().join("m.gguf");
    put(&path, &model());
    let all = import(&path, &folder, Some("mine.gguf")).await.expect("imported");
    let device = |path: &Path| std::fs::metadata(path).expect("there").dev();
    if device(at.path()) != device(folder.path()) {
        assert_eq!(all[0].outcome, ImportOutcome::Reference);
        assert_eq!(std::fs::read_link(folder.path().join("mine.gguf")).expect("a link"), path);
    }
    folder.must_hold("mine.gguf", &model());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ollama_store_is_read_by_its_manifests() {
    let (at, folder) = (Folder::new(), Folder::new());
    let (file, store) = (model(), at.path().join("models"));
    let digest = gguf::sha256(&file);
    put(&store.join(format!("blobs/sha256-{digest}")), &file);
    let layers = serde_json::json!({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.ollama.image.license", "digest": format!("sha256:{}", "1".repeat(64))},
        {"mediaType": "application/vnd.ollama.image.model", "digest": format!("sha256:{digest}")},
    ]});
    put(&store.join("manifests/registry.example/library/tiny/latest"), layers.to_string().as_bytes());
    put(&store.join("manifests/registry.example/library/tiny/broken"), b"{");
    let all = import(at.path(), &folder, None).await.expect("imported");
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].name.as_str(), &all[0].outcome), ("tiny-latest.gguf", &ImportOutcome::HardLink));
    folder.must_hold("tiny-latest.gguf", &file);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_import_is_an_error() {
    let (at, folder) = (Folder::new(), Folder::new());
    let error = import(at.path(), &folder, None).await.expect_err("empty").to_string();
    assert!(error.contains("holds no model"), "{error}");
    let error = import(&at.path().join("absent"), &folder, None).await.expect_err("absent").to_string();
    assert!(error.contains("no such file"), "{error}");
}

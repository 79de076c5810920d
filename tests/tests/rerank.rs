//! Reranking over the bus, with a small cross-encoder that the test makes.

use anyhow::{Context, Result, ensure};
use hob_sdk::client::{ModelsProxy, Options};
use hob_tests::{Scene, models};
use std::os::unix::fs::symlink;

#[path = "../../hosts/model/tests/common/bert.rs"]
mod bert;

const DOCUMENTS: [&str; 3] = ["a phone's battery lasts about two days.", "rivers flow to the sea", ""];

#[tokio::test(flavor = "multi_thread")]
async fn documents_get_the_scores_of_the_reference() -> Result<()> {
    let Some(models) = models() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let minilm = models.join("all-MiniLM-L6-v2.F16.gguf");
    symlink(&minilm, folder.path().join("embedder.gguf"))?;
    let reference = bert::write_reranker(&minilm, &folder.path().join("cross-encoder.gguf"), None);
    let scene = Scene::start(Some(folder.path())).await?;
    let bus = scene.connect().await?;
    let proxy = ModelsProxy::new(&bus).await?;

    let scores = proxy.rerank("how long does a battery last?", &DOCUMENTS, &Options::new()).await?;
    for (score, document) in scores.iter().zip(DOCUMENTS) {
        let wanted = f64::from(reference.score("how long does a battery last?", document, 512));
        ensure!((score - wanted).abs() <= 0.01 * wanted.abs(), "{score} instead of {wanted}: {document}");
    }
    let background = Options::new().with("model", "cross-encoder").with("priority", "background");
    ensure!(proxy.rerank("a river", &DOCUMENTS[1..2], &background).await?.len() == 1);
    ensure!(proxy.rerank("a river", &[], &Options::new()).await?.is_empty());

    let listed = scene.hob_json(&["model", "list"])?;
    let listed = listed.as_array().context("a list")?;
    let of = |id: &str| listed.iter().find(|model| model["id"] == id).cloned().unwrap_or_default();
    ensure!(of("cross-encoder")["role"] == "reranking" && of("cross-encoder")["state"] == "loaded", "{listed:?}");
    ensure!(of("embedder")["role"] == "embedding", "{listed:?}");

    let embedder = proxy.rerank("a river", &DOCUMENTS, &Options::new().with("model", "embedder")).await;
    ensure!(embedder.is_err_and(|error| error.to_string().contains("not for reranking")));
    let reranker = proxy.embed(&DOCUMENTS, &Options::new().with("model", "cross-encoder")).await;
    ensure!(reranker.is_err_and(|error| error.to_string().contains("not for embedding")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reranker_the_error_says_so() -> Result<()> {
    let scene = Scene::start(None).await?;
    let bus = scene.connect().await?;
    let proxy = ModelsProxy::new(&bus).await?;
    let none = proxy.rerank("a river", &DOCUMENTS, &Options::new()).await;
    ensure!(none.is_err_and(|error| error.to_string().contains("there is no reranking model")));
    let odd = proxy.rerank("a river", &DOCUMENTS, &Options::new().with("colour", "red")).await;
    ensure!(odd.is_err_and(|error| error.to_string().contains("unknown option colour")));
    Ok(())
}

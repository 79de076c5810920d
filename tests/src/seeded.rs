//! What routing works out from the built-in skills, made once for all tests of a build: it takes each daemon seconds.

use super::{PATIENCE, Scene, given_models, programs};
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

/// Below a cache folder: as the daemon lays it out.
const ROUTING: &str = "hob/routing";
const LEARNED: &str = "learned.bin";

/// Puts it into the scene's cache. A daemon takes it only if it was made from just what that daemon has.
pub async fn seed(scene: &Scene) -> Result<()> {
    let (models, to) = (scene.folder().join("data/hob/models"), scene.folder().join("cache").join(ROUTING));
    let Some(given) = given_models() else { return Ok(()) };
    // With other models, or none, there is nothing to learn from.
    if to.exists() || models.canonicalize().ok() != given.canonicalize().ok() {
        return Ok(());
    }
    let from = made(&given).await?;
    std::fs::create_dir_all(&to)?;
    copy(&from, &to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in ["examples.bin", LEARNED] {
        std::fs::copy(from.join(file), to.join(file))?;
    }
    Ok(())
}

/// The folder that it is in; made by whoever comes first, for whom all others wait.
async fn made(models: &Path) -> Result<PathBuf> {
    let daemon = programs().join("hobd").metadata().context("hobd (run: make build)")?;
    let built = daemon.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    let folder = programs().join("tests-routing").join(built.to_string());
    std::fs::create_dir_all(&folder)?;
    let lock = std::fs::File::create(folder.with_extension("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if !folder.join(LEARNED).exists() {
        make(models, &folder).await?;
    }
    Ok(folder)
}

async fn make(models: &Path, folder: &Path) -> Result<()> {
    let mut scene = Scene::bus_only(Some(models))?;
    scene.launch().await?;
    let (cache, began) = (scene.folder().join("cache").join(ROUTING), Instant::now());
    // The first request starts it; the others pass the time.
    while !cache.join(LEARNED).exists() {
        scene.hob_json(&["route", "what time is it"])?;
        if began.elapsed() > PATIENCE {
            bail!("the router did not learn: {}", scene.log());
        }
    }
    copy(&cache, folder)
}

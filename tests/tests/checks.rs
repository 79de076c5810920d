//! A new chat model is checked without being asked: may it write answers, or should it quote?

use anyhow::{Context, Result};
use futures_util::StreamExt;
use hob_tests::{NAME, PATIENCE, ROOT, Scene, models};
use std::num::NonZeroUsize;

#[tokio::test]
async fn a_new_model_is_checked_when_nobody_needs_the_machine() -> Result<()> {
    let Some(models) = models() else { return Ok(()) };
    let mut scene = Scene::bus_only(Some(&models))?;
    // On a machine that is busy with other tests the check would wait for quiet; so it is told not to.
    std::fs::write(scene.folder().join("config/hob/hob.toml"), "[models]\ncheck_after_seconds = 1\n")?;
    let bus = scene.connect().await?;
    let rule = zbus::MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface("org.hob.Models1")
        .member("Checked")
        .path(ROOT)
        .build()?;
    let mut checked = zbus::MessageStream::for_match_rule(rule, &bus, NonZeroUsize::new(4)).await?;
    scene.start_daemon().await?;
    let message = tokio::time::timeout(PATIENCE * 3, checked.next()).await.context("no check ended")?;
    let message = message.context("the bus closed")??;
    assert_eq!(message.header().member().map(ToString::to_string).as_deref(), Some("Checked"), "{NAME}");
    let (id, passed): (String, bool) = message.body().deserialize()?;

    let listed = scene.hob_json(&["model", "list"])?;
    let model = listed.as_array().context("a list")?.iter().find(|m| m["id"] == id.as_str());
    let expected = if passed { "generating" } else { "quoting" };
    assert_eq!(model.context("the checked model")?["answers"], expected, "{listed}");
    Ok(())
}

//! hob-apps: finds the apps of the desktop and opens them, as the skill `org.hob.apps`.
//!
//! Owns: the name on the session bus, and this process's life: the bus starts it for a call, and it ends when a minute
//! has passed without one (or as many seconds as its only argument says). Must not know: which words led to a call, nor
//! how an app is opened.

#![deny(unsafe_code)]

use anyhow::Context as _;
use hob_skill_apps::{Calls, NAME, OBJECT, Provider, Surroundings};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use zbus::connection::Builder;

/// How long this process stays without a call.
const IDLE: Duration = Duration::from_secs(60);
/// How long a call that came before the name was given back may take to reach its handler.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let idle = match std::env::args().nth(1) {
        Some(seconds) => Duration::from_secs(seconds.parse().context("usage: hob-apps [SECONDS UNTIL IT ENDS IDLE]")?),
        None => IDLE,
    };
    let calls = Calls::default();
    let provider = Provider::new(Surroundings::of_this_process(), calls.clone());
    let connection = Builder::session()
        .serve_at(OBJECT, provider)
        .name(NAME)
        .build()
        .await
        .with_context(|| format!("taking the name {NAME} on the session bus"))?;
    // The service manager ends what gives its name back; what runs by then is still answered.
    let mut told_to_end = signal(SignalKind::terminate()).context("hearing of SIGTERM")?;
    tokio::select! {
        () = calls.idle_for(idle) => {}
        _ = told_to_end.recv() => {}
        () = connection.closed() => return Ok(()),
    }
    // From here on the bus starts another process for the next call; what it has given to this one is still answered.
    connection.release_name(NAME).await.context("giving the name back")?;
    calls.idle_for(ON_ITS_WAY).await;
    Ok(())
}

//! logind: when the machine goes to sleep, and whether anybody sits at it.
//!
//! Before sleep there is something to write down, so sleep is delayed by an inhibitor: a file descriptor that is held
//! from start or wake-up until that is done.

use super::{flag, read_properties, while_there};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use zbus::{Connection, OwnedFd, proxy};

const MANAGER: (&str, &str, &str) =
    ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
/// logind waits 5 s by itself (`InhibitDelayMaxSec`).
const MOST: Duration = Duration::from_millis(4_500);

#[proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    /// A file descriptor; while it is open, sleep is delayed.
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
    /// True before sleep, false after it.
    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;
}

/// Follows logind while it is there.
pub async fn follow(bus: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let serve = async || {
        let idle = read_properties(bus, MANAGER, |properties| {
            let idle = flag(properties, "IdleHint");
            daemon.governor.change(|now| now.user_idle = idle);
        });
        tokio::try_join!(idle, follow_sleep(bus, daemon))?;
        Ok(())
    };
    let gone = || {
        daemon.governor.change(|now| now.user_idle = None);
        // Whoever would say that the machine is awake again is not there.
        daemon.steward.after_sleep();
    };
    while_there(bus, MANAGER.0, serve, gone).await
}

async fn follow_sleep(bus: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let manager = ManagerProxy::new(bus).await?;
    let mut signals = manager.receive_prepare_for_sleep().await?;
    let mut inhibitor = inhibit(&manager).await;
    while let Some(signal) = signals.next().await {
        if *signal.args()?.start() {
            if tokio::time::timeout(MOST, daemon.steward.before_sleep(&daemon.models)).await.is_err() {
                tracing::warn!("the machine sleeps before all models have written down what they evaluated");
            }
            drop(inhibitor.take());
        } else {
            daemon.steward.after_sleep();
            inhibitor = inhibit(&manager).await;
        }
    }
    Ok(())
}

/// `None` where policy forbids it: then what models have evaluated may be lost, which costs time and nothing else.
async fn inhibit(manager: &ManagerProxy<'_>) -> Option<OwnedFd> {
    match manager.inhibit("sleep", "hob", "writes down conversations", "delay").await {
        Ok(inhibitor) => Some(inhibitor),
        Err(error) => {
            tracing::info!(%error, "sleep can't be delayed; evaluated prompts may be lost with it");
            None
        }
    }
}

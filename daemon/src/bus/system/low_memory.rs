//! LowMemoryMonitor: warnings before the kernel has to kill. It only ever warns, so a warning that is not repeated ends.

use super::while_there;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use zbus::{Connection, proxy};

const NAME: &str = "org.freedesktop.LowMemoryMonitor";
/// It warns every 15 s while memory is low.
const LASTS: Duration = Duration::from_secs(30);

#[proxy(
    interface = "org.freedesktop.LowMemoryMonitor",
    default_service = "org.freedesktop.LowMemoryMonitor",
    default_path = "/org/freedesktop/LowMemoryMonitor"
)]
trait LowMemoryMonitor {
    /// 50: free some memory; 100: free what can be had; 255: processes will be killed.
    #[zbus(signal)]
    fn low_memory_warning(&self, level: u8) -> zbus::Result<()>;
}

/// Follows LowMemoryMonitor while it is there.
pub async fn follow(bus: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let tell = |level: u8| daemon.governor.change(|now| now.low_memory_warning = level);
    let serve = async || {
        let mut warnings = LowMemoryMonitorProxy::new(bus).await?.receive_low_memory_warning().await?;
        let mut warned = false;
        loop {
            let next = tokio::select! {
                next = warnings.next() => next,
                () = tokio::time::sleep(LASTS), if warned => {
                    tell(0);
                    warned = false;
                    continue;
                }
            };
            let Some(warning) = next else { return Ok(()) };
            let level = *warning.args()?.level();
            tracing::info!(level, "LowMemoryMonitor warns");
            tell(level);
            warned = true;
        }
    };
    while_there(bus, NAME, serve, || tell(0)).await
}

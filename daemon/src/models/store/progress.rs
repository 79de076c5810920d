//! How far a long task on models is.

use hob_link::fetch::{FetchProgress, Stage};

/// How far a task is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// "asking", "waiting", "receiving", "retrying", "verifying", or what else is done.
    pub stage: &'static str,
    /// A sentence for a person.
    pub text: String,
    /// Share of all of it, 0 to 1; `None` where that is not known.
    pub share: Option<f64>,
    /// Bytes that are there; 0 for tasks that are not counted so.
    pub done: u64,
    /// Bytes in all; 0 where that is not known.
    pub total: u64,
    /// Bytes a second.
    pub rate: u64,
    /// Seconds until it is done, where that can be told.
    pub remaining: Option<u64>,
}

impl Progress {
    /// Of a fetch of `name`.
    pub fn of_fetch(name: &str, at: &FetchProgress) -> Self {
        let FetchProgress { stage, done, total, bytes_per_second: rate } = *at;
        let remaining = total.saturating_sub(done).checked_div(rate).filter(|_| total > 0);
        let share = (total > 0).then(|| done as f64 / total as f64);
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1u32 << 20));
        let text = match stage {
            Stage::Asking => format!("Asking for {name} …"),
            Stage::Waiting => format!("Another process is getting {name}; waiting for it …"),
            Stage::Retrying => format!("The source of {name} does not answer; trying again …"),
            Stage::Verifying => format!("Checking {} MiB of {name} that are there already …", mib(done)),
            Stage::Receiving => {
                let of = if total > 0 { format!(" of {}", mib(total)) } else { String::new() };
                let left = remaining.map(|seconds| format!(", {} left", duration(seconds))).unwrap_or_default();
                format!("Getting {name}: {}{of} MiB, {} MiB/s{left}", mib(done), mib(rate))
            }
        };
        Self { stage: stage.name(), text, share, done, total, rate, remaining }
    }

    /// Tells it; nobody listening is no error.
    pub async fn send(self, to: &tokio::sync::mpsc::Sender<Self>) {
        if to.send(self).await.is_err() {
            tracing::trace!("nobody hears how far it is");
        }
    }

    /// Of a task that knows its share.
    pub fn of_share(stage: &'static str, what: &str, share: f32) -> Self {
        let text = format!("{what}: {:.0} % …", share * 100.0);
        Self { stage, text, share: Some(f64::from(share)), ..Self::default() }
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_rate_and_remaining_time() {
        let at = |done, total, rate| FetchProgress { stage: Stage::Receiving, done, total, bytes_per_second: rate };
        let progress = Progress::of_fetch("m.gguf", &at(45 << 20, 120 << 20, 5 << 20));
        assert_eq!(progress.text, "Getting m.gguf: 45.0 of 120.0 MiB, 5.0 MiB/s, 15 s left");
        assert_eq!((progress.remaining, progress.share), (Some(15), Some(0.375)));
        let progress = Progress::of_fetch("m.gguf", &at(1 << 20, 0, 0));
        assert_eq!((progress.text.as_str(), progress.remaining), ("Getting m.gguf: 1.0 MiB, 0.0 MiB/s", None));
        assert_eq!(duration(7_260), "2 h 1 min");
    }
}

//! A decision as a sentence.

use crate::decisions::{Decision, Deed};
use crate::steward::{EMBEDDING, THREADS};
use std::time::{Duration, SystemTime};

/// "5 min ago, smol was unloaded because nobody used it for 300 s (unused 300 s)."
pub fn sentence(decision: &Decision, now: SystemTime) -> String {
    let figures: Vec<String> = decision.figures.iter().map(|(name, value)| figure(name, *value)).collect();
    let figures = if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) };
    let because = match decision.because.as_str() {
        "" => String::new(),
        because => format!(" because {because}"),
    };
    let text = format!("{}, {}{because}{figures}.", ago(decision.at, now), deed(decision));
    capitalised(&text)
}

fn deed(decision: &Decision) -> String {
    let of = match decision.subject.as_str() {
        EMBEDDING => "embedding of files",
        other => other,
    };
    match decision.deed {
        Deed::Loaded => format!("{of} was loaded"),
        Deed::Unloaded => format!("{of} was unloaded"),
        Deed::Refused => format!("{of} was refused"),
        Deed::Shortened => format!("{of} got a shorter context"),
        Deed::Replaced => format!("another model was taken instead of {of}"),
        Deed::Trimmed => format!("{of} gave back memory"),
        Deed::Paused => format!("{of} was paused"),
        Deed::Resumed => format!("{of} went on"),
        Deed::Slowed if of == THREADS => "answers got fewer threads".into(),
        Deed::Slowed => format!("{of} was slowed down"),
        Deed::Freed if of == THREADS => "all threads were allowed again".into(),
        Deed::Freed => format!("{of} was no longer slowed down"),
        Deed::Ended => format!("{of} was ended"),
    }
}

/// How long ago, in the largest unit that fits. A clock that was set back makes no sense of it: "just now".
fn ago(at: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(at).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..10 => "just now".into(),
        10..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A figure with the unit that its name ends in.
fn figure(name: &str, value: f64) -> String {
    let (name, value) = if let Some(name) = name.strip_suffix("_bytes") {
        (name, format!("{:.0} MiB", value / f64::from(1 << 20)))
    } else if let Some(name) = name.strip_suffix("_percent") {
        (name, format!("{value:.0}%"))
    } else if let Some(name) = name.strip_suffix("_celsius") {
        (name, format!("{value:.0} °C"))
    } else if let Some(name) = name.strip_suffix("_seconds") {
        (name, format!("{value:.0} s"))
    } else {
        (name, format!("{value:.0}"))
    };
    format!("{} {value}", name.replace('_', " "))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_time_reason_and_figures() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let figures = vec![("need_bytes", 2.0 * 1024.0 * 1024.0 * 1024.0), ("unused_seconds", 300.0)];
        let decision =
            Decision { at, deed: Deed::Unloaded, subject: "smol".into(), because: "nobody used it".into(), figures };
        let told = |seconds| sentence(&decision, at + Duration::from_secs(seconds));
        assert_eq!(told(300), "5 min ago, smol was unloaded because nobody used it (need 2048 MiB, unused 300 s).");
        assert!(told(8_000).starts_with("2 h ago") && told(400_000).starts_with("4 days ago"));
        // The clock was set back meanwhile.
        assert!(sentence(&decision, at - Duration::from_secs(9_999)).starts_with("Just now"));
    }
}

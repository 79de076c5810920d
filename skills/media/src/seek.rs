//! Moving within a track.
//!
//! Owns: how far and which way. Must not know: how it is taken back; the result holds the place that was left.

use crate::player::{Player, Players, Status};
use crate::playing;
use crate::restore::Before;
use hob_sdk::{Context, Outcome, SkillError};
use jiff::SignedDuration;
use serde::Deserialize;

/// How far it goes when that is not said, in seconds.
const STEP: i64 = 15;

/// What `Seek` takes.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    offset: Option<String>,
    direction: Option<Direction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Forward,
    Back,
    Start,
}

/// Goes forward or back in what is played, or to its start.
///
/// # Errors
/// `unavailable`, when no player runs or it can't move; `invalid_argument`.
pub fn seek(asked: &Asked, context: &Context) -> Result<Outcome, SkillError> {
    let seconds = seconds(asked.offset.as_deref())?;
    let mut players = Players::open(context)?;
    let before = players.choose(context)?;
    if before.status == Status::Stopped {
        return Err(SkillError::new("not_playing", "Nothing is playing, so there is nothing to move in."));
    }
    if !before.can_seek {
        return Err(SkillError::unavailable(format!("{} can't move within what it plays.", before.title)));
    }
    let message = match asked.direction.unwrap_or(Direction::Forward) {
        Direction::Start => {
            players.move_to(&before, 0)?;
            "Back at the start.".to_string()
        }
        Direction::Forward => {
            players.move_by(&before, forward(&before, seconds)?)?;
            format!("{seconds} seconds ahead.")
        }
        Direction::Back => {
            players.move_by(&before, seconds.saturating_mul(-1_000_000))?;
            format!("{seconds} seconds back.")
        }
    };
    let now = players.look(&before.name)?;
    Ok(Outcome::say(message).with_data(Before::of(&before).beside(playing::shown(&now))))
}

/// Microseconds ahead. Players take a place beyond the end for the next track, which is not what was asked for.
fn forward(player: &Player, seconds: i64) -> Result<i64, SkillError> {
    let by = seconds.saturating_mul(1_000_000);
    let left = player.position.map(|position| player.track.length.saturating_sub(position));
    match left.filter(|_| player.track.length > 0) {
        Some(left) if by >= left => {
            let message = format!("Only {} seconds are left of it.", (left / 1_000_000).max(0));
            Err(SkillError::invalid_argument(message).suggest("Say less, or ask for the next track."))
        }
        _ => Ok(by),
    }
}

/// A span of time as the daemon writes it, in whole seconds.
fn seconds(offset: Option<&str>) -> Result<i64, SkillError> {
    let Some(text) = offset else { return Ok(STEP) };
    let wrong = || {
        SkillError::invalid_argument(format!("{text} is no span of time to move by.")).suggest("Say e.g. 30 seconds.")
    };
    let span: SignedDuration = text.parse().map_err(|_| wrong())?;
    // Back in time is a direction of its own.
    match span.as_secs().checked_abs() {
        Some(seconds @ 1..) => Ok(seconds),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::tests::stand_in;

    #[test]
    fn spans_are_read_and_end_before_the_track_does() {
        for (text, wanted) in [("PT30S", 30), ("PT1M30S", 90), ("-PT10S", 10)] {
            assert_eq!(seconds(Some(text)).ok(), Some(wanted), "{text}");
        }
        assert_eq!(seconds(None).ok(), Some(STEP));
        for bad in ["", "PT0S", "half a minute", "P1D"] {
            assert_eq!(seconds(Some(bad)).expect_err(bad).code, "invalid_argument");
        }
        let mut player = stand_in("vlc", Status::Playing);
        assert_eq!(forward(&player, 30).ok(), Some(30_000_000), "a length that is not known is no limit");
        player.track.length = 200_000_000;
        player.position = Some(190_000_000);
        assert_eq!(forward(&player, 5).ok(), Some(5_000_000));
        assert_eq!(forward(&player, 30).expect_err("too far").message, "Only 10 seconds are left of it.");
    }
}

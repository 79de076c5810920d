//! Play, pause, stop, next and previous.
//!
//! Owns: when each makes sense, and what is said of it. Must not know: how it is taken back; each result holds what was
//! before (see [`crate::restore`]).

use crate::player::{Player, Players, Status};
use crate::playing;
use crate::restore::Before;
use hob_sdk::{Context, Outcome, SkillError};
use serde::{Deserialize, Serialize};
use std::thread::sleep;
use std::time::Duration;

/// How often, and how far apart, a player is looked at until it has done what it was told.
const LOOKS: (u32, Duration) = (20, Duration::from_millis(50));

/// From one track to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To the following one.
    Next,
    /// To the one before.
    Previous,
}

impl Way {
    /// The player's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Next => "Next",
            Self::Previous => "Previous",
        }
    }

    /// The other way.
    pub fn back(self) -> Self {
        match self {
            Self::Next => Self::Previous,
            Self::Previous => Self::Next,
        }
    }
}

/// Goes on playing.
///
/// # Errors
/// `unavailable`, when no player runs; `refused`, when it does not play.
pub fn play(context: &Context) -> Result<Outcome, SkillError> {
    let mut players = Players::open(context)?;
    let before = players.choose(context)?;
    if before.status == Status::Playing {
        return Ok(outcome(format!("{} is playing already.", before.title), &before, &before));
    }
    players.tell(&before, "Play")?;
    let now = settled(&mut players, &before, |now| now.status == Status::Playing)?;
    if now.status != Status::Playing {
        let message = format!("{} was told to play and does not.", now.title);
        return Err(SkillError::new("refused", message).suggest("Choose something to play in it first."));
    }
    Ok(outcome(with_track("Playing", &now), &before, &now))
}

/// Pauses what plays.
///
/// # Errors
/// `not_playing`, or as [`play`].
pub fn pause(context: &Context) -> Result<Outcome, SkillError> {
    let mut players = Players::open(context)?;
    let before = players.choose(context)?;
    if before.status != Status::Playing {
        return Err(SkillError::new("not_playing", "Nothing is playing, so there is nothing to pause."));
    }
    players.tell(&before, "Pause")?;
    let now = settled(&mut players, &before, |now| now.status != Status::Playing)?;
    if now.status == Status::Playing {
        return Err(SkillError::new("refused", format!("{} was told to pause and plays on.", now.title)));
    }
    Ok(outcome(format!("{} is paused.", now.title), &before, &now))
}

/// Stops what plays or rests.
///
/// # Errors
/// `not_playing`, or as [`play`].
pub fn stop(context: &Context) -> Result<Outcome, SkillError> {
    let mut players = Players::open(context)?;
    let before = players.choose(context)?;
    if before.status == Status::Stopped {
        return Err(SkillError::new("not_playing", "Nothing is playing, so there is nothing to stop."));
    }
    players.tell(&before, "Stop")?;
    let now = settled(&mut players, &before, |now| now.status == Status::Stopped)?;
    if now.status == Status::Playing {
        return Err(SkillError::new("refused", format!("{} was told to stop and plays on.", now.title)));
    }
    // Some players know no stop but a pause.
    let how = if now.status == Status::Stopped { "has stopped" } else { "is paused" };
    Ok(outcome(format!("{} {how}.", now.title), &before, &now))
}

/// Goes to another track.
///
/// # Errors
/// `not_found`, when there is none that way; or as [`play`].
pub fn skip(way: Way, context: &Context) -> Result<Outcome, SkillError> {
    let mut players = Players::open(context)?;
    let before = players.choose(context)?;
    let (possible, there) = match way {
        Way::Next => (before.can_go_next, "next"),
        Way::Previous => (before.can_go_previous, "previous"),
    };
    if !possible {
        return Err(SkillError::not_found(format!("{} has no {there} track.", before.title)));
    }
    players.tell(&before, way.method())?;
    let now = settled(&mut players, &before, |now| now.track != before.track)?;
    let message = match now.track == before.track {
        true => format!("{} was told to go to the {there} track.", now.title),
        false => with_track("Now", &now),
    };
    let kept = Before::of(&before).skipping(way);
    Ok(Outcome::say(message).with_data(kept.beside(playing::shown(&now))))
}

/// The player once it has done something, or after a while as it is.
///
/// # Errors
/// When it is gone.
pub fn settled(players: &mut Players, player: &Player, done: impl Fn(&Player) -> bool) -> Result<Player, SkillError> {
    let (times, apart) = LOOKS;
    let mut now = players.look(&player.name)?;
    for _ in 1..times {
        if done(&now) {
            break;
        }
        sleep(apart);
        now = players.look(&player.name)?;
    }
    Ok(now)
}

fn outcome(message: String, before: &Player, now: &Player) -> Outcome {
    Outcome::say(message).with_data(Before::of(before).beside(playing::shown(now)))
}

/// "Playing Gaivota by Amália in VLC."
fn with_track(verb: &str, player: &Player) -> String {
    match player.track.title() {
        Some(track) => format!("{verb}: {track}."),
        None => format!("{} is playing.", player.title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::tests::stand_in;

    #[test]
    fn what_is_played_is_named_where_it_is_known() {
        let mut player = stand_in("vlc", Status::Playing);
        assert_eq!(with_track("Now", &player), "Now: Gaivota by Amália.");
        player.track = crate::player::Track::default();
        assert_eq!(with_track("Now", &player), "VLC is playing.");
        assert_eq!((Way::Next.back(), Way::Previous.back().method()), (Way::Previous, "Next"));
    }
}

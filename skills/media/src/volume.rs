//! The volume of the player.
//!
//! Owns: the arithmetic, and what a muted player had before. Must not know: the loudspeakers: no service on the message
//! bus has their volume.

use crate::moves::settled;
use crate::player::{Player, Players};
use crate::playing;
use crate::restore::Before;
use hob_sdk::{Context, Outcome, SkillError};
use serde::Deserialize;
use std::fs;

/// How far "louder" and "quieter" go, in percent.
const STEP: f64 = 10.0;
/// "A little" reads as one in many languages, and as a few in some; who says it means a step.
const A_LITTLE: f64 = 3.0;
/// What an unmuted player gets whose volume is not known, in percent.
const USUAL: f64 = 50.0;
/// Volumes nearer than this are the same.
const SAME: f64 = 0.005;
/// In the skill's own folder: the volume before the last muting.
const FILE: &str = "muted-volume";

/// What `SetPlayerVolume` takes.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    percent: Option<f64>,
    by: Option<f64>,
    change: Option<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Up,
    Down,
    Max,
    Mute,
    Unmute,
}

/// Sets the volume; the result holds what it was.
///
/// # Errors
/// `unavailable`, when no player runs or it has no volume; `refused`; `invalid_argument`.
pub fn set(asked: &Asked, context: &Context) -> Result<Outcome, SkillError> {
    let mut players = Players::open(context).and_then(|mut players| {
        let chosen = players.choose(context)?;
        Ok((players, chosen))
    });
    if let Err(error) = &mut players {
        error.suggestion = Some("Only a player's volume can be set; the loudspeakers' is not within reach.".into());
    }
    let (mut players, before) = players?;
    let Some(volume) = before.volume else {
        let message = format!("{} does not let its volume be set from outside.", before.title);
        return Err(SkillError::unavailable(message).suggest("Use the desktop's own volume control."));
    };
    let wanted = wanted(asked, volume * 100.0, muted(context))? / 100.0;
    players.set_volume(&before, wanted)?;
    let is_set = |now: &Player| now.volume.is_some_and(|volume| (volume - wanted).abs() < SAME);
    let now = settled(&mut players, &before, is_set)?;
    if !is_set(&now) {
        return Err(SkillError::new("refused", format!("{} did not take the volume.", now.title)));
    }
    if asked.change == Some(Change::Mute) && volume > SAME {
        fs::write(context.storage().join(FILE), volume.to_string())?;
    }
    let message = match wanted {
        wanted if wanted < SAME => format!("{} is muted.", now.title),
        wanted => format!("{} plays at {:.0}% volume.", now.title, wanted * 100.0),
    };
    Ok(Outcome::say(message).with_data(Before::of(&before).beside(playing::shown(&now))))
}

/// The volume before the last muting, in percent.
fn muted(context: &Context) -> Option<f64> {
    let kept: f64 = fs::read_to_string(context.storage().join(FILE)).ok()?.parse().ok()?;
    (0.0..=1.0).contains(&kept).then_some(kept * 100.0)
}

/// The percentage that is asked for, from what it is now and was before it was muted.
fn wanted(asked: &Asked, now: f64, muted: Option<f64>) -> Result<f64, SkillError> {
    let step = asked.by.filter(|by| by.abs() > A_LITTLE).unwrap_or(STEP).abs();
    match (asked.percent, asked.change) {
        (Some(percent), _) if !(0.0..=100.0).contains(&percent) => {
            Err(SkillError::invalid_argument(format!("The volume can't be {percent}%."))
                .suggest("Say a number from 0 to 100."))
        }
        (Some(percent), _) => Ok(percent),
        // A player that is louder than all already is not made quieter by "louder".
        (None, Some(Change::Up)) => Ok((now + step).min(now.max(100.0))),
        (None, Some(Change::Down)) => Ok((now - step).max(0.0)),
        (None, Some(Change::Max)) => Ok(100.0),
        (None, Some(Change::Mute)) => Ok(0.0),
        (None, Some(Change::Unmute)) if now > SAME * 100.0 => Ok(now),
        (None, Some(Change::Unmute)) => Ok(muted.unwrap_or(USUAL)),
        (None, None) => Err(SkillError::invalid_argument("How loud?").suggest("Say a percentage, louder or quieter.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_becomes_a_volume() {
        let asked = |percent, by, change| Asked { percent, by, change };
        for (asked, from, muted, to) in [
            (asked(Some(30.0), None, None), 70.0, None, 30.0),
            (asked(Some(30.0), None, Some(Change::Down)), 70.0, None, 30.0),
            (asked(None, None, Some(Change::Up)), 95.0, None, 100.0),
            (asked(None, Some(3.0), Some(Change::Up)), 50.0, None, 60.0),
            (asked(None, None, Some(Change::Up)), 120.0, None, 120.0),
            (asked(None, Some(25.0), Some(Change::Down)), 20.0, None, 0.0),
            (asked(None, None, Some(Change::Mute)), 70.0, None, 0.0),
            (asked(None, None, Some(Change::Unmute)), 0.0, Some(35.0), 35.0),
            (asked(None, None, Some(Change::Unmute)), 0.0, None, 50.0),
            (asked(None, None, Some(Change::Unmute)), 60.0, Some(35.0), 60.0),
            (asked(None, None, Some(Change::Max)), 10.0, None, 100.0),
        ] {
            assert_eq!(wanted(&asked, from, muted).ok(), Some(to), "{asked:?}");
        }
        assert_eq!(wanted(&asked(Some(-5.0), None, None), 1.0, None).expect_err("too little").code, "invalid_argument");
        assert_eq!(wanted(&asked(None, None, None), 1.0, None).expect_err("nothing said").code, "invalid_argument");
    }
}

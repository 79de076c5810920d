//! Taking back what was done to a player.
//!
//! Owns: the form in which results keep what was before, and the steps back to it. Must not know: which intent is
//! taken back.

use crate::moves::{Way, settled};
use crate::player::{Player, Players, Status};
use crate::playing;
use hob_sdk::{Context, Outcome, SkillError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Steps to a track: many players go to the start of the same one first.
const MOST_STEPS: u32 = 3;

/// A player as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Its name on the bus, without what all begin with.
    player: String,
    status: Status,
    /// The player's own name for the track.
    track: String,
    /// In microseconds.
    position: Option<i64>,
    volume: Option<f64>,
    /// Which way the track was left.
    skipped: Option<Way>,
}

/// What `RestorePlayback` takes.
#[derive(Debug, Deserialize)]
pub struct Asked {
    before: Before,
}

impl Before {
    /// A player as it is.
    pub fn of(player: &Player) -> Self {
        Self {
            player: player.name.clone(),
            status: player.status,
            track: player.track.id.clone(),
            position: player.position,
            volume: player.volume,
            skipped: None,
        }
    }

    /// The same, with the way in which its track is left.
    pub fn skipping(mut self, way: Way) -> Self {
        self.skipped = Some(way);
        self
    }

    /// Beside what else a result says.
    pub fn beside(&self, mut data: Value) -> Value {
        data["before"] = json!(self);
        data
    }
}

/// Sets a player back: its volume, its track, its place in it, and whether it plays.
///
/// # Errors
/// When it is gone, or does not find the way back to its track.
pub fn restore(asked: Asked, context: &Context) -> Result<Outcome, SkillError> {
    let before = asked.before;
    let mut players = Players::open(context)?;
    let found = players.look(&before.player)?;
    let kept = Before { skipped: before.skipped.map(Way::back), ..Before::of(&found) };
    if let Some(volume) = before.volume.filter(|volume| found.volume.is_some_and(|now| now != *volume)) {
        players.set_volume(&found, volume)?;
    }
    let now = back_to_track(&mut players, &found, &before)?;
    let now = back_to_status(&mut players, now, before.status)?;
    // Last, since playing and stopping move it too; a place that can't be reached is no reason to fail.
    if let Some(position) = before.position.filter(|_| now.can_seek && now.status != Status::Stopped)
        && let Err(error) = players.move_to(&now, position)
    {
        context.log(hob_sdk::Level::Info, &error.message);
    }
    let now = players.look(&before.player)?;
    Ok(Outcome::say(said(&now)).with_data(kept.beside(playing::shown(&now))))
}

fn back_to_track(players: &mut Players, found: &Player, before: &Before) -> Result<Player, SkillError> {
    let mut now = found.clone();
    let Some(skipped) = before.skipped else { return Ok(now) };
    for _ in 0..MOST_STEPS {
        if now.track.id == before.track {
            return Ok(now);
        }
        players.tell(&now, skipped.back().method())?;
        let left = now.track.id.clone();
        now = settled(players, &now, |now| now.track.id != left)?;
    }
    match now.track.id == before.track {
        true => Ok(now),
        false => Err(SkillError::new("refused", format!("{} did not go back to the track it had.", now.title))),
    }
}

fn back_to_status(players: &mut Players, now: Player, wanted: Status) -> Result<Player, SkillError> {
    if now.status == wanted {
        return Ok(now);
    }
    let steps: &[(&str, Status)] = match (now.status, wanted) {
        (_, Status::Playing) => &[("Play", Status::Playing)],
        // What is stopped has nothing to pause yet.
        (Status::Stopped, Status::Paused) => &[("Play", Status::Playing), ("Pause", Status::Paused)],
        (_, Status::Paused) => &[("Pause", Status::Paused)],
        (_, Status::Stopped) => &[("Stop", Status::Stopped)],
    };
    let mut now = now;
    for (method, status) in steps {
        players.tell(&now, method)?;
        now = settled(players, &now, |now| now.status == *status)?;
    }
    Ok(now)
}

fn said(player: &Player) -> String {
    let how = match player.status {
        Status::Playing => "is playing again",
        Status::Paused => "is paused again",
        Status::Stopped => "is stopped again",
    };
    match player.volume {
        Some(volume) => format!("{} {how}, at {:.0}% volume.", player.title, volume * 100.0),
        None => format!("{} {how}.", player.title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::tests::stand_in;

    #[test]
    fn what_results_keep_can_be_read_again() {
        let before = Before::of(&stand_in("vlc", Status::Paused)).skipping(Way::Next);
        let data = before.beside(json!({"title": "x"}));
        let asked: Asked = serde_json::from_value(data).expect("read");
        assert_eq!(asked.before, before);
        assert_eq!(said(&stand_in("vlc", Status::Paused)), "VLC is paused again, at 50% volume.");
    }
}

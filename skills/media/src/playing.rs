//! What is playing, in a sentence and in data.
//!
//! Owns: wording. Must not know: how a player is asked.

use crate::player::{Player, Players, Status};
use hob_sdk::{Context, Outcome, SkillError};
use serde_json::{Value, json};

/// Tells what is playing, or what would go on.
///
/// # Errors
/// `unavailable`, when no player runs.
pub fn tell(context: &Context) -> Result<Outcome, SkillError> {
    let player = Players::open(context)?.choose(context)?;
    Ok(Outcome::say(said(&player)).with_data(shown(&player)))
}

fn said(player: &Player) -> String {
    let album = match player.track.album.as_str() {
        "" => String::new(),
        album => format!(", from {album}"),
    };
    match (player.status, player.track.title()) {
        (Status::Playing, Some(track)) => format!("{} is playing {track}{album}.", player.title),
        (Status::Playing, None) => format!("{} is playing, and does not say what.", player.title),
        (Status::Paused, Some(track)) => format!("Nothing is playing; {} is paused at {track}{album}.", player.title),
        (Status::Paused, None) => format!("Nothing is playing; {} is paused.", player.title),
        (Status::Stopped, _) => "Nothing is playing.".into(),
    }
}

/// A player for scripts.
pub fn shown(player: &Player) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_string());
    json!({
        "player": player.name,
        "player_title": player.title,
        "status": player.status,
        "title": text(&player.track.title),
        "artist": text(&player.track.artist),
        "album": text(&player.track.album),
        "length_seconds": (player.track.length > 0).then_some(player.track.length / 1_000_000),
        "position_seconds": player.position.map(|position| position / 1_000_000),
        "volume_percent": player.volume.map(|volume| (volume * 100.0).round()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::tests::stand_in;

    #[test]
    fn each_state_has_its_sentence() {
        let mut player = stand_in("vlc", Status::Playing);
        assert_eq!(said(&player), "VLC is playing Gaivota by Amália.");
        player.track.album = "Com que voz".into();
        player.status = Status::Paused;
        assert_eq!(said(&player), "Nothing is playing; VLC is paused at Gaivota by Amália, from Com que voz.");
        player.track = crate::player::Track::default();
        assert_eq!(said(&player), "Nothing is playing; VLC is paused.");
        player.status = Status::Playing;
        assert_eq!(said(&player), "VLC is playing, and does not say what.");
        player.status = Status::Stopped;
        assert_eq!(said(&player), "Nothing is playing.");
        let shown = shown(&player);
        assert_eq!(
            (&shown["status"], &shown["title"], &shown["volume_percent"]),
            (&json!("stopped"), &Value::Null, &json!(50.0))
        );
    }
}

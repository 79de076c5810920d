//! Players on the session bus: what they say of themselves, and the calls they take.
//!
//! Owns: the Media Player Remote Interfacing Specification (MPRIS) as far as it is used here. Must not know: what the
//! user asked for.

use crate::recent;
use hob_sdk::message_bus::{BusError, MessageBus, Object, OwnedObjectPath, OwnedVariant, Properties, Variant};
use hob_sdk::{Bus, Context, SkillError};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// What all players' names begin with.
pub const FAMILY: &str = "org.mpris.MediaPlayer2.";
const PATH: &str = "/org/mpris/MediaPlayer2";
const ROOT: &str = "org.mpris.MediaPlayer2";
const PLAYER: &str = "org.mpris.MediaPlayer2.Player";
/// How long a player may take to answer: one that hangs must not keep the others from being found.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Players that are looked at.
const MOST: usize = 16;

/// Whether something plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing, and nothing is under way.
    Stopped,
    /// Something is under way and rests.
    Paused,
    /// It does.
    Playing,
}

/// What is played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    /// The player's own name for it.
    pub id: String,
    /// Empty when unknown.
    pub title: String,
    /// Empty when unknown; several are joined.
    pub artist: String,
    /// Empty when unknown.
    pub album: String,
    /// In microseconds; 0 when unknown.
    pub length: i64,
}

impl Track {
    /// "Title by Artist", as far as that is known.
    pub fn title(&self) -> Option<String> {
        match (self.title.as_str(), self.artist.as_str()) {
            ("", "") => None,
            ("", artist) => Some(format!("something by {artist}")),
            (title, "") => Some(title.into()),
            (title, artist) => Some(format!("{title} by {artist}")),
        }
    }
}

/// A player at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Player {
    /// Its name on the bus, without what all begin with.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Whether it plays.
    pub status: Status,
    /// What it plays.
    pub track: Track,
    /// 0 to 1, if it can be set.
    pub volume: Option<f64>,
    /// In microseconds from the track's start, if it tells.
    pub position: Option<i64>,
    /// Whether there is a next track.
    pub can_go_next: bool,
    /// Whether there is a previous track.
    pub can_go_previous: bool,
    /// Whether it can move within the track.
    pub can_seek: bool,
}

/// The players, and the way to them.
pub struct Players {
    bus: MessageBus,
}

impl Players {
    /// Opens the way.
    ///
    /// # Errors
    /// When there is no session bus.
    pub fn open(context: &Context) -> Result<Self, SkillError> {
        Ok(Self { bus: context.bus(Bus::Session)?.patience(PATIENCE) })
    }

    /// The player that is meant: the one that plays, else the one that was used last.
    ///
    /// # Errors
    /// `unavailable`, when there is none.
    pub fn choose(&mut self, context: &Context) -> Result<Player, SkillError> {
        let names = self.bus.names()?;
        let names: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(FAMILY)).collect();
        let order = recent::order(&mut self.bus, &names, context);
        let found = names.into_iter().filter(|name| *name != recent::KEEPER).take(MOST);
        let players: Vec<Player> = found.filter_map(|name| self.look(name).ok()).collect();
        let chosen = recent::choose(players, &order).ok_or_else(none)?;
        recent::note(&chosen.name, context);
        Ok(chosen)
    }

    /// A player as it is now.
    ///
    /// # Errors
    /// When it is gone or does not answer.
    pub fn look(&mut self, name: &str) -> Result<Player, SkillError> {
        let full = format!("{FAMILY}{name}");
        let mut told = self.bus.properties(&object(&full, PLAYER)).map_err(|error| failed(name, &error))?;
        let title = self.bus.property::<String>(&object(&full, ROOT), "Identity");
        let title = title.ok().filter(|title| !title.is_empty()).unwrap_or_else(|| name.to_string());
        Ok(player(name.into(), title, &mut told))
    }

    /// Calls one of the methods that take nothing.
    ///
    /// # Errors
    /// When the player refuses or is gone.
    pub fn tell(&mut self, player: &Player, method: &str) -> Result<(), SkillError> {
        self.call(player, method, &())
    }

    /// Moves by so many microseconds.
    ///
    /// # Errors
    /// As [`Players::tell`].
    pub fn move_by(&mut self, player: &Player, by: i64) -> Result<(), SkillError> {
        self.call(player, "Seek", &by)
    }

    /// Moves to a place in the track that is played.
    ///
    /// # Errors
    /// As [`Players::tell`].
    pub fn move_to(&mut self, player: &Player, position: i64) -> Result<(), SkillError> {
        let track = OwnedObjectPath::try_from(player.track.id.as_str())
            .map_err(|_| SkillError::new("refused", format!("{} names no track to move in.", player.title)))?;
        self.call(player, "SetPosition", &(track, position))
    }

    /// Sets the volume, 0 to 1.
    ///
    /// # Errors
    /// As [`Players::tell`].
    pub fn set_volume(&mut self, player: &Player, volume: f64) -> Result<(), SkillError> {
        let full = format!("{FAMILY}{}", player.name);
        let set = self.bus.set(&object(&full, PLAYER), "Volume", Variant::from(volume));
        set.map_err(|error| failed(&player.title, &error))
    }

    fn call<B>(&mut self, player: &Player, method: &str, arguments: &B) -> Result<(), SkillError>
    where
        B: Serialize + hob_sdk::message_bus::DynamicType,
    {
        let full = format!("{FAMILY}{}", player.name);
        let called = self.bus.call::<_, ()>(&object(&full, PLAYER), method, arguments);
        called.map_err(|error| failed(&player.title, &error))
    }
}

fn object<'a>(name: &'a str, interface: &'a str) -> Object<'a> {
    Object { name, path: PATH, interface }
}

fn none() -> SkillError {
    SkillError::unavailable("No media player is running.").suggest("Open a player, or a page that plays something.")
}

fn failed(title: &str, error: &BusError) -> SkillError {
    if error.is_absent() {
        return SkillError::unavailable(format!("{title} is not running any more."));
    }
    SkillError::new("refused", format!("{title} did not do it: {}.", error.to_string().trim_end_matches('.')))
}

/// A player out of its properties. What is not told is taken as possible, since a refusal then says more.
fn player(name: String, title: String, told: &mut Properties) -> Player {
    let status = match told.take::<String>("PlaybackStatus").as_deref() {
        Some("Playing") => Status::Playing,
        Some("Paused") => Status::Paused,
        _ => Status::Stopped,
    };
    let metadata: HashMap<String, OwnedVariant> = told.take("Metadata").unwrap_or_default();
    Player {
        name,
        title,
        status,
        track: track(metadata),
        volume: told.take("Volume"),
        position: told.take("Position"),
        can_go_next: told.take("CanGoNext").unwrap_or(true),
        can_go_previous: told.take("CanGoPrevious").unwrap_or(true),
        can_seek: told.take("CanSeek").unwrap_or(true),
    }
}

/// A track out of its metadata, in the types that players really use.
fn track(mut metadata: HashMap<String, OwnedVariant>) -> Track {
    let mut text = |key: &str| match metadata.remove(key).as_deref() {
        Some(Variant::Str(text)) => text.to_string(),
        Some(Variant::ObjectPath(path)) => path.to_string(),
        Some(Variant::Array(list)) => {
            let texts =
                list.iter().filter_map(|one| if let Variant::Str(text) = one { Some(text.as_str()) } else { None });
            texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    let (id, title) = (text("mpris:trackid"), text("xesam:title"));
    let (artist, album) = (text("xesam:artist"), text("xesam:album"));
    let length = match metadata.remove("mpris:length").as_deref() {
        Some(Variant::I64(length)) => *length,
        Some(Variant::U64(length)) => i64::try_from(*length).unwrap_or(0),
        Some(Variant::I32(length)) => i64::from(*length),
        Some(Variant::F64(length)) => *length as i64,
        _ => 0,
    };
    Track { id, title, artist, album, length: length.max(0) }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A player for the tests of other parts.
    pub fn stand_in(name: &str, status: Status) -> Player {
        let track = Track { title: "Gaivota".into(), artist: "Amália".into(), ..Track::default() };
        Player {
            name: name.into(),
            title: name.to_uppercase(),
            status,
            track,
            volume: Some(0.5),
            position: Some(0),
            can_go_next: true,
            can_go_previous: true,
            can_seek: true,
        }
    }

    fn value(value: Variant<'static>) -> OwnedVariant {
        OwnedVariant::try_from(value).expect("a value")
    }

    #[test]
    fn what_players_say_is_understood() {
        let metadata = HashMap::from([
            ("mpris:trackid".to_string(), value(Variant::from("/track/7"))),
            ("xesam:title".to_string(), value(Variant::from("Gaivota"))),
            ("xesam:artist".to_string(), value(Variant::from(vec!["Amália", "Carlos"]))),
            ("mpris:length".to_string(), value(Variant::from(180_000_000u64))),
        ]);
        let read = track(metadata);
        assert_eq!((read.id.as_str(), read.length), ("/track/7", 180_000_000));
        assert_eq!(read.title().as_deref(), Some("Gaivota by Amália, Carlos"));
        let mut told = Properties::from(HashMap::from([
            ("PlaybackStatus".to_string(), value(Variant::from("Paused"))),
            ("Volume".to_string(), value(Variant::from(0.4))),
            ("CanSeek".to_string(), value(Variant::from(false))),
        ]));
        let read = player("vlc".into(), "VLC".into(), &mut told);
        assert_eq!(
            (read.status, read.volume, read.can_seek, read.can_go_next),
            (Status::Paused, Some(0.4), false, true)
        );
        assert_eq!(read.track.title(), None);
    }
}

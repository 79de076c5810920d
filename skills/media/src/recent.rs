//! Which player is meant, where there are several.
//!
//! Owns: the order of preference, and the name of the player that was used last. Must not know: how a player is called.
//!
//! The standard keeps no times. So "most recent" is: what playerctld says, where it runs; else the player that this
//! skill used last; else the one that came to the bus last.

use crate::player::{FAMILY, Player};
use hob_sdk::Context;
use hob_sdk::message_bus::{MessageBus, Object};
use std::fs;

/// A program that follows all players, and is listed as one.
pub const KEEPER: &str = "playerctld";
/// In the skill's own folder.
const FILE: &str = "last-player";

/// The players' names, the most recent first.
pub fn order(bus: &mut MessageBus, names: &[&str], context: &Context) -> Vec<String> {
    if names.contains(&KEEPER) {
        let full = format!("{FAMILY}{KEEPER}");
        let keeper =
            Object { name: &full, path: "/org/mpris/MediaPlayer2", interface: "com.github.altdesktop.playerctld" };
        if let Ok(kept) = bus.property::<Vec<String>>(&keeper, "PlayerNames") {
            return kept.iter().filter_map(|name| name.strip_prefix(FAMILY)).map(String::from).collect();
        }
    }
    let mut came: Vec<(u64, &str)> = names
        .iter()
        .map(|name| (bus.owner(&format!("{FAMILY}{name}")).ok().and_then(|owner| number(&owner)).unwrap_or(0), *name))
        .collect();
    came.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let last = fs::read_to_string(context.storage().join(FILE)).unwrap_or_default();
    let last = came.iter().any(|(_, name)| *name == last).then_some(last);
    last.into_iter().chain(came.into_iter().map(|(_, name)| name.to_string())).collect()
}

/// The bus counts its connections, so that a higher number came later.
fn number(unique: &str) -> Option<u64> {
    unique.rsplit('.').next()?.parse().ok()
}

/// The one that plays before the one that rests before the one that is stopped; of several the most recent.
pub fn choose(players: Vec<Player>, order: &[String]) -> Option<Player> {
    let age = |player: &Player| order.iter().position(|name| *name == player.name).unwrap_or(order.len());
    players.into_iter().min_by_key(|player| (std::cmp::Reverse(player.status), age(player)))
}

/// Notes which player was used. Without the note the next choice is only less good.
pub fn note(name: &str, context: &Context) {
    if let Err(error) = fs::write(context.storage().join(FILE), name) {
        context.log(hob_sdk::Level::Debug, &format!("the player could not be noted: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::{Status, tests::stand_in};

    #[test]
    fn the_playing_one_is_meant_else_the_most_recent() {
        let order = ["a", "b", "c"].map(String::from);
        let chosen = |players: &[(&str, Status)]| {
            let players = players.iter().map(|(name, status)| stand_in(name, *status)).collect();
            choose(players, &order).map(|player| player.name)
        };
        assert_eq!(chosen(&[("a", Status::Paused), ("b", Status::Playing)]).as_deref(), Some("b"));
        assert_eq!(chosen(&[("c", Status::Playing), ("b", Status::Playing)]).as_deref(), Some("b"));
        assert_eq!(chosen(&[("a", Status::Stopped), ("c", Status::Paused)]).as_deref(), Some("c"));
        assert_eq!(chosen(&[("unknown", Status::Paused), ("c", Status::Paused)]).as_deref(), Some("c"));
        assert_eq!(chosen(&[]), None);
        assert_eq!([number(":1.42"), number("org.example")], [Some(42), None]);
    }
}

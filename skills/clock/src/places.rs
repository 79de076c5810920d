//! What time it is somewhere else.
//!
//! Owns: from a place's name to its time zone. Must not know: the table's content.

use crate::places_table::{PLACES, Place};
use crate::words;
use hob_sdk::text::fold;
use hob_sdk::{Outcome, SkillError};
use jiff::ZonedDateTime as Zoned;
use jiff::tz::{self, TimeZone};
use serde::Deserialize;
use serde_json::json;

/// A name this like a known one is offered as a correction.
const CLOSE: f64 = 0.85;

#[derive(Deserialize)]
pub struct WhatTime {
    place: Option<String>,
}

/// The time here or there.
pub fn what_time(asked: WhatTime, now: &Zoned) -> Result<Outcome, SkillError> {
    match asked.place.as_deref().map(cleaned).filter(|place| !place.is_empty()) {
        None => Ok(here(now)),
        Some(place) => {
            let (zone, shown) = find(&place).ok_or_else(|| unknown(&place))?;
            Ok(there(&shown, &now.with_time_zone(zone), now))
        }
    }
}

fn here(now: &Zoned) -> Outcome {
    let message = format!("It's {} on {}.", now.strftime("%H:%M"), words::day(now.date(), now.date()));
    Outcome::say(message).with_data(data(now))
}

fn there(place: &str, there: &Zoned, here: &Zoned) -> Outcome {
    let ahead = i64::from(there.offset().seconds()) - i64::from(here.offset().seconds());
    let difference = match ahead {
        0 => "the same as here".to_string(),
        1.. => format!("{} ahead of you", words::duration(ahead)),
        _ => format!("{} behind you", words::duration(ahead)),
    };
    let time = there.strftime("%H:%M");
    let day = match words::days_between(here.date(), there.date()) {
        0 => String::new(),
        _ => format!(" on {}", words::day(there.date(), here.date())),
    };
    let mut data = data(there);
    data["place"] = place.into();
    data["ahead_seconds"] = ahead.into();
    Outcome::say(format!("It's {time}{day} in {place}, {difference}.")).with_data(data)
}

fn data(at: &Zoned) -> serde_json::Value {
    json!({
        "time": at.strftime("%H:%M:%S").to_string(),
        "date": at.date().to_string(),
        "weekday": at.strftime("%A").to_string(),
        "time_zone": at.time_zone().iana_name(),
        "utc_offset": at.strftime("%:z").to_string(),
    })
}

/// The place without the words around it and without accents.
fn cleaned(said: &str) -> String {
    const BEFORE: [&str; 12] = ["in ", "the ", "at ", "em ", "no ", "na ", "nos ", "nas ", "o ", "a ", "die ", "der "];
    const AFTER: [&str; 8] = [" right now", " now", " agora", " jetzt", " gerade", "现在", "那边", "的时间"];
    let folded = fold(said);
    let mut place = folded.trim_matches(|c: char| c.is_ascii_punctuation() || matches!(c, '？' | '。' | ' '));
    for _ in 0..2 {
        place = BEFORE.iter().find_map(|word| place.strip_prefix(word)).unwrap_or(place).trim();
        place = place.strip_prefix('在').unwrap_or(place);
        place = AFTER.iter().find_map(|word| place.strip_suffix(word)).unwrap_or(place).trim();
    }
    place.to_string()
}

/// The zone of a place and what to call it: from the table, or from the zone database's own names.
fn find(place: &str) -> Option<(TimeZone, String)> {
    if let Some(known) = PLACES.iter().find(|known| names(known).any(|name| name == place)) {
        let own = known.names.split(';').next().unwrap_or_default();
        let is_own = own.split(',').any(|name| name == place);
        let shown = if is_own { known.shown.to_string() } else { capitalized(place) };
        return Some((TimeZone::get(known.zone).ok()?, shown));
    }
    // "berlin, germany": the part before the comma is the narrower one.
    if let Some((narrow, _)) = place.split_once(',') {
        return find(narrow.trim());
    }
    zone_named(place)
}

/// A zone by its IANA name or by the city in it.
fn zone_named(place: &str) -> Option<(TimeZone, String)> {
    let wanted = place.replace(' ', "_");
    let all: Vec<String> = tz::db().available().map(|name| name.as_str().to_string()).collect();
    let is_it = |name: &&String| name.eq_ignore_ascii_case(&wanted);
    let has_city = |name: &&String| city(name).is_some_and(|city| city.eq_ignore_ascii_case(&wanted));
    let name = all.iter().find(is_it).or_else(|| all.iter().find(has_city))?;
    let shown = city(name).unwrap_or(name).replace('_', " ");
    Some((TimeZone::get(name).ok()?, shown))
}

/// "Ho_Chi_Minh" of "Asia/Ho_Chi_Minh"; names such as "Etc/GMT+3" hold no city.
fn city(name: &str) -> Option<&str> {
    let (area, city) = name.rsplit_once('/')?;
    (!area.starts_with("Etc") && !area.starts_with("posix") && !area.starts_with("right")).then_some(city)
}

/// "belo horizonte" as "Belo Horizonte".
fn capitalized(place: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    place.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// All names of a row.
fn names(place: &Place) -> impl Iterator<Item = &'static str> {
    place.names.split([',', ';'])
}

fn unknown(place: &str) -> SkillError {
    let alike = |name: &'static str| (strsim::jaro_winkler(name, place), name);
    let closer = |best: (f64, &'static str), next: (f64, &'static str)| if next.0 > best.0 { next } else { best };
    let error = SkillError::not_found(format!("I don't know a place called \"{place}\"."));
    match PLACES.iter().flat_map(names).map(alike).reduce(closer) {
        Some((score, near)) if score >= CLOSE => error.suggest(format!("Did you mean {}?", capitalized(near))),
        _ => error.suggest("Name a larger city nearby, or a time zone like Europe/Lisbon."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::collections::HashSet;

    fn zone_of(place: &str) -> Option<String> {
        find(&cleaned(place)).map(|(zone, _)| zone.iana_name().unwrap().to_string())
    }

    #[test]
    fn every_row_of_the_table_has_a_zone_and_no_name_stands_twice() {
        let mut seen = HashSet::new();
        for place in PLACES {
            assert!(TimeZone::get(place.zone).is_ok(), "{} is no zone", place.zone);
            for name in names(place) {
                assert_eq!(name, fold(name), "{name} must be folded");
                assert!(!name.is_empty() && seen.insert(name), "\"{name}\" stands twice or is empty");
            }
        }
        assert!(seen.len() > 400, "{} names", seen.len());
    }

    #[test]
    fn places_are_found_in_several_languages() {
        for (place, zone) in [
            ("Tokyo", "Asia/Tokyo"),
            ("in Tokyo right now?", "Asia/Tokyo"),
            ("Nova Iorque", "America/New_York"),
            ("München", "Europe/Berlin"),
            ("São Paulo", "America/Sao_Paulo"),
            ("北京", "Asia/Shanghai"),
            ("在纽约现在", "America/New_York"),
            ("the United Kingdom", "Europe/London"),
            ("Paris, France", "Europe/Paris"),
            ("ho chi minh", "Asia/Ho_Chi_Minh"),
            ("Europe/Lisbon", "Europe/Lisbon"),
            ("UTC", "UTC"),
            ("tarawa", "Pacific/Tarawa"),
        ] {
            assert_eq!(zone_of(place).as_deref(), Some(zone), "{place}");
        }
        assert_eq!(zone_of("Atlantis"), None);
    }

    #[test]
    fn typing_errors_get_a_correction() {
        assert_eq!(unknown("lisbom").suggestion.as_deref(), Some("Did you mean Lisbon?"));
        assert!(unknown("qqqq").suggestion.unwrap().contains("larger city"));
    }

    #[test]
    fn the_zones_travel_with_the_skill() {
        let bundled = tz::TimeZoneDatabase::bundled();
        let tokyo = bundled.get("Asia/Tokyo").unwrap();
        let noon = "2026-07-01T12:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!(noon.to_zoned_datetime(tokyo).strftime("%H:%M").to_string(), "21:00");
    }
}

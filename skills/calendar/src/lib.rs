//! The calendar skill: what is on, when something is next, new events, and the people in the address book.
//!
//! Owns: which intent is answered by which part. Must not know: formats of files. It keeps nothing: calendars and contacts
//! are the user's own files (`.ics`, `.vcf`), as programs that synchronise them leave them in folders.

mod add;
mod agenda;
mod cards;
mod component;
mod contacts;
mod event;
mod folders;
mod lines;
mod look;
mod matching;
mod months;
mod next;
mod rule;
mod slots;
mod when;
mod words;
mod zones;

use add::{AddEvent, RemoveEvent};
use agenda::AgendaOn;
use contacts::FindContact;
use hob_sdk::{Context, Outcome, SkillError, skill};
use next::NextEvent;

/// The skill itself.
struct Calendar;

#[skill(id = "org.hob.calendar")]
impl Calendar {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self)
    }

    #[intent]
    fn agenda_on(&self, asked: AgendaOn, context: &Context) -> Result<Outcome, SkillError> {
        agenda::agenda_on(&asked, &slots::now(context)?, context)
    }

    #[intent]
    fn next_event(&self, asked: NextEvent, context: &Context) -> Result<Outcome, SkillError> {
        next::next_event(&asked, &slots::now(context)?, context)
    }

    #[intent]
    fn add_event(&self, asked: AddEvent, context: &Context) -> Result<Outcome, SkillError> {
        add::add_event(&asked, &slots::now(context)?, context)
    }

    #[intent]
    fn remove_event(&self, asked: RemoveEvent, context: &Context) -> Result<Outcome, SkillError> {
        add::remove_event(&asked, context)
    }

    #[intent]
    fn find_contact(&self, asked: FindContact, context: &Context) -> Result<Outcome, SkillError> {
        contacts::find_contact(&asked, &slots::now(context)?, context)
    }
}

/// Reads bytes as a calendar and as contacts, and works out when the events take place; how many of all these there are.
/// The way in for tests and fuzz targets: whatever the bytes are, it ends.
pub fn read_bytes(bytes: &[u8]) -> usize {
    let (utc, mut work) = (jiff::tz::TimeZone::UTC, rule::Work::of(100_000));
    let ever = event::Stretch { from: jiff::Timestamp::MIN, to: jiff::Timestamp::MAX };
    let events = event::read(bytes, &utc).map(|contents| contents.events).unwrap_or_default();
    let times: usize = events.iter().map(|event| event.starts(ever, 100, &utc, &mut work).len()).sum();
    times + cards::read(bytes).map_or(0, |contents| contents.cards.len())
}

#[cfg(test)]
mod tests;

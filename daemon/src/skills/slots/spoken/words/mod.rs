//! The words of each language: what a lexicon holds. Phrases are in lower case without accents, as sentences are read.

mod de;
mod en;
mod es;
mod pt;
mod zh;

use super::spans::Unit;

/// All tables.
pub const ALL: [&Lexicon; 5] = [&en::WORDS, &de::WORDS, &pt::WORDS, &es::WORDS, &zh::WORDS];

/// Which week a weekday is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first one to come.
    Coming,
    ThisWeek,
    NextWeek,
    Last,
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
    /// The evening of today.
    Tonight,
}

impl Part {
    /// When it is taken to begin, where no hour is said: minutes after midnight.
    pub fn begins(self) -> u32 {
        60 * match self {
            Self::Morning => 9,
            Self::Afternoon => 15,
            Self::Evening | Self::Tonight => 19,
            Self::Night => 21,
        }
    }
}

/// A feast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feast {
    /// Day and month.
    Fixed(i8, i8),
    /// Days from Easter Sunday.
    Easter(i64),
}

/// A way to say a time of day: `H` stands for the hour's number, `M` for minutes.
pub struct Clock {
    pub pattern: &'static str,
    /// Minutes that are added to the hour.
    pub minutes: i32,
    /// Whether M is added (1) or taken off (-1).
    pub sign: i32,
    /// Nothing else is meant by it, also without a word like "at" before it.
    pub strong: bool,
}

/// One language's words.
pub struct Lexicon {
    /// ISO 639-1.
    pub code: &'static str,
    pub numbers: &'static [(&'static str, u32)],
    /// Between tens and ones.
    pub joints: &'static [&'static str],
    pub ordinals: &'static [(&'static str, u32)],
    /// After digits, without a space.
    pub ordinal_endings: &'static [&'static str],
    pub units: &'static [(&'static str, Unit)],
    /// What says 1 before a unit, besides the number.
    pub one: &'static [&'static str],
    /// Spans that are phrases: seconds.
    pub spans: &'static [(&'static str, i64)],
    /// "and a half" before and after the unit.
    pub half_before: &'static [&'static str],
    pub half_after: &'static [&'static str],
    /// Between the parts of a span.
    pub and: &'static [&'static str],
    pub clocks: &'static [Clock],
    /// Times of day that have a name: minutes after midnight.
    pub named: &'static [(&'static str, u32)],
    /// What may follow those: minutes.
    pub after_noon: &'static [(&'static str, u32)],
    /// Before a time of day.
    pub at: &'static [&'static str],
    /// After digits that are one.
    pub clock_words: &'static [&'static str],
    pub parts: &'static [(&'static str, Part)],
    /// Days from today.
    pub days: &'static [(&'static str, i64)],
    /// 0 is Monday.
    pub weekdays: &'static [(&'static str, i8)],
    pub which_before: &'static [(&'static str, Which)],
    pub which_after: &'static [(&'static str, Which)],
    pub months: &'static [(&'static str, i8)],
    /// Between day, month and year.
    pub of: &'static [&'static str],
    /// Before the number of a day.
    pub before_day: &'static [&'static str],
    pub feasts: &'static [(&'static str, Feast)],
    /// Before a span that leads ahead; after one; before and after one that leads back.
    pub ahead: &'static [&'static str],
    pub from_now: &'static [&'static str],
    pub ago_before: &'static [&'static str],
    pub ago: &'static [&'static str],
    /// Between the parts of a point in time.
    pub links: &'static [&'static str],
    /// Words of who is to be woken.
    pub waking: &'static [&'static str],
}

/// A way to say a time of day that can't be anything else.
const fn strong(pattern: &'static str, minutes: i32, sign: i32) -> Clock {
    Clock { pattern, minutes, sign, strong: true }
}

/// One that needs more to be sure.
const fn weak(pattern: &'static str, minutes: i32, sign: i32) -> Clock {
    Clock { pattern, minutes, sign, strong: false }
}

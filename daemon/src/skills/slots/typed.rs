//! Durations, points in time and numbers: by the own grammar of [`super::spoken`], and where that finds nothing by the
//! rules of the `duckling` crate.
//!
//! The rules of a language are built on first use and stay: English durations take about 7 MB, English points in time
//! about 22 MB. So only what the intent declares is looked for.

use super::schema::{Kind, Slot};
use super::{Annotated, Frame, Request, affinity, affinity_after, assign, idiom, spoken, word_after, word_before};
use crate::skills::router::text::is_unspaced;
use duckling::{Context, DimensionKind, DimensionValue, Entity, Grain, Lang, Locale, Options, TimePoint, TimeValue};
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime, civil::DateTime};
use serde_json::{Number, Value};
use std::ops::Range;

/// Builds the rules for a language's durations and points in time, so that the first request need not wait. Takes
/// about a quarter of a second and about 30 MB for good.
pub fn warm_up(language: &str, now: &ZonedDateTime) {
    entities("10 minutes", language, now, DimensionKind::Duration);
    entities("tomorrow at 7", language, now, DimensionKind::Time);
}

/// Fills parameters of kind duration, datetime and number. A number inside a duration is not a number; whether "in 45
/// days" is a span of time or a point in it is learned from the examples where an intent has both.
pub fn fill(request: &mut Request<'_>, slots: &[Slot], examples: &[Annotated], frame: &Frame) {
    let declared = |kind: Kind| slots.iter().any(|s| s.kind == kind);
    if declared(Kind::Duration) {
        let mut found = durations(request);
        found.retain(|(range, _)| !frame.holds(&request.text[range.clone()]));
        if declared(Kind::Datetime) && !found.is_empty() {
            let times = times(request);
            let within_time = |r: &Range<usize>| {
                times.iter().any(|t| t.start < r.end && r.start < t.end) || idiom::as_point(request.text, r).is_some()
            };
            found.retain(|(range, _)| !within_time(range) || is_span(request, slots, range, examples));
        }
        let spans = found.into_iter().map(|(range, span)| (range, Value::from(span.iso()))).collect();
        assign(request, slots, &Kind::Duration, spans, examples);
    }
    if declared(Kind::Datetime) {
        let mut points = points(request, slots);
        points.retain(|(range, _)| !frame.holds(&request.text[range.clone()]));
        assign(request, slots, &Kind::Datetime, points, examples);
    }
    let sought = |s: &&Slot| {
        s.kind == Kind::Number && (s.typed || examples.iter().any(|e| e.slots.iter().any(|(n, _)| *n == s.name)))
    };
    let counted: Vec<Slot> = slots.iter().filter(sought).cloned().collect();
    if !counted.is_empty() {
        let integer = counted.iter().all(|s| s.integer);
        let found = numbers(request).into_iter().filter_map(|(range, n)| Some((range, json_number(n, integer)?)));
        assign(request, &counted, &Kind::Number, found.collect(), examples);
    }
}

/// Whether the examples have spans of time, rather than points in it, beside the same words.
fn is_span(request: &Request<'_>, slots: &[Slot], range: &Range<usize>, examples: &[Annotated]) -> bool {
    let (before, after) = (word_before(request.text, range.start), word_after(request.text, range.end));
    let rate =
        |slot: &Slot| affinity(&slot.name, &before, None, examples) + affinity_after(&slot.name, &after, examples);
    let of_kind = |kind: Kind| -> usize { slots.iter().filter(|s| s.kind == kind).map(rate).sum() };
    of_kind(Kind::Duration) > of_kind(Kind::Datetime)
}

fn entities(text: &str, language: &str, now: &ZonedDateTime, kind: DimensionKind) -> Vec<Entity> {
    let locale = Locale::new(lang(language), None);
    let Ok(reference) = now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string().parse() else { return Vec::new() };
    let context = Context::new(reference, locale);
    let mut found = duckling::parse(text, &locale, &[kind], &context, &Options::default());
    found.retain(|e| whole_words(text, &(e.start..e.end)) && !is_single_letter(&e.body));
    found
}

/// Languages whose rules were tried; others are read as English, whose digits and "min" are widely understood.
fn lang(language: &str) -> Lang {
    match language {
        "pt" => Lang::PT,
        "es" => Lang::ES,
        "de" => Lang::DE,
        "fr" => Lang::FR,
        "it" => Lang::IT,
        "nl" => Lang::NL,
        "zh" => Lang::ZH,
        "ja" => Lang::JA,
        "ru" => Lang::RU,
        _ => Lang::EN,
    }
}

/// The rules find "l" (a lakh) in "half", Wednesday in the German "mich" and six o'clock in "6:30"; a value starts and
/// ends with a word.
fn whole_words(text: &str, range: &Range<usize>) -> bool {
    let cuts = |at: usize| {
        let joined = |c: char| c.is_alphanumeric() && !is_unspaced(c);
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
        let digit_next = text[at..].chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        match (before, after) {
            (Some(b), Some(':' | '.')) => b.is_ascii_digit() && digit_next,
            (Some(b), Some(a)) => joined(b) && joined(a),
            _ => false,
        }
    };
    !cuts(range.start) && !cuts(range.end)
}

fn is_single_letter(body: &str) -> bool {
    let mut chars = body.trim().chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if !c.is_numeric() && !is_unspaced(c))
}

/// Where the request names points in time.
fn times(request: &Request<'_>) -> Vec<Range<usize>> {
    let own = spoken::moments(request.text, request.language, request.now.datetime());
    if own.is_empty() {
        let read = entities(request.text, request.language, request.now, DimensionKind::Time);
        return read.into_iter().map(|e| e.start..e.end).collect();
    }
    own.into_iter().map(|(range, _)| range).collect()
}

/// Spans of time by the own grammar, else by the crate's rules.
fn durations(request: &Request<'_>) -> Vec<(Range<usize>, spoken::Span)> {
    let own = spoken::spans(request.text, request.language);
    if !own.is_empty() {
        return own;
    }
    if let Some((range, seconds)) = idiom::span(request.text, request.language) {
        return vec![(range, spoken::Span { months: 0, seconds })];
    }
    let span = |e: &Entity| match e.value {
        DimensionValue::Duration { normalized_seconds: seconds, .. } if seconds > 0 => {
            Some((e.start..e.end, spoken::Span { months: 0, seconds }))
        }
        _ => None,
    };
    let read = entities(request.text, request.language, request.now, DimensionKind::Duration);
    let ruled: Vec<_> = read.iter().filter_map(span).collect();
    // A language taken for another one must not cost the value.
    if ruled.is_empty() { spoken::spans(request.text, "en") } else { ruled }
}

/// Points in time in the request's order, each as a local date and time.
fn points(request: &Request<'_>, slots: &[Slot]) -> Vec<(Range<usize>, Value)> {
    let now = request.now.datetime();
    let mut found = spoken::moments(&masked(request), request.language, now);
    if found.is_empty() {
        found = ruled(request, slots);
    }
    if found.is_empty() {
        found = points_ahead(request);
    }
    if found.is_empty() {
        // A language taken for another one must not cost the value.
        found = spoken::moments(&masked(request), "en", now);
    }
    found.sort_by_key(|(range, _)| range.start);
    // "45 days from today": today is the span's, not a date of its own.
    found.retain(|(_, at)| request.taken.is_empty() || at.date() != now.date());
    let past = slots.iter().any(|s| s.kind == Kind::Datetime && s.past) || idiom::looks_back(request.text);
    let shown = |at: DateTime| {
        Value::from((if past { not_after(at, now) } else { at }).strftime("%Y-%m-%dT%H:%M:%S").to_string())
    };
    found.into_iter().map(|(range, at)| (range, shown(at))).collect()
}

/// Points in time by the crate's rules.
fn ruled(request: &Request<'_>, slots: &[Slot]) -> Vec<(Range<usize>, DateTime)> {
    let wanted = slots.iter().filter(|s| s.kind == Kind::Datetime).count();
    let today = request.now.datetime().date().to_datetime(jiff::civil::Time::midnight());
    let mut found = Vec::new();
    for entity in entities(&masked(request), request.language, request.now, DimensionKind::Time) {
        let DimensionValue::Time(time) = &entity.value else { continue };
        let range = entity.start..entity.end;
        if found.iter().any(|(r, _): &(Range<usize>, DateTime)| r.start < range.end && range.start < r.end) {
            continue;
        }
        match ends(time, request.now) {
            (Some(from), Some(to)) if wanted > 1 => {
                // Both ends are read from one expression; each gets its half, so that they don't overlap.
                let middle = idiom::middle(request.text, &range);
                found.push((range.start..middle, from));
                found.push((middle..range.end, to));
            }
            (Some(at), _) | (None, Some(at)) if at == today && !idiom::names_today(&entity.body) => {}
            (Some(at), _) | (None, Some(at)) => found.push(corrected(request, range, at)),
            (None, None) => {}
        }
    }
    found
}

/// The text with blanks for what is taken, at the same places, and for "since", after which the rules count from an
/// hour later.
fn masked(request: &Request<'_>) -> String {
    let mut text = request.text.to_string();
    for range in request.taken.iter().map(|t| t.range.clone()).chain(idiom::since(request.text)) {
        text.replace_range(range.clone(), &" ".repeat(range.len()));
    }
    text
}

/// A point with what the rules left standing around it: "e meia" after it, "morgen" before it.
fn corrected(request: &Request<'_>, range: Range<usize>, at: DateTime) -> (Range<usize>, DateTime) {
    let (mut range, mut at) = (range, at);
    if let Some((end, minutes)) = idiom::added_minutes(request.text, request.language, &range) {
        range.end = end;
        at = at.checked_add(minutes.minutes()).unwrap_or(at);
    }
    let tomorrow = request.now.datetime().date().tomorrow();
    if let (Some(start), Ok(tomorrow)) = (idiom::tomorrow_before(request.text, request.language, &range), tomorrow) {
        range.start = start;
        at = tomorrow.to_datetime(at.time());
        // The rules took the coming 6:30; tomorrow's is the one that was said.
        let said: String = request.text[range.clone()]
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        let said = said.parse::<i8>().ok().filter(|hour| (1..12).contains(hour));
        if said.is_some_and(|hour| hour + 12 == at.hour()) {
            at = at.checked_sub(12.hours()).unwrap_or(at);
        }
    }
    (range, at)
}

/// Durations that the words beside them make points in time.
fn points_ahead(request: &Request<'_>) -> Vec<(Range<usize>, DateTime)> {
    let now = request.now.datetime();
    let point = |(range, span): (Range<usize>, spoken::Span)| {
        Some((idiom::as_point(request.text, &range)?, span.after(now, 1)?))
    };
    durations(request).into_iter().filter_map(point).collect()
}

/// First and last point of a time expression, the last one inclusive.
fn ends(time: &TimeValue, now: &ZonedDateTime) -> (Option<DateTime>, Option<DateTime>) {
    match time {
        TimeValue::Single { value, .. } => (local(value, now), None),
        TimeValue::Interval { from: Some(from), to: Some(to), .. } => {
            let end = local(to, now).and_then(|end| end.checked_sub(one(to.grain())).ok());
            (local(from, now), end)
        }
        TimeValue::Interval { from, to, .. } => {
            (from.as_ref().and_then(|p| local(p, now)), to.as_ref().and_then(|p| local(p, now)))
        }
    }
}

/// The rules count an interval's end past its last hour, day or month.
fn one(grain: Grain) -> Span {
    match grain {
        Grain::Day => 1.day(),
        Grain::Week => 1.week(),
        Grain::Month => 1.month(),
        Grain::Quarter => 3.months(),
        Grain::Year => 1.year(),
        Grain::Hour => 1.hour(),
        Grain::Minute => 1.minute(),
        _ => 1.second(),
    }
}

fn local(point: &TimePoint, now: &ZonedDateTime) -> Option<DateTime> {
    match point {
        TimePoint::Naive { value, .. } => value.to_string().replace(' ', "T").parse().ok(),
        TimePoint::Instant { value, .. } => {
            let instant = Timestamp::from_second(value.timestamp()).ok()?;
            Some(ZonedDateTime::new(instant, now.time_zone().clone()).datetime())
        }
    }
}

/// The same hour, weekday or date at its latest occurrence that is not ahead.
fn not_after(at: DateTime, now: DateTime) -> DateTime {
    if at <= now {
        return at;
    }
    let ahead = at.duration_since(now).as_hours();
    let back = match ahead {
        0..24 => 1.day(),
        24..168 => 1.week(),
        _ => 1.year(),
    };
    at.checked_sub(back).unwrap_or(at)
}

/// Numbers in digits, else in words.
fn numbers(request: &Request<'_>) -> Vec<(Range<usize>, f64)> {
    let found = digits(request.text);
    if !found.is_empty() {
        return found;
    }
    let entities = entities(request.text, request.language, request.now, DimensionKind::Numeral);
    let number = |e: &Entity| match e.value {
        DimensionValue::Numeral(n) => Some((e.start..e.end, n)),
        _ => None,
    };
    entities.iter().filter_map(number).collect()
}

fn digits(text: &str) -> Vec<(Range<usize>, f64)> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(|c: char| c.is_ascii_digit()).map(|at| rest + at) {
        let end = text[start..]
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .map_or(text.len(), |at| start + at);
        let body = text[start..end].trim_end_matches(['.', ',']);
        let range = start..start + body.len();
        if let Some(n) = plain_number(body).filter(|_| whole_words(text, &range)) {
            let negative = text[..start].ends_with('-') && !text[..start - 1].ends_with(char::is_alphanumeric);
            let start = if negative { start - 1 } else { start };
            found.push((start..range.end, if negative { -n } else { n }));
        }
        rest = end;
    }
    found
}

/// "1,000" is a thousand and "2,5" two and a half.
fn plain_number(body: &str) -> Option<f64> {
    let thousands = body.contains(',') && body.split(',').skip(1).all(|group| group.len() == 3);
    let plain = if thousands { body.replace(',', "") } else { body.replace(',', ".") };
    plain.parse().ok()
}

fn json_number(n: f64, integer: bool) -> Option<Value> {
    if n.fract() == 0.0 && n.abs() < 9e15 {
        return Some(Value::from(n as i64));
    }
    if integer { None } else { Number::from_f64(n).map(Value::Number) }
}

//! Contacts out of vCard files (versions 2.1, 3.0 and 4.0).
//!
//! Owns: what a card says of a person. Must not know: who is looked for.

use crate::component::{Component, components};
use crate::lines::{Line, one_line};
use jiff::civil::Date;

/// Properties that are read; pictures and keys need not be kept.
#[rustfmt::skip] // A word a line would hide them.
const READ: [&str; 12] = [
    "FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "NOTE", "CATEGORIES", "TEL", "EMAIL", "BDAY", "ADR",
];

/// A value with what it is for: "home", "work, mobile"; empty if the card does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What the card says it is for.
    pub kind: String,
    /// The number or address.
    pub value: String,
}

/// The day somebody was born on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Birthday {
    /// A day, with its year.
    Day(Date),
    /// Month and day.
    Yearly(i8, i8),
    /// As the card has it, which is no date.
    Said(String),
}

/// A person or a firm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// As it is shown.
    pub name: String,
    /// What else they go by.
    pub also: Vec<String>,
    /// Firm, role, note and the like, in which words may be found too.
    pub about: Vec<String>,
    /// Phone numbers.
    pub phones: Vec<Labelled>,
    /// Mail addresses.
    pub mails: Vec<Labelled>,
    /// Postal addresses, on one line each.
    pub addresses: Vec<Labelled>,
    /// The birthday.
    pub birthday: Option<Birthday>,
}

/// What a file of contacts holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// In the file's order.
    pub cards: Vec<Card>,
    /// Cards without any name.
    pub nameless: usize,
}

/// Reads a file of contacts; `None` when the bytes are none at all.
pub fn read(bytes: &[u8]) -> Option<Contents> {
    let whole = components(bytes, |name| READ.contains(&name));
    let mut cards = whole.iter().filter(|component| component.name == "VCARD").peekable();
    cards.peek()?;
    let mut contents = Contents::default();
    for card in cards {
        match Card::of(card) {
            Some(card) => contents.cards.push(card),
            None => contents.nameless += 1,
        }
    }
    Some(contents)
}

impl Card {
    fn of(card: &Component) -> Option<Self> {
        let listed = |name: &str, separator: char| -> Vec<String> {
            card.all(name).flat_map(|line| line.parts(separator)).filter(|part| !part.is_empty()).collect()
        };
        let mails: Vec<Labelled> = card.all("EMAIL").filter_map(|line| labelled(line, "mailto:")).collect();
        let (nicknames, firm) = (listed("NICKNAME", ','), listed("ORG", ';'));
        let structured = card.line("N").map(structured_name).filter(|name| !name.is_empty());
        let otherwise = || nicknames.first().or(firm.first()).or(mails.first().map(|mail| &mail.value)).cloned();
        let name = card.text("FN").or_else(|| structured.clone()).or_else(otherwise)?;
        let about = ["TITLE", "ROLE", "NOTE"].into_iter().filter_map(|name| card.text(name));
        Some(Self {
            also: structured.into_iter().chain(nicknames).filter(|other| *other != name).collect(),
            about: firm.into_iter().chain(about).chain(listed("CATEGORIES", ',')).collect(),
            phones: card.all("TEL").filter_map(|line| labelled(line, "tel:")).collect(),
            addresses: card.all("ADR").filter_map(address).collect(),
            birthday: card.line("BDAY").and_then(birthday),
            mails,
            name,
        })
    }
}

/// "Petersen;Karsten;;Dr.;" as "Dr. Karsten Petersen".
fn structured_name(line: &Line) -> String {
    let parts = line.parts(';');
    joined(&[3, 1, 2, 0, 4].map(|at| parts.get(at).cloned().unwrap_or_default()), " ")
}

fn labelled(line: &Line, scheme: &str) -> Option<Labelled> {
    let text = line.text();
    let value = match text.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => text[scheme.len()..].to_string(),
        _ => text,
    };
    (!value.is_empty()).then(|| Labelled { kind: kind(line), value })
}

/// What a value is for, by its types.
fn kind(line: &Line) -> String {
    let types = line.parameters.iter().filter(|(key, _)| matches!(key.as_str(), "TYPE" | ""));
    let mut kinds: Vec<&str> = Vec::new();
    for name in types.flat_map(|(_, value)| value.split(',')) {
        let shown = match name.trim().to_ascii_lowercase().as_str() {
            "cell" | "mobile" => "mobile",
            "home" => "home",
            "work" => "work",
            "fax" => "fax",
            _ => continue,
        };
        if !kinds.contains(&shown) {
            kinds.push(shown);
        }
    }
    kinds.join(", ")
}

/// Street, extension and box, postal code and town, region, country.
fn address(line: &Line) -> Option<Labelled> {
    let parts = line.parts(';');
    let part = |at: usize| parts.get(at).cloned().unwrap_or_default();
    let town = joined(&[part(5), part(3)], " ");
    let value = joined(&[part(2), part(1), part(0), town, part(4), part(6)], ", ");
    (!value.is_empty()).then(|| Labelled { kind: kind(line), value })
}

/// `1983-10-04`, `19831004`, `--1004`, `1983-10-04T00:00:00Z`, or what else it says.
fn birthday(line: &Line) -> Option<Birthday> {
    let text = line.text();
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let digits: String = date.chars().filter(|c| *c != '-').collect();
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|two| two.parse::<i16>().ok());
    let small = |from: usize| number(from, from + 2).and_then(|n| i8::try_from(n).ok());
    let read = if date.starts_with("--") {
        small(0).zip(small(2)).filter(|_| digits.len() == 4).map(|(month, day)| (None, month, day))
    } else {
        number(0, 4).zip(small(4).zip(small(6))).filter(|_| digits.len() == 8).map(|(y, (m, d))| (Some(y), m, d))
    };
    // Some address books write a year of their own where none is known.
    let no_year = line.parameter("X-APPLE-OMIT-YEAR").and_then(|year| year.parse::<i16>().ok());
    match read {
        Some((Some(year), month, day)) if Some(year) != no_year => Date::new(year, month, day).ok().map(Birthday::Day),
        // A leap year has all days.
        Some((_, month, day)) => Date::new(2000, month, day).ok().map(|_| Birthday::Yearly(month, day)),
        None => (!text.is_empty()).then_some(Birthday::Said(text)),
    }
}

fn joined(parts: &[String], separator: &str) -> String {
    let said: Vec<String> = parts.iter().map(|part| one_line(part)).filter(|part| !part.is_empty()).collect();
    said.join(separator)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn card(lines: &str) -> Card {
        let mut contents = read(format!("BEGIN:VCARD\n{lines}\nEND:VCARD\n").as_bytes()).unwrap();
        contents.cards.remove(0)
    }

    fn kinds(of: &[Labelled]) -> Vec<(&str, &str)> {
        of.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect()
    }

    #[test]
    fn a_card_of_each_version() {
        let three = card(
            "VERSION:3.0\nN:Schmidt;Anna;;Dr.;\nFN:Dr. Anna Schmidt\nNICKNAME:Anni,Änne\nORG:Praxis Mitte;Zahnmedizin\nitem1.TEL;TYPE=CELL,VOICE:+49 170 123\n\
             TEL;TYPE=work:+49 30 1\nEMAIL:anna@example.org\nADR;TYPE=HOME:;;Lindenweg 4;Berlin;;10115;Germany\nBDAY:1980-05-01\n\
             NOTE:Prefers mornings.\\nSpeaks German\nPHOTO;ENCODING=b:AAAA",
        );
        assert_eq!(
            (three.name.as_str(), three.also.as_slice()),
            ("Dr. Anna Schmidt", &["Anni".to_string(), "Änne".into()][..])
        );
        assert_eq!(kinds(&three.phones), [("mobile", "+49 170 123"), ("work", "+49 30 1")]);
        assert_eq!(kinds(&three.addresses), [("home", "Lindenweg 4, 10115 Berlin, Germany")]);
        assert_eq!(three.birthday, Some(Birthday::Day(date(1980, 5, 1))));
        assert_eq!(three.about, ["Praxis Mitte", "Zahnmedizin", "Prefers mornings. Speaks German"]);
        let four = card(
            "VERSION:4.0\nFN:Ana\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+351-1\nEMAIL:MAILTO:a@b.example\nBDAY:--0814",
        );
        assert_eq!((kinds(&four.phones), kinds(&four.mails)), (vec![("home", "+351-1")], vec![("", "a@b.example")]));
        assert_eq!(four.birthday, Some(Birthday::Yearly(8, 14)));
        let two = card("VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Costa;Jo=C3=A3o\nTEL;CELL;PREF:1");
        assert_eq!((two.name.as_str(), kinds(&two.phones)), ("João Costa", vec![("mobile", "1")]));
    }

    #[test]
    fn birthdays_in_all_their_notations() {
        let day = |line: &str| card(&format!("FN:A\n{line}")).birthday;
        for (line, wanted) in [
            ("BDAY:19831004", Some(Birthday::Day(date(1983, 10, 4)))),
            ("BDAY;VALUE=date:1983-10-04T00:00:00Z", Some(Birthday::Day(date(1983, 10, 4)))),
            ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29", Some(Birthday::Yearly(2, 29))),
            ("BDAY:--10-04", Some(Birthday::Yearly(10, 4))),
            ("BDAY;VALUE=text:circa 1800", Some(Birthday::Said("circa 1800".into()))),
            ("BDAY:1983", Some(Birthday::Said("1983".into()))),
            ("BDAY:19839999", None),
            ("BDAY:", None),
        ] {
            assert_eq!(day(line), wanted, "{line}");
        }
    }

    #[test]
    fn names_come_from_elsewhere_or_the_card_is_counted() {
        for (lines, name) in
            [("ORG:ACME;Roof", "ACME"), ("EMAIL:x@y.example", "x@y.example"), ("NICKNAME:Bo\nORG:ACME", "Bo")]
        {
            assert_eq!(card(lines).name, name);
        }
        let odd = read(b"BEGIN:VCARD\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:Cut off").unwrap();
        assert_eq!((odd.cards.len(), odd.nameless), (1, 1));
        for none in [&b""[..], b"BEGIN:VCALENDAR\nEND:VCALENDAR", b"\xff\xfe\x00"] {
            assert!(read(none).is_none());
        }
    }
}

//! Finding people in the address book.
//!
//! Owns: who is meant, and how what is known of them is said. Must not know: files, notation.

use crate::cards::{self, Birthday, Card, Labelled};
use crate::folders::{Folders, Looked};
use crate::matching::{Fit, Wanted};
use crate::next::birthday_event;
use crate::words;
use hob_sdk::{Context, Outcome, Parameters, SkillError, file_uri};
use jiff::ZonedDateTime;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Words around a name (folded) that are no part of it.
#[rustfmt::skip] // A word a line would hide them.
const NOISE: &[&str] = &[
    "the", "my", "mr", "mrs", "ms", "of", "o", "a", "os", "as", "do", "da", "dos", "de", "meu", "minha", "senhor",
    "senhora", "sr", "sra", "dona", "der", "die", "das", "den", "dem", "des", "von", "mein", "meine", "meiner", "meines",
    "frau", "herr", "herrn", "el", "la", "del", "mi", "senor", "senora", "don", "的", "我的", "先生", "女士", "老师",
];
/// People that are said, and that scripts get.
const SAID: usize = 5;
const SHOWN: usize = 20;
/// People that are compared with each other; more answer to no sensible name.
const MOST_FOUND: usize = 1_000;

/// What `FindContact` takes.
#[derive(Debug, Deserialize, Parameters)]
pub struct FindContact {
    /// The person's name or a part of it, or what they do
    #[param(x_type = "contact", copy)]
    name: String,
    /// What is asked about them; left out: everything
    field: Option<Field>,
}

/// What is asked about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Parameters)]
#[serde(rename_all = "kebab-case")]
enum Field {
    #[param(synonyms = ["phone number", "phone numbers", "telephone", "telephone number", "number", "mobile", "mobile number", "cell", "cell number", "call", "ring", "telefone", "número de telefone", "número", "telemóvel", "ligar", "telefon", "telefonnummer", "nummer", "handynummer", "handy", "anrufen", "teléfono", "número de teléfono", "móvil", "llamar", "电话", "电话号码", "号码", "手机", "手机号", "手机号码"])]
    Phone,
    #[param(synonyms = ["mail", "mail address", "email address", "e mail address", "e mail", "emails", "correio eletrónico", "endereço de email", "endereço de mail", "mailadresse", "emailadresse", "e mail adresse", "email adresse", "correo", "correo electrónico", "dirección de correo", "邮箱", "邮件", "邮件地址", "电子邮件", "邮箱地址"])]
    Email,
    #[param(synonyms = ["birthdays", "birth date", "date of birth", "born", "bday", "aniversário", "data de nascimento", "faz anos", "nasceu", "geburtstag", "geburtsdatum", "geboren", "cumpleaños", "fecha de nacimiento", "cumple años", "nació", "生日", "出生日期", "出生"])]
    Birthday,
    #[param(synonyms = ["postal address", "home address", "street", "live", "lives", "morada", "endereço", "rua", "mora", "vive", "anschrift", "adresse", "postadresse", "wohnt", "straße", "dirección", "domicilio", "calle", "地址", "住址", "住", "住在哪里"])]
    Address,
}

/// A card that fits, with its file.
struct Person {
    card: Card,
    file: PathBuf,
    rate: Rate,
}

/// How well a card fits: by its name, or, which counts less, by what is said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rate {
    About(Fit),
    Named(Fit),
}

/// Everyone that fits best.
struct People {
    found: Vec<Person>,
    looked: Looked,
    nameless: usize,
}

/// Tells what the address book says of somebody.
pub fn find_contact(asked: &FindContact, now: &ZonedDateTime, context: &Context) -> Result<Outcome, SkillError> {
    let wanted = Wanted::new(&asked.name, NOISE);
    if wanted.is_empty() {
        return Err(SkillError::invalid_argument("Whose?").suggest("Say a name or a part of it."));
    }
    let people = look_for(&wanted, context)?;
    let said = asked.name.trim();
    let birthday = || (asked.field == Some(Field::Birthday)).then(|| birthday_event(&wanted, now, context)).flatten();
    if people.found.is_empty() {
        // Who is no contact may have a birthday in the calendar all the same.
        return birthday().ok_or_else(|| {
            SkillError::not_found(format!("Nobody in your contacts is called \"{said}\".{}", people.caveat()))
                .suggest("Say another part of the name.")
        });
    }
    let told: Vec<String> = people.found.iter().take(SAID).filter_map(|one| one.told(asked.field, now)).collect();
    if told.is_empty() {
        return birthday().ok_or_else(|| unknown(&people.found, asked.field, now));
    }
    let more = people.found.len().saturating_sub(SAID);
    let more = if more > 0 { format!(" There are {more} more of that name.") } else { String::new() };
    let by_name = people.found.iter().any(|one| matches!(one.rate, Rate::Named(_)));
    let head =
        if by_name { String::new() } else { format!("Nobody is called \"{said}\", but the contacts mention it: ") };
    let message = format!("{head}{}.{more}{}", told.join("; "), people.caveat());
    Ok(people.outcome(message, now))
}

/// The birthday of somebody in the contacts, if it is known.
pub fn birthday_of(wanted: &Wanted, now: &ZonedDateTime, context: &Context) -> Option<Outcome> {
    let people = look_for(wanted, context).ok()?;
    let named = people.found.iter().filter(|one| matches!(one.rate, Rate::Named(_)));
    let told: Vec<String> = named.filter_map(|one| one.told(Some(Field::Birthday), now)).collect();
    (!told.is_empty()).then(|| people.outcome(format!("{}.", told.join("; ")), now))
}

fn look_for(wanted: &Wanted, context: &Context) -> Result<People, SkillError> {
    let folders = Folders::contacts(context);
    let (mut found, mut nameless): (Vec<Person>, usize) = (Vec::new(), 0);
    let looked = folders.read(|file: &Path, bytes| {
        let contents = cards::read(bytes).ok_or("it holds no contact")?;
        nameless += contents.nameless;
        for card in contents.cards {
            let Some(rate) = rate(wanted, &card) else { continue };
            // The same card may lie in two folders.
            if found.len() < MOST_FOUND && found.iter().all(|other| other.card != card) {
                found.push(Person { card, file: file.to_path_buf(), rate });
            }
        }
        Ok(())
    });
    if looked.found_nothing() {
        return Err(folders.nothing("address book"));
    }
    let best = found.iter().map(|one| one.rate).max();
    found.retain(|one| Some(one.rate) == best);
    Ok(People { found, looked, nameless })
}

fn rate(wanted: &Wanted, card: &Card) -> Option<Rate> {
    let names = std::iter::once(&card.name).chain(&card.also);
    let named = names.filter_map(|name| wanted.fit(name)).max().map(Rate::Named);
    let about = || card.about.iter().filter_map(|text| wanted.fit(text)).filter(|fit| *fit >= Fit::Whole).max();
    named.or_else(|| about().map(Rate::About))
}

/// Who was found has nothing of what was asked.
fn unknown(found: &[Person], field: Option<Field>, now: &ZonedDateTime) -> SkillError {
    let names: Vec<&str> = found.iter().take(SAID).map(|one| one.card.name.as_str()).collect();
    let what = field.map_or("anything", Field::words);
    let error = SkillError::not_found(format!("Your contacts don't say {what} of {}.", names.join(", ")));
    let known: Vec<String> = found.iter().take(SAID).filter_map(|one| one.told(None, now)).collect();
    if known.is_empty() { error } else { error.suggest(format!("They say: {}.", known.join("; "))) }
}

impl Field {
    fn words(self) -> &'static str {
        match self {
            Self::Phone => "the phone number",
            Self::Email => "the mail address",
            Self::Birthday => "the birthday",
            Self::Address => "the address",
        }
    }
}

impl People {
    fn caveat(&self) -> String {
        let nameless = match self.nameless {
            0 => String::new(),
            n => format!(" {} no name.", if n == 1 { "One contact has".into() } else { format!("{n} contacts have") }),
        };
        self.looked.caveat() + &nameless
    }

    /// What it found, with a sentence about it.
    fn outcome(&self, message: String, now: &ZonedDateTime) -> Outcome {
        let uris = self.shown().iter().map(|one| file_uri(&one.file));
        Outcome::say(message).with_data(self.data(now)).with_uris(uris)
    }

    fn shown(&self) -> &[Person] {
        &self.found[..self.found.len().min(SHOWN)]
    }

    fn data(&self, now: &ZonedDateTime) -> Value {
        let shown = self.shown();
        json!({
            "contacts": shown.iter().map(|one| one.data(now)).collect::<Vec<_>>(),
            "total": self.found.len(),
            "skipped": self.looked.skipped(),
        })
    }
}

impl Person {
    /// "Karsten Petersen: phone +49 421 555 0142 (work)"; `None` when nothing is known of what was asked.
    fn told(&self, field: Option<Field>, now: &ZonedDateTime) -> Option<String> {
        let card = &self.card;
        let of = |wanted: Field, noun: &str, values: &[Labelled]| -> Vec<String> {
            let asked = field.is_none_or(|field| field == wanted);
            values.iter().filter(|_| asked).map(|value| format!("{noun} {}", value.shown())).collect()
        };
        let mut told = of(Field::Phone, "phone", &card.phones);
        told.extend(of(Field::Email, "mail", &card.mails));
        told.extend(of(Field::Address, "address", &card.addresses));
        if field.is_none_or(|field| field == Field::Birthday)
            && let Some(birthday) = &card.birthday
        {
            told.push(format!("birthday {}", birthday.told(now.date())));
        }
        (!told.is_empty()).then(|| format!("{}: {}", card.name, told.join(", ")))
    }

    fn data(&self, now: &ZonedDateTime) -> Value {
        let all = |values: &[Labelled]| -> Vec<Value> {
            values.iter().map(|one| json!({"kind": one.kind, "value": one.value})).collect()
        };
        let card = &self.card;
        let mut data = json!({
            "name": card.name,
            "phones": all(&card.phones),
            "mails": all(&card.mails),
            "addresses": all(&card.addresses),
            "uri": file_uri(&self.file),
        });
        if let Some(birthday) = &card.birthday {
            data["birthday"] = birthday.told(now.date()).into();
        }
        data
    }
}

impl Labelled {
    fn shown(&self) -> String {
        if self.kind.is_empty() { self.value.clone() } else { format!("{} ({})", self.value, self.kind) }
    }
}

impl Birthday {
    /// "4 October 1983, turning 44 on Monday 4 October 2027, in 315 days"
    fn told(&self, today: Date) -> String {
        let (month, day, born) = match self {
            Self::Day(day) => (day.month(), day.day(), Some(*day)),
            Self::Yearly(month, day) => (*month, *day, None),
            Self::Said(text) => return text.clone(),
        };
        let stated = match born {
            Some(born) => born.strftime("%-d %B %Y").to_string(),
            None => jiff::civil::date(2000, month, day).strftime("%-d %B").to_string(),
        };
        let Some(next) = next_birthday(month, day, today) else { return stated };
        let turning = match born.map(|born| i64::from(next.year()) - i64::from(born.year())) {
            Some(years @ 1..) => format!("turning {years} "),
            _ => String::new(),
        };
        match words::days_between(today, next) {
            0 => format!("{stated}, {turning}today"),
            1 => format!("{stated}, {turning}tomorrow"),
            far => format!("{stated}, {turning}on {}, in {}", words::day_name(next, today), words::counted(far, "day")),
        }
    }
}

/// The day from today on. Who was born on 29 February has theirs on the 28th in other years.
fn next_birthday(month: i8, day: i8, today: Date) -> Option<Date> {
    let in_year = |year: i16| Date::new(year, month, day).or_else(|_| Date::new(year, month, day - 1)).ok();
    [today.year(), today.year() + 1].into_iter().filter_map(in_year).find(|date| *date >= today)
}

//! vCard: one block per contact, on one line, so that whatever is quoted names the person.

use crate::content_line::{ContentLine, one_line, parse};
use crate::dates::parse_day;
use crate::draft::Draft;
use crate::error::Skip;

/// Reads contacts.
pub fn extract(text: &str, draft: &mut Draft) -> Result<(), Skip> {
    let mut card: Option<Vec<ContentLine>> = None;
    let mut names = Vec::new();
    for line in parse(text) {
        match (line.name.as_str(), &mut card) {
            ("BEGIN", None) if line.value.trim().eq_ignore_ascii_case("VCARD") => card = Some(vec![line]),
            ("END", Some(_)) => names.extend(write(card.take(), draft)),
            (_, Some(lines)) => lines.push(line),
            _ => {}
        }
        if draft.is_full() {
            return Ok(());
        }
    }
    names.extend(write(card, draft));
    if let [name] = names.as_slice() {
        draft.title(name);
    }
    if names.is_empty() { Err(Skip::broken("contact file", "it has no contact with a name")) } else { Ok(()) }
}

/// Writes one contact out; gives its name.
fn write(card: Option<Vec<ContentLine>>, draft: &mut Draft) -> Option<String> {
    let card = card?;
    let (name, line) = name(&card)?;
    let mut text = name.clone();
    for property in &card {
        if let Some((label, value)) = describe(property).filter(|(_, value)| !value.is_empty() && *value != name) {
            text.push_str(&format!("; {label}: {value}"));
        }
    }
    draft.paragraph(&text, line);
    Some(name)
}

/// The contact's name and the line it stands on.
fn name(card: &[ContentLine]) -> Option<(String, u32)> {
    let find = |name: &str| card.iter().find(|line| line.name == name);
    let formatted = find("FN").map(|line| (one_line(&line.text()), line.line));
    let structured = || {
        find("N").map(|line| {
            let parts = line.parts(';');
            let get = |at: usize| parts.get(at).cloned().unwrap_or_default();
            (joined(&[get(3), get(1), get(2), get(0), get(4)], " "), line.line)
        })
    };
    let other = |name: &str| find(name).map(|line| (joined(&line.parts(';'), ", "), line.line));
    [formatted, structured(), other("NICKNAME"), other("ORG"), other("EMAIL")]
        .into_iter()
        .flatten()
        .find(|(name, _)| !name.is_empty())
}

/// What a property is called and what it says, if it says something to a person.
fn describe(line: &ContentLine) -> Option<(String, String)> {
    let plain = |label: &str| Some((label.to_string(), one_line(&line.text())));
    match line.name.as_str() {
        "TEL" => Some((format!("phone{}", kinds(line)), without_scheme(line, "tel:"))),
        "EMAIL" => Some((format!("email{}", kinds(line)), without_scheme(line, "mailto:"))),
        "IMPP" | "X-JABBER" => plain("chat"),
        "NICKNAME" => plain("nickname"),
        "ORG" => Some(("organisation".into(), joined(&line.parts(';'), ", "))),
        "TITLE" => plain("job title"),
        "ROLE" => plain("role"),
        "BDAY" => Some(("birthday".into(), day(&line.text()))),
        "ANNIVERSARY" => Some(("anniversary".into(), day(&line.text()))),
        "ADR" => Some((format!("address{}", kinds(line)), address(line))),
        "URL" => plain("website"),
        "RELATED" | "X-SPOUSE" => plain("related"),
        "CATEGORIES" => plain("category"),
        "NOTE" => plain("note"),
        _ => None,
    }
}

/// Like " (home, mobile)".
fn kinds(line: &ContentLine) -> String {
    let kinds: Vec<String> = line
        .params
        .iter()
        .filter(|(key, _)| matches!(key.as_str(), "TYPE" | ""))
        .flat_map(|(_, value)| value.split(','))
        .filter_map(|kind| match kind.trim().to_lowercase().as_str() {
            "cell" => Some("mobile".into()),
            kind @ ("home" | "work" | "fax" | "pager") => Some(kind.into()),
            _ => None,
        })
        .collect();
    if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) }
}

fn without_scheme(line: &ContentLine, scheme: &str) -> String {
    let text = one_line(&line.text());
    text.strip_prefix(scheme).map(String::from).unwrap_or(text)
}

/// Street, extension, box, postal code and city, region, country.
fn address(line: &ContentLine) -> String {
    let parts = line.parts(';');
    let get = |at: usize| parts.get(at).map(|part| one_line(part)).unwrap_or_default();
    let city = joined(&[get(5), get(3)], " ");
    joined(&[get(2), get(1), get(0), city, get(4), get(6)], ", ")
}

fn joined(parts: &[String], separator: &str) -> String {
    parts.iter().map(|part| one_line(part)).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// A date as it is stated, and in words; years may be missing ("--0314").
fn day(text: &str) -> String {
    let text = text.trim();
    let date = text.split('T').next().unwrap_or(text);
    if let Some(day) = parse_day(date) {
        return format!("{day} ({})", day.in_words());
    }
    // Any leap year will do to read a day without a year.
    let yearless = date.strip_prefix("--").map(|rest| rest.replace('-', "")).filter(|rest| rest.len() == 4);
    match yearless.and_then(|rest| parse_day(&format!("2000{rest}"))) {
        Some(day) => day.without_year(),
        None => one_line(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, Vec<(u32, String)>) {
        let mut draft = Draft::new("contact", 1 << 20);
        extract(text, &mut draft).unwrap();
        let doc = draft.finish();
        (doc.title, doc.blocks.into_iter().map(|b| (b.line, b.text)).collect())
    }

    #[test]
    fn a_contact_on_one_line() {
        let (title, blocks) = read(
            "BEGIN:VCARD\nVERSION:3.0\nN:Schmidt;Anna;;Dr.;\nFN:Dr. Anna Schmidt\nORG:Praxis Mitte;Zahnmedizin\n\
             item1.TEL;TYPE=CELL,VOICE:+49 170 123\nTEL;TYPE=work:tel:+49-30-1\nEMAIL:anna@example.org\n\
             ADR;TYPE=HOME:;;Lindenweg 4;Berlin;;10115;Germany\nBDAY:1980-05-01\nANNIVERSARY:--0714\n\
             NOTE:Prefers mornings.\\nSpeaks German\nPHOTO;ENCODING=b:AAAA\nEND:VCARD\n",
        );
        assert_eq!(title.as_deref(), Some("Dr. Anna Schmidt"));
        assert_eq!(
            blocks,
            [(
                4,
                "Dr. Anna Schmidt; organisation: Praxis Mitte, Zahnmedizin; phone (mobile): +49 170 123; phone (work): +49-30-1; \
                 email: anna@example.org; address (home): Lindenweg 4, 10115 Berlin, Germany; \
                 birthday: 1980-05-01 (Thursday 1 May 1980); anniversary: 14 July; note: Prefers mornings. Speaks German"
                    .to_string()
            )]
        );
    }

    #[test]
    fn several_contacts_and_names_from_elsewhere() {
        let (title, blocks) = read(
            "BEGIN:VCARD\nN:Costa;João\nTEL;CELL:1\nEND:VCARD\n\nBEGIN:VCARD\nORG:ACME\nTEL:2\nEND:VCARD\nBEGIN:VCARD\nFN:Cut off",
        );
        assert_eq!(title, None);
        assert_eq!(
            blocks,
            [
                (2, "João Costa; phone (mobile): 1".to_string()),
                (7, "ACME; phone: 2".to_string()),
                (11, "Cut off".to_string())
            ]
        );
    }

    #[test]
    fn what_is_no_contact_is_refused() {
        let mut draft = Draft::new("contact", 1000);
        assert!(matches!(extract("BEGIN:VCARD\nEND:VCARD", &mut draft), Err(Skip::Broken { .. })));
    }
}

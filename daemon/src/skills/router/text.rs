//! Words, folding and the language of a short text: what routing and slot filling both need.
//! Knows nothing of intents, skills or embeddings.

use std::ops::Range;

/// One word of a text (in scripts without spaces: one character), with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word in lower case without accents.
    pub folded: String,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// Cuts a text into words. Apostrophes stay inside a word; characters of scripts that are written without spaces
/// become one word each.
pub fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut open: Option<Word> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let joins = matches!(c, '\'' | '’') && open.is_some() && chars.peek().is_some_and(|(_, n)| n.is_alphanumeric());
        if is_unspaced(c) {
            found.extend(open.take());
            found.push(Word { folded: c.to_string(), range: at..end });
        } else if c.is_alphanumeric() || joins {
            let word = open.get_or_insert_with(|| Word { folded: String::new(), range: at..end });
            push_folded(&mut word.folded, c);
            word.range.end = end;
        } else if !is_combining(c) {
            found.extend(open.take());
        }
    }
    found.extend(open);
    found
}

/// Lower case without accents, everything that is no word turned into single spaces.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in words(text) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(&word.folded);
    }
    folded
}

/// Is this character of a script that puts no spaces between words?
pub fn is_unspaced(c: char) -> bool {
    matches!(c as u32, 0x0E00..=0x0EFF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2FA1F)
}

fn is_combining(c: char) -> bool {
    matches!(c as u32, 0x0300..=0x036F)
}

fn push_folded(out: &mut String, c: char) {
    match c {
        '’' => out.push('\''),
        'ß' => out.push_str("ss"),
        _ if is_combining(c) => {}
        _ => out.extend(c.to_lowercase().filter(|l| !is_combining(*l)).map(without_accent)),
    }
}

/// The base letter of the accented Latin letters that European languages use; anything else is itself.
fn without_accent(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ŕ' | 'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ţ' | 'ț' | 'ť' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ => c,
    }
}

/// Words that betray a language even in a short request, folded as [`fold`] does. A word may stand in several rows.
const TELLTALE: &[(&str, &str)] = &[
    (
        "en",
        "the a an of to for in on at is are was were what when where which who how do does did my me i you your it this \
         that and or with from please can could would set show tell give find open any there much many long will be by as \
         has have not if up new all get make",
    ),
    (
        "pt",
        "o os a as um uma de do da dos das em no na nos nas para por com que qual quais quando onde quem como quanto \
         quantos quantas e ou meu minha me eu voce esta este isto foi era sao ate daqui ao aos pelo pela mais nao hoje \
         amanha horas hora minutos abre mostra procura cancela define poe qual ha faltam tem seu sua lembra avisa acorda desliga",
    ),
    (
        "es",
        "el los la las un una de del al en para por con que cual cuales cuando donde quien como cuanto cuantos cuantas y \
         o mi me yo usted esta este esto fue era son hasta mas no hoy manana horas hora minutos abre muestra busca cancela \
         pon hay faltan es tiene su",
    ),
    (
        "de",
        "der die das den dem des ein eine einen einem einer von zu zum zur fur in im auf am ist sind war waren was wann \
         wo welche welcher welches wer wie viel viele mein meine mir mich ich du sie es und oder mit aus bitte kann nicht \
         bis heute morgen uhr um stunde stunden minuten offne zeige zeig stelle stell finde such suche nach weck wecker erinnere \
         losche sag noch",
    ),
    (
        "fr",
        "le la les l un une de du des au aux en dans sur pour par avec que quel quelle quels quelles quand ou qui comment \
         combien et mon ma mes me moi je tu vous il elle ce cette est sont etait jusqu plus ne pas heure heures minutes \
         ouvre montre cherche annule mets aujourd'hui demain",
    ),
    (
        "it",
        "il lo la i gli le un una uno di del della dei in nel nella su per con da che quale quali quando dove chi come \
         quanto quanti quante e o mio mia mi io tu questo questa era sono fino piu non oggi domani ora ore minuti apri \
         mostra cerca annulla imposta c'e",
    ),
    (
        "nl",
        "de het een van te voor in op aan is zijn was waren wat wanneer waar welke wie hoe veel mijn mij me ik je jij u \
         en of met uit kan niet tot vandaag morgen uur minuten open toon zet zoek naar",
    ),
];

/// The language of a short text as an ISO 639-1 code: by its script, then by its commonest words.
/// `None` when nothing tells (a name, a number, a language without a row here).
pub fn language(text: &str) -> Option<&'static str> {
    if let Some(code) = by_script(text) {
        return Some(code);
    }
    let words = words(text);
    let accents = accent_hint(text);
    let mut best: Option<(&'static str, usize)> = None;
    for &(code, telltale) in TELLTALE {
        let known = words.iter().filter(|w| telltale.split_ascii_whitespace().any(|t| t == w.folded)).count();
        let score = 2 * known + usize::from(accents.contains(&code));
        if score > best.map_or(0, |(_, s)| s) {
            best = Some((code, score));
        }
    }
    best.map(|(code, _)| code)
}

fn by_script(text: &str) -> Option<&'static str> {
    let (mut han, mut kana, mut latin) = (0, 0, 0);
    for c in text.chars() {
        match c as u32 {
            0x3040..=0x30FF => kana += 1,
            0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0x20000..=0x2FA1F => han += 1,
            0x0400..=0x04FF => return Some("ru"),
            0x0600..=0x06FF => return Some("ar"),
            0x0370..=0x03FF => return Some("el"),
            0x0590..=0x05FF => return Some("he"),
            0x0900..=0x097F => return Some("hi"),
            0x0E00..=0x0E7F => return Some("th"),
            0xAC00..=0xD7AF => return Some("ko"),
            _ if c.is_alphabetic() => latin += 1,
            _ => {}
        }
    }
    // A Chinese request may hold a Latin file name; a single character in an English one says little.
    if kana > 0 {
        Some("ja")
    } else if han > 0 && han * 4 >= latin {
        Some("zh")
    } else {
        None
    }
}

/// Languages whose own letters stand in the text.
fn accent_hint(text: &str) -> &'static [&'static str] {
    let has = |letters: &str| text.chars().any(|c| letters.contains(c));
    if has("ãõÃÕ") {
        &["pt"]
    } else if has("ñ¿¡Ñ") {
        &["es"]
    } else if has("ßäÄ") || has("öüÖÜ") {
        &["de"]
    } else if has("èêëîïûœÈÊ") {
        &["fr", "it"]
    } else if has("áéíóúâôçà") {
        &["pt", "es", "fr"]
    } else {
        &[]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_place_and_lose_their_accents() {
        let text = "Öffne Ana’s «notes», às 7";
        let found = words(text);
        let folded: Vec<&str> = found.iter().map(|w| w.folded.as_str()).collect();
        assert_eq!(folded, ["offne", "ana's", "notes", "as", "7"]);
        assert_eq!(&text[found[1].range.clone()], "Ana’s");
        assert_eq!(fold("  Straße, e\u{301}!"), "strasse e");
    }

    #[test]
    fn characters_without_spaces_are_words_of_their_own() {
        let found = words("十分钟timer");
        assert_eq!(found.len(), 4);
        assert_eq!(found[3].folded, "timer");
    }

    #[test]
    fn short_requests_show_their_language() {
        for (text, code) in [
            ("set a timer for ten minutes", Some("en")),
            ("what time is it", Some("en")),
            ("põe um temporizador de dez minutos", Some("pt")),
            ("que horas são em Tóquio", Some("pt")),
            ("quantos dias faltam para o Natal", Some("pt")),
            ("stelle einen Timer auf zehn Minuten", Some("de")),
            ("wie spät ist es in Tokio", Some("de")),
            ("设置十分钟的计时器", Some("zh")),
            ("打开 downloads 文件夹", Some("zh")),
            ("ouvre le dossier des téléchargements", Some("fr")),
            ("¿qué hora es?", Some("es")),
            ("Wecker um 6:30 bitte", Some("de")),
            ("42", None),
        ] {
            assert_eq!(language(text), code, "{text}");
        }
    }
}

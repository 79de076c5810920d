//! Which language a text is in, and which chain of filters serves it.
//!
//! Guesses are conservative: what is short or unclear in Latin script counts as English, because
//! search adds the stems of every language that is present anyway.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use foldhash::fast::RandomState;
use tantivy::tokenizer::{self, RawTokenizer, StopWordFilter, TextAnalyzer, TokenStream};
use whatlang::{Detector, Lang};

use super::words::unspaced;

/// Most bytes of a text that are looked at to find its language.
const SAMPLE: usize = 4_000;
/// Fewer words than this in Latin script say nothing about the language of a document.
const FEWEST_WORDS: usize = 4;
/// How far the stop words of one language must outnumber another's to overrule the trigrams.
const CLEAR_LEAD: f32 = 1.25;
/// One word in so many that is a stop word makes a text plainly of that language,
const PLAIN: usize = 5;
/// if it has so many words
const PLAIN_WORDS: usize = 40;
/// in its first bytes.
const GLANCE: usize = 600;
/// No list has a longer word, in bytes.
const LONGEST_STOP_WORD: usize = 32;
/// Words remembered by each thread.
const MOST_SEEN: usize = 20_000;

/// A language, named by its ISO 639-1 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Language(u8);

struct Row {
    code: &'static str,
    lang: Lang,
    stemming: Option<tokenizer::Language>,
}

macro_rules! rows {
    ($($code:literal $lang:ident $($stemming:ident)?;)*) => {
        &[$(Row { code: $code, lang: Lang::$lang, stemming: rows!(@ $($stemming)?) }),*]
    };
    (@ $stemming:ident) => { Some(tokenizer::Language::$stemming) };
    (@) => { None };
}

#[rustfmt::skip]
static TABLE: &[Row] = rows![
    "en" Eng English; "ar" Ara Arabic; "da" Dan Danish; "de" Deu German; "el" Ell Greek; "es" Spa Spanish;
    "fi" Fin Finnish; "fr" Fra French; "hu" Hun Hungarian; "it" Ita Italian; "nb" Nob Norwegian; "nl" Nld Dutch;
    "pt" Por Portuguese; "ro" Ron Romanian; "ru" Rus Russian; "sv" Swe Swedish; "ta" Tam Tamil; "tr" Tur Turkish;
    "zh" Cmn; "ja" Jpn; "ko" Kor; "th" Tha; "km" Khm; "my" Mya;
    "af" Afr; "ak" Aka; "am" Amh; "az" Aze; "be" Bel; "bg" Bul; "bn" Ben; "ca" Cat; "cs" Ces; "cy" Cym; "eo" Epo;
    "et" Est; "fa" Pes; "gu" Guj; "he" Heb; "hi" Hin; "hr" Hrv; "hy" Hye; "id" Ind; "jv" Jav; "ka" Kat; "kn" Kan;
    "la" Lat; "lt" Lit; "lv" Lav; "mk" Mkd; "ml" Mal; "mr" Mar; "ne" Nep; "or" Ori; "pa" Pan; "pl" Pol; "si" Sin;
    "sk" Slk; "sl" Slv; "sn" Sna; "sr" Srp; "te" Tel; "tk" Tuk; "tl" Tgl; "uk" Ukr; "ur" Urd; "uz" Uzb; "vi" Vie;
    "yi" Yid; "zu" Zul;
];

/// One chain per language.
static CHAINS: [OnceLock<TextAnalyzer>; 128] = [const { OnceLock::new() }; 128];

impl Language {
    /// English, which also stands for Latin text of unknown language.
    pub const ENGLISH: Language = Language(0);

    /// Stands for names: Chinese has no stems and no stop words here, and its bigrams serve names too.
    pub(crate) const NAMES: Language = Language(18);

    /// The ISO 639-1 code.
    pub fn code(self) -> &'static str {
        TABLE[usize::from(self.0)].code
    }

    /// The language with this ISO 639-1 code, if it is known here.
    pub fn from_code(code: &str) -> Option<Language> {
        Self::position(|row| row.code == code)
    }

    fn from_whatlang(lang: Lang) -> Option<Language> {
        Self::position(|row| row.lang == lang)
    }

    fn position(wanted: impl Fn(&Row) -> bool) -> Option<Language> {
        TABLE.iter().position(wanted).and_then(|i| u8::try_from(i).ok()).map(Language)
    }

    fn lang(self) -> Lang {
        TABLE[usize::from(self.0)].lang
    }

    /// What becomes of a single word.
    pub(super) fn chain(self) -> TextAnalyzer {
        let row = &TABLE[usize::from(self.0)];
        CHAINS[usize::from(self.0)].get_or_init(|| super::chain(row.stemming)).clone()
    }
}

/// The language of a document, judged by its first few thousand bytes.
pub fn detect(text: &str) -> Language {
    judge(head(text), None)
}

/// The language of a query, which must be English or one of those `present` in the index: a few
/// words are not enough to choose among seventy.
pub fn detect_query(text: &str, present: &[Language]) -> Language {
    judge(head(text), Some(present))
}

fn head(text: &str) -> &str {
    cut(text, SAMPLE)
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn judge(text: &str, among: Option<&[Language]>) -> Language {
    if let Some(language) = by_script(text) {
        return language;
    }
    if among.is_none()
        && let Some(language) = plain(cut(text, GLANCE))
    {
        return language;
    }
    let words = lower_words(text);
    let allowed = |l: Language| l == Language::ENGLISH || among.is_none_or(|a| a.contains(&l));
    let hits = stop_words(&words, allowed);
    let guess = match among {
        None => whatlang::detect(text),
        Some(present) => {
            let mut list: Vec<Lang> = present.iter().map(|l| l.lang()).collect();
            list.push(Lang::Eng);
            Detector::with_allowlist(list).detect(text)
        }
    };
    let Some(guess) = guess else { return Language::ENGLISH };
    let guessed = Language::from_whatlang(guess.lang()).unwrap_or(Language::ENGLISH);
    if guess.script() != whatlang::Script::Latin {
        return guessed;
    }
    if among.is_none() && words.len() < FEWEST_WORDS {
        return Language::ENGLISH;
    }
    weigh(&words, hits, guessed, guess.is_reliable())
}

/// The language of a text whose stop words leave no doubt. Comparing trigrams with forty languages would change nothing
/// then, and takes ten times as long as all the rest.
fn plain(text: &str) -> Option<Language> {
    let words = lower_words(text);
    let hits = stop_words(&words, |_| true);
    let [(most, leader), (next, _), ..] = hits.as_slice() else { return None };
    let clear = words.len() >= PLAIN_WORDS && most * PLAIN >= words.len() && *most >= 2 * next;
    clear.then_some(*leader)
}

/// Lets the stop words of the text confirm or overrule what its trigrams suggest.
fn weigh(words: &[Cow<'_, str>], mut hits: Vec<(usize, Language)>, guessed: Language, reliable: bool) -> Language {
    hits.sort_by_key(|&(n, language)| (std::cmp::Reverse(n), language != guessed));
    let known = hits.iter().find(|h| h.1 == guessed).map(|h| h.0);
    let (best, leader) = hits.first().copied().unwrap_or((0, Language::ENGLISH));
    let lead = |n: usize| best as f32 >= CLEAR_LEAD * n as f32;
    match known {
        // Without a list of its own a language can only be believed when it is plain.
        None if reliable && best * 6 < words.len() => guessed,
        Some(n) if reliable && n > 0 && !lead(n) => guessed,
        Some(n) if n == best && n > 0 => guessed,
        Some(0) if reliable && best == 0 => guessed,
        _ if best > 0 && hits.get(1).is_none_or(|h| lead(h.0)) => leader,
        Some(_) if reliable => guessed,
        _ => Language::ENGLISH,
    }
}

/// Chinese, Japanese and Korean by their characters, which count more than letters: one of them is
/// as much as half a word.
fn by_script(text: &str) -> Option<Language> {
    if text.is_ascii() {
        return None;
    }
    let (mut han, mut kana, mut hangul, mut other) = (0usize, 0usize, 0usize, 0usize);
    for c in text.chars() {
        match u32::from(c) {
            0x3041..=0x3096 | 0x30A1..=0x30FA | 0x30FC | 0xFF66..=0xFF9F => kana += 1,
            0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7AF => hangul += 1,
            0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF => han += 1,
            _ if c.is_alphabetic() && !unspaced(c) => other += 1,
            _ => {}
        }
    }
    let (weight, all) = (3 * (han + kana + hangul), 3 * (han + kana + hangul) + other);
    if weight == 0 || weight * 2 < all {
        return None;
    }
    let code = if hangul > han + kana {
        "ko"
    } else if kana * 20 > han + kana {
        "ja"
    } else {
        "zh"
    };
    Language::from_code(code)
}

/// The words of a text in small letters: borrowed where they are written so, as most are.
fn lower_words(text: &str) -> Vec<Cow<'_, str>> {
    let mut words = Vec::new();
    super::words::cut(text, false, &mut |range, word| {
        let written = &text[range];
        if word == written && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            words.push(Cow::Borrowed(written));
        } else if word.chars().all(char::is_alphabetic) {
            words.push(Cow::Owned(word.to_lowercase()));
        }
    });
    words
}

/// Knows the stop words of one language.
#[derive(Clone)]
struct Probe {
    language: Language,
    /// Lets through what is none.
    filter: TextAnalyzer,
}

impl Probe {
    fn lists(&mut self, word: &str) -> bool {
        !self.filter.token_stream(word).advance()
    }
}

/// What a thread knows of stop words.
struct StopWords {
    probes: Vec<Probe>,
    /// Which of the probes list a word, as bits: asking them is slow, and most words come again.
    seen: HashMap<Box<str>, u32, RandomState>,
}

impl StopWords {
    /// The probes that list a word.
    fn listed(&mut self, word: &str) -> u32 {
        if let Some(listed) = self.seen.get(word) {
            return *listed;
        }
        let listed = self.probes.iter_mut().enumerate().map(|(i, probe)| u32::from(probe.lists(word)) << i).sum();
        if self.seen.len() > MOST_SEEN {
            self.seen.clear();
        }
        self.seen.insert(word.into(), listed);
        listed
    }
}

/// How many of the words are stop words of each allowed language, most first.
fn stop_words(words: &[Cow<'_, str>], allowed: impl Fn(Language) -> bool) -> Vec<(usize, Language)> {
    let mut counts: Vec<(usize, Language)> = PROBES.iter().map(|probe| (0, probe.language)).collect();
    STOP_WORDS.with_borrow_mut(|known| {
        for word in words.iter().filter(|word| word.len() <= LONGEST_STOP_WORD) {
            let mut listed = known.listed(word);
            while listed != 0 {
                counts[listed.trailing_zeros() as usize].0 += 1;
                listed &= listed - 1;
            }
        }
    });
    counts.retain(|(_, language)| allowed(*language));
    counts.sort_by_key(|&(n, _)| std::cmp::Reverse(n));
    counts
}

thread_local! {
    static STOP_WORDS: RefCell<StopWords> =
        RefCell::new(StopWords { probes: PROBES.clone(), seen: HashMap::default() });
}

static PROBES: LazyLock<Vec<Probe>> = LazyLock::new(|| {
    let listed = TABLE.iter().enumerate().filter_map(|(i, row)| {
        let filter = match row.code {
            // The list that suits indexing is too short to tell English from its neighbours.
            "en" => Some(StopWordFilter::remove(ENGLISH.split_whitespace().map(str::to_owned))),
            "ru" => None,
            _ => row.stemming.and_then(StopWordFilter::new),
        }?;
        let filter = TextAnalyzer::builder(RawTokenizer::default()).filter(filter).build();
        Some(Probe { language: Language(u8::try_from(i).ok()?), filter })
    });
    listed.collect()
});

const ENGLISH: &str = "a about after all also an and any are as at be because been before being between both but by \
    can could did do does down during each for from had has have he her here him his how i if in into is it its many \
    may me more most much my no not of off on once one only or other our out over own same she should so some such \
    than that the their them then there these they this those through to under until up us very was we were what \
    when where which while who whom whose why will with would you your";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_row_fits_and_is_named_once() {
        assert!(TABLE.len() <= CHAINS.len());
        for row in TABLE {
            assert_eq!(Language::from_code(row.code).unwrap().code(), row.code);
            assert_eq!(TABLE.iter().filter(|r| r.code == row.code || r.lang == row.lang).count(), 1, "{}", row.code);
        }
        assert_eq!(Language::ENGLISH.code(), "en");
        assert!(Language::from_code("xx").is_none());
    }

    #[test]
    fn documents_are_told_apart() {
        for (code, text) in [
            ("en", "The French and Indian War was the North American theatre of the worldwide Seven Years' War."),
            ("pt", "A guerra foi travada principalmente ao longo das fronteiras entre a Nova França e as colónias."),
            ("de", "Der Dreißigjährige Krieg war ein Konflikt um die Hegemonie im Heiligen Römischen Reich."),
            ("fr", "La guerre de Sept Ans est un conflit majeur de l'histoire, souvent comparé à une guerre mondiale."),
            ("es", "La guerra se libró principalmente en las fronteras entre Nueva Francia y las colonias."),
            ("ru", "Семилетняя война была крупным европейским конфликтом восемнадцатого века."),
            ("zh", "《战国无双3》是由光荣和ω-force开发的战国无双系列的正统第三续作。"),
            ("ja", "東京タワーは、東京都港区芝公園にある総合電波塔である。"),
            ("ko", "서울은 대한민국의 수도이자 최대 도시이다."),
        ] {
            assert_eq!(detect(text).code(), code, "{text}");
        }
    }

    #[test]
    fn what_is_short_or_no_language_counts_as_english() {
        for text in ["", "42", "Normandy", "Meeting notes 2024", "{}();", "xkcd qwrt zzz"] {
            assert_eq!(detect(text), Language::ENGLISH, "{text}");
        }
    }

    #[test]
    fn a_query_is_one_of_the_languages_present() {
        let present: Vec<Language> = ["en", "pt", "zh"].iter().map(|c| Language::from_code(c).unwrap()).collect();
        assert_eq!(detect_query("Em que país a Normandia está localizada?", &present).code(), "pt");
        assert_eq!(detect_query("In what country is Normandy located?", &present).code(), "en");
        assert_eq!(detect_query("战国史模式", &present).code(), "zh");
        assert_eq!(detect_query("Wo liegt die Normandie?", &present[..1]).code(), "en");
    }

    #[test]
    fn some_english_words_do_not_make_a_chinese_text_english() {
        let text = "光荣和ω-force Warriors开发的战国无双系列 Nintendo Wii";
        assert_eq!(detect(text).code(), "zh");
    }
}

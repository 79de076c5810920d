//! Bytes to text: byte-order marks, UTF-8, UTF-16 and the old charsets; refuses binary data.
//!
//! Lines of the result are the lines of the file: line ends become `\n`, nothing else moves.

use crate::error::Skip;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// How much of a file tells whether it is text.
const SAMPLE: usize = 64 << 10;
/// Where an HTML file must name its charset.
const HTML_HEAD: usize = 1024;

/// The text of a text file.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Skip> {
    decode_as(bytes, None)
}

/// The text of an HTML file, which may name its own charset.
pub fn decode_html(bytes: &[u8]) -> Result<Cow<'_, str>, Skip> {
    decode_as(bytes, html_charset(bytes))
}

/// Says why these bytes are not text, if they are not.
pub fn refuse_binary(bytes: &[u8]) -> Result<(), Skip> {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    if unicode_charset(sample).is_some() {
        return Ok(());
    }
    if sample.contains(&0) {
        return Err(Skip::Binary("it holds zero bytes".into()));
    }
    let odd = sample.iter().filter(|b| is_odd_control(**b)).count();
    if odd * 20 > sample.len() {
        return Err(Skip::Binary(format!("{odd} of its first {} bytes are control characters", sample.len())));
    }
    Ok(())
}

/// Control characters that text does not use. Escape is common in logs.
fn is_odd_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b) || byte == 0x7f
}

fn decode_as<'a>(bytes: &'a [u8], stated: Option<&'static Encoding>) -> Result<Cow<'a, str>, Skip> {
    refuse_binary(bytes)?;
    if let Some(utf16) = unicode_charset(&bytes[..bytes.len().min(SAMPLE)]) {
        return Ok(tidy(utf16.decode(bytes).0));
    }
    if let Ok(valid) = std::str::from_utf8(bytes) {
        return Ok(tidy(Cow::Borrowed(valid)));
    }
    let encoding = stated.unwrap_or_else(|| guess(bytes));
    Ok(tidy(encoding.decode(bytes).0))
}

/// What a byte-order mark, or the zero bytes of UTF-16 without one, say.
fn unicode_charset(sample: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, mark)) = Encoding::for_bom(sample) {
        // Two bytes are soon there by chance: what follows has to be text.
        let even = mark + (sample.len() - mark) / 2 * 2;
        let is_text = || is_prose(&encoding.decode_without_bom_handling(&sample[mark..even]).0);
        return Some(encoding).filter(|e| *e != UTF_8 && is_text());
    }
    if !sample.contains(&0) {
        return None;
    }
    // Text in UTF-16 has many zero bytes in one half of its units and next to none in the other.
    let units = sample.len() / 2;
    if units < 4 || !sample.len().is_multiple_of(2) && sample.len() < SAMPLE {
        return None;
    }
    let zeros = |half: usize| sample.iter().skip(half).step_by(2).filter(|b| **b == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let guess = if second * 10 >= units * 4 && first * 50 < units {
        UTF_16LE
    } else if first * 10 >= units * 4 && second * 50 < units {
        UTF_16BE
    } else {
        return None;
    };
    // Tables of small numbers have zero bytes in the same places.
    is_prose(&guess.decode_without_bom_handling(&sample[..units * 2]).0).then_some(guess)
}

/// Whether hardly any character is one that texts do not have, and most are letters, digits and what stands between
/// them. 16-bit numbers of any kind fail this: where they are small they are as often signs as letters, and where they
/// are large they hit halves of characters and numbers without a character.
fn is_prose(text: &str) -> bool {
    let (mut all, mut odd, mut usual, mut spaces) = (0_usize, 0_usize, 0_usize, 0_usize);
    for c in text.chars() {
        all += 1;
        odd += usize::from(c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c') || c == '\u{fffd}');
        spaces += usize::from(c.is_whitespace());
        let between = c.is_whitespace() || c.is_ascii_punctuation() || ('\u{3000}'..='\u{303f}').contains(&c);
        // Rare Chinese characters: numbers hit them often, texts hardly ever.
        let rare = ('\u{3400}'..='\u{4dbf}').contains(&c);
        usual += usize::from(c.is_alphanumeric() && !rare || between);
    }
    // Scripts with spaces between words have some in every forty characters; the others lie beyond Latin.
    let spaced = all < 40 || spaces * 40 >= all || text.chars().filter(|c| *c >= '\u{2e80}').count() * 2 > all;
    odd * 50 <= all && usual * 100 >= all * 85 && spaced
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // UTF-8 with a few broken characters is still UTF-8.
    let lossy = String::from_utf8_lossy(&bytes[..bytes.len().min(SAMPLE)]);
    let broken = lossy.chars().filter(|c| *c == '\u{fffd}').count();
    let whole = lossy.chars().filter(|c| !c.is_ascii() && *c != '\u{fffd}').count();
    if whole > broken * 10 {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// `charset=...` in the first bytes of an HTML file.
fn html_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HTML_HEAD)]).to_ascii_lowercase();
    let after = head.split_once("charset").map(|(_, after)| after.trim_start())?;
    let value = after.strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(value.len());
    Encoding::for_label(&value.as_bytes()[..end])
}

/// One kind of line end, no byte-order mark, no stray control characters.
pub fn tidy(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.strip_prefix('\u{feff}').unwrap_or(t)),
        Cow::Owned(t) if t.starts_with('\u{feff}') => Cow::Owned(t['\u{feff}'.len_utf8()..].to_string()),
        owned => owned,
    };
    // All of it is looked at, many bytes at a time, since nearly always there is none.
    let stray = |b: u8| (b < 0x20) & (b != b'\n') & (b != b'\t') | (b == 0x7f);
    if !text.bytes().fold(false, |any, byte| any | stray(byte)) {
        return text;
    }
    let old_mac = !text.contains('\n');
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if old_mac => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\t' => out.push(c),
            c if c.is_ascii_control() => out.push(' '),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool, bom: bool) -> Vec<u8> {
        let units = bom.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn every_charset_gives_the_same_text() {
        let text = "Größe: fünf Äpfel\nzweite Zeile\n";
        let latin1 = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        let cases = [text.as_bytes().to_vec(), [b"\xef\xbb\xbf", text.as_bytes()].concat(), latin1].into_iter().chain(
            [(true, true), (false, true), (true, false), (false, false)].map(|(big, bom)| utf16(text, big, bom)),
        );
        for bytes in cases {
            assert_eq!(decode(&bytes).unwrap(), text, "{:?}", &bytes[..8]);
        }
    }

    #[test]
    fn chinese_and_cyrillic_charsets_are_guessed() {
        let chinese = "今天下午三点在办公室开会，请大家准时参加，并带上上周的报告。";
        let gbk = encoding_rs::GBK.encode(chinese).0.into_owned();
        assert_eq!(decode(&gbk).unwrap(), chinese);
        let russian = "Завтра в три часа у нас встреча в большом зале на втором этаже.";
        let koi8 = encoding_rs::KOI8_R.encode(russian).0.into_owned();
        assert_eq!(decode(&koi8).unwrap(), russian);
    }

    #[test]
    fn html_names_its_charset() {
        let html = "<meta charset='windows-1251'><p>Привет</p>";
        let bytes = encoding_rs::WINDOWS_1251.encode(html).0.into_owned();
        assert_eq!(decode_html(&bytes).unwrap(), html);
        let old = "<META http-equiv=Content-Type content=\"text/html; charset=big5\"><p>繁體中文</p>";
        let bytes = encoding_rs::BIG5.encode(old).0.into_owned();
        assert_eq!(decode_html(&bytes).unwrap(), old);
    }

    #[test]
    fn binary_data_is_refused_and_coloured_logs_are_not() {
        assert!(decode(b"abc\0def").is_err());
        assert!(decode(&[1, 2, 3, 4, 5, 6, 7, 8]).is_err());
        let table: Vec<u8> = (0..400u16).flat_map(|n| (n % 200).to_le_bytes()).collect();
        assert!(decode(&table).is_err(), "16-bit numbers are not UTF-16");
        for marked in [true, false] {
            for (step, modulus) in [(1_u32, 200), (7, 65_000), (13, 90), (1, 256)] {
                let numbers = (0..3000_u32).map(|n| (32 + n * step % modulus) as u16);
                let bytes: Vec<u8> =
                    marked.then_some(0xfeff).into_iter().chain(numbers).flat_map(u16::to_le_bytes).collect();
                assert!(decode(&bytes).is_err(), "numbers below {modulus} with {step}, marked: {marked}");
            }
        }
        assert_eq!(decode(b"\x1b[31mred\x1b[0m\n").unwrap(), " [31mred [0m\n");
    }

    #[test]
    fn line_ends_are_one_kind_and_keep_their_count() {
        assert_eq!(decode(b"a\r\nb\rc\nd").unwrap(), "a\nb c\nd");
        assert_eq!(decode(b"a\rb\r").unwrap(), "a\nb\n");
        assert_eq!(decode("gr\u{fc}n ok äöü äöü äöü äöü".as_bytes()).unwrap(), "grün ok äöü äöü äöü äöü");
        let broken = [("ä".repeat(40)).as_bytes(), b"\xff", "ö".as_bytes()].concat();
        assert!(decode(&broken).unwrap().ends_with("\u{fffd}ö"));
    }
}

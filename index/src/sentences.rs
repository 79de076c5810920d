//! Splits text into sentences, for Latin and similar scripts and for CJK, without knowing the
//! language: abbreviations, initials, decimals, list items and quotation marks do not fool it
//! often.
//!
//! Must not know passages or files: it sees one text.

use std::ops::Range;

/// Longer sentences (tables, logs, text without punctuation) are cut at a space near this many bytes.
pub const LONGEST: usize = 800;

/// A line shorter than this that ends without punctuation is taken as complete: a list item, a
/// table row, a line of an address.
const SHORT_LINE: usize = 50;

/// Never the last word of a sentence when followed by a full stop and more text.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "sra", "fr", "hr", "rev", "gen", "col", "capt", "lt", "sgt", "gov",
    "sen", "rep", "pres", "hon", "mt", "ft", "vs", "no", "nos", "nr", "fig", "figs", "eq", "eqs", "sec", "ch", "vol",
    "vols", "pp", "ed", "eds", "cf", "viz", "al", "ca", "approx", "dept", "univ", "assn", "bros", "art", "abs", "bzw",
    "usw", "evtl", "ggf", "inkl", "str", "tel", "av", "dra", "pág", "núm", "op", "z.b", "d.h", "u.a", "e.g", "i.e",
    "a.k.a", "p.ex", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "okt", "nov", "dec", "dez",
];

/// After an acronym with full stops ("U.S.") these words begin a new sentence.
const STARTERS: &[&str] = &[
    "The", "This", "That", "These", "Those", "He", "She", "It", "They", "We", "I", "You", "In", "On", "At", "As",
    "After", "Before", "However", "But", "And", "There", "When", "While", "Although", "His", "Her", "Its", "Their",
    "For", "From", "By", "During", "Since", "Many", "Most", "Some", "A", "An",
];

/// After a small number with a full stop these words mean an ordinal ("am 3. Mai").
const AFTER_ORDINAL: &[&str] = &[
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
    "Jahrhundert",
    "Jahrhunderts",
    "Jh",
    "Weltkrieg",
    "Weltkriegs",
    "Klasse",
    "Platz",
    "Stock",
    "Auflage",
];

/// The sentences of `text`, in order, without the white space around them. Every character that
/// is no white space is in exactly one of them.
pub fn split(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = match c {
            '\n' if line_ends(text, start, at) => at,
            '。' | '！' | '？' | '｡' => closed(text, at + c.len_utf8()),
            '.' | '!' | '?' | '…' => match terminated(text, start, at, c) {
                Some(end) => end,
                None => continue,
            },
            _ => continue,
        };
        push(text, start..end, &mut out);
        start = end;
        while chars.peek().is_some_and(|&(i, _)| i < end) {
            chars.next();
        }
    }
    push(text, start..text.len(), &mut out);
    out
}

/// Adds the range without the white space around it, in pieces if it is too long.
fn push(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let raw = &text[range.clone()];
    let mut start = range.start + (raw.len() - raw.trim_start().len());
    let end = start + raw.trim().len();
    while end - start > LONGEST {
        let mut cut = start + LONGEST;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let piece = &text[start..cut];
        let space =
            piece.rfind(|c: char| c.is_whitespace() || matches!(c, '，' | '、' | '；')).filter(|&i| i > LONGEST / 2);
        if let Some(space) = space {
            cut = start + space + piece[space..].chars().next().map_or(0, char::len_utf8);
        }
        out.push(start..start + text[start..cut].trim_end().len());
        start = cut + (text[cut..end].len() - text[cut..end].trim_start().len());
    }
    if end > start {
        out.push(start..end);
    }
}

/// Closing quotation marks, brackets and further terminators belong to the sentence before.
fn closed(text: &str, mut at: usize) -> usize {
    while let Some(c) = text[at..].chars().next() {
        let closing = matches!(
            c,
            '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '」' | '』' | '）' | '】' | '》' | '。' | '！' | '？'
        ) || matches!(c, '.' | '!' | '?' | '…');
        if !closing {
            break;
        }
        at += c.len_utf8();
    }
    at
}

/// Where the sentence ends that the terminator at `at` may end.
fn terminated(text: &str, start: usize, at: usize, terminator: char) -> Option<usize> {
    let mut end = closed(text, at + terminator.len_utf8());
    // Wikipedia's "[12]" directly after the full stop.
    if let Some(rest) = text[end..].strip_prefix('[')
        && let Some(close) = rest.find(']').filter(|&i| i > 0 && rest[..i].bytes().all(|b| b.is_ascii_digit()))
    {
        end += close + 2;
    }
    let after = &text[end..];
    let next = after.trim_start();
    if next.is_empty() {
        return Some(end);
    }
    if after.len() == next.len() {
        return None;
    }
    let first = next.chars().find(|c| !matches!(c, '"' | '\'' | '“' | '‘' | '«' | '(' | '[' | '¿' | '¡' | '„'));
    let first = first.unwrap_or(' ');
    if first.is_lowercase() {
        return None;
    }
    if terminator != '.' {
        return Some(end);
    }
    let before = &text[start..at];
    let word_start = before.rfind(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“' | '-' | '–' | '—'));
    let word = word_start.map_or(before, |i| before[i..].trim_start_matches(|c: char| !c.is_alphanumeric()));
    let alone = before.trim_start().len() == word.len();
    let next_word: String =
        next.chars().skip_while(|c| !c.is_alphanumeric()).take_while(|c| c.is_alphabetic()).collect();
    if abbreviates(word, &next_word, first, alone) { None } else { Some(end) }
}

/// Whether the full stop after `word` marks an abbreviation, an initial, an ordinal or a list item.
fn abbreviates(word: &str, next_word: &str, next_first: char, alone: bool) -> bool {
    let lower = word.to_lowercase();
    let letters = word.chars().count();
    if word.bytes().all(|b| b.is_ascii_digit()) && (1..=3).contains(&word.len()) {
        return alone || (word.len() < 3 && AFTER_ORDINAL.contains(&next_word));
    }
    if letters == 1 && word.chars().all(char::is_alphabetic) {
        // "J. Rowling", "a. First item"; but "vitamin C. The" ends.
        return alone || (word.chars().all(char::is_uppercase) && !STARTERS.contains(&next_word));
    }
    if TITLES.contains(&lower.as_str()) {
        // "No. 5", "Fig. 2", but "She said no. Then he left."
        return !matches!(lower.as_str(), "no" | "art" | "mar" | "jun" | "al" | "sec" | "ed")
            || next_first.is_numeric()
            || (lower == "al" && !STARTERS.contains(&next_word));
    }
    if lower == "etc" {
        return !next_first.is_uppercase();
    }
    let dotted =
        word.contains('.') && word.split('.').all(|p| p.chars().count() == 1 && p.chars().all(char::is_alphabetic));
    dotted && !STARTERS.contains(&next_word)
}

/// Whether the line break at `at` ends a sentence: it does not when it only wraps a paragraph.
fn line_ends(text: &str, start: usize, at: usize) -> bool {
    let line_start = text[start..at].rfind('\n').map_or(start, |i| start + i + 1);
    let line = text[line_start..at].trim();
    let next_line = text[at + 1..].split('\n').next().unwrap_or("").trim();
    if line.is_empty() {
        return false;
    }
    if next_line.is_empty() || is_item(next_line) || is_row(line) || is_row(next_line) || line.starts_with('#') {
        return true;
    }
    let opens = next_line.chars().next().is_some_and(|c| !c.is_lowercase());
    opens && line.len() < SHORT_LINE && !line.ends_with([',', ';', '-', '，', '、'])
}

fn is_row(line: &str) -> bool {
    line.contains('\t') || line.matches('|').count() > 1
}

/// A line that begins like a list item, a heading or a quotation.
fn is_item(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        rest.len() < line.len() && line.len() - rest.len() <= 3 && (rest.starts_with(". ") || rest.starts_with(") "));
    numbered || ["- ", "* ", "+ ", "• ", "– ", "# ", "## ", "### ", "> "].iter().any(|mark| line.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn plain_sentences() {
        assert_eq!(cut("One here. Two here! Three?  Four…"), ["One here.", "Two here!", "Three?", "Four…"]);
        assert_eq!(cut(""), Vec::<&str>::new());
        assert_eq!(cut(" \n "), Vec::<&str>::new());
        assert_eq!(cut("no end"), ["no end"]);
    }

    #[test]
    fn abbreviations_and_initials_do_not_end_one() {
        for text in [
            "Dr. Smith met Mr. J. K. Rowling at St. Paul's.",
            "Some fruits, e.g. Apples, i.e. Malus, are sweet.",
            "The U.S. Army paid $3.5 million in Sept. 1999.",
            "See Fig. 2 and No. 5 for details.",
            "Er kam am 3. Mai im 18. Jahrhundert an, d.h. Später.",
            "It works (cf. Miller et al. 2004) well.",
        ] {
            assert_eq!(cut(text), [text]);
        }
    }

    #[test]
    fn an_acronym_can_end_one() {
        assert_eq!(cut("He lived in the U.S. The war was over."), ["He lived in the U.S.", "The war was over."]);
        assert_eq!(cut("She said no. Then he left."), ["She said no.", "Then he left."]);
        assert_eq!(cut("It was World War 2. The end."), ["It was World War 2.", "The end."]);
    }

    #[test]
    fn closing_marks_stay_with_their_sentence() {
        assert_eq!(cut("\"Go!\" He went. (Really.) Yes."), ["\"Go!\"", "He went.", "(Really.)", "Yes."]);
        assert_eq!(cut("\"Why?\" he asked. So."), ["\"Why?\" he asked.", "So."]);
        assert_eq!(cut("It fell.[12] It rose."), ["It fell.[12]", "It rose."]);
    }

    #[test]
    fn chinese_and_japanese() {
        assert_eq!(cut("他说：“好。”然后走了。真的？是！"), ["他说：“好。”", "然后走了。", "真的？", "是！"]);
        assert_eq!(cut("東京タワーです。高い。"), ["東京タワーです。", "高い。"]);
    }

    #[test]
    fn wrapped_lines_are_joined_and_lists_are_not() {
        let wrapped = "This paragraph was wrapped by an editor at seventy or so\ncharacters. Then it ends.";
        assert_eq!(cut(wrapped).len(), 2);
        assert_eq!(
            cut("Shopping\n- milk\n- two eggs\n1. first\n2. second"),
            ["Shopping", "- milk", "- two eggs", "1. first", "2. second"]
        );
        assert_eq!(cut("a\tb\nc\td"), ["a\tb", "c\td"]);
        assert_eq!(cut("Title\n\nThe text follows here."), ["Title", "The text follows here."]);
    }

    #[test]
    fn numbers_with_points_stay_whole() {
        assert_eq!(cut("Version 1.2.3 costs 4.50 now."), ["Version 1.2.3 costs 4.50 now."]);
    }

    #[test]
    fn endless_text_is_cut_and_nothing_is_lost() {
        for text in ["word ".repeat(1_000), "字".repeat(2_000), "x".repeat(3_000)] {
            let parts = cut(&text);
            assert!(parts.iter().all(|p| p.len() <= LONGEST), "{:?}", parts.iter().map(|p| p.len()).max());
            let kept: usize = parts.iter().map(|p| p.split_whitespace().map(str::len).sum::<usize>()).sum();
            assert_eq!(kept, text.split_whitespace().map(str::len).sum::<usize>());
        }
    }
}

//! Words of a query, found again in a snippet.

use crate::style::Style;

/// Words that say nothing about what is looked for.
const COMMON: [&str; 24] = [
    "what", "when", "where", "which", "who", "whom", "whose", "why", "how", "does", "did", "was", "were", "are", "the",
    "and", "for", "from", "with", "that", "this", "have", "has", "about",
];

/// `text` with the words of `query` marked. Inflected forms count ("tomato" marks "tomatoes"); in Chinese and Japanese,
/// where words have no gaps, pairs of characters do.
pub fn highlight(text: &str, query: &str, style: &Style) -> String {
    let wanted = wanted_words(query);
    let pairs = wide_pairs(query);
    let mut out = String::with_capacity(text.len());
    for (word, is_word) in words(text) {
        if !is_word {
            out.push_str(word);
        } else if word.chars().any(is_wide) {
            mark_pairs(word, &pairs, style, &mut out);
        } else if wanted.iter().any(|want| same_word(want, &word.to_lowercase())) {
            out.push_str(&style.hit(word));
        } else {
            out.push_str(word);
        }
    }
    out
}

/// The words that are worth marking; all of them when none is.
fn wanted_words(query: &str) -> Vec<String> {
    let all: Vec<String> = words(query).filter(|(_, is_word)| *is_word).map(|(word, _)| word.to_lowercase()).collect();
    let telling = |word: &String| {
        let digits = word.chars().any(|c| c.is_ascii_digit());
        (digits || word.chars().count() >= 3) && !COMMON.contains(&word.as_str())
    };
    let some: Vec<String> = all.iter().filter(|word| telling(word)).cloned().collect();
    if some.is_empty() { all } else { some }
}

/// Equal, or the same but for a short ending of a word that is long enough.
fn same_word(a: &str, b: &str) -> bool {
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let (length_a, length_b) = (a.chars().count(), b.chars().count());
    a == b || (common >= 4 && length_a - common <= 2 && length_b - common <= 3)
}

/// Splits into runs of word characters and runs of others.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = rest.chars().next()?.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some((run, is_word))
    })
}

/// A character of a script that is written without gaps between words.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFD)
}

fn wide_pairs(query: &str) -> Vec<[char; 2]> {
    let chars: Vec<char> = query.chars().collect();
    chars.windows(2).filter(|pair| pair.iter().all(|c| is_wide(*c))).map(|pair| [pair[0], pair[1]]).collect()
}

fn mark_pairs(word: &str, pairs: &[[char; 2]], style: &Style, out: &mut String) {
    let chars: Vec<char> = word.chars().collect();
    let mut marked = vec![false; chars.len()];
    for (start, pair) in chars.windows(2).enumerate() {
        if pairs.iter().any(|wanted| wanted[..] == *pair) {
            marked[start] = true;
            marked[start + 1] = true;
        }
    }
    let mut start = 0;
    while start < chars.len() {
        let end = (start..chars.len()).find(|at| marked[*at] != marked[start]).unwrap_or(chars.len());
        let run: String = chars[start..end].iter().collect();
        out.push_str(&if marked[start] { style.hit(&run) } else { run });
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks as brackets.
    fn marked(text: &str, query: &str) -> String {
        let shown = highlight(text, query, &Style::terminal(true, None));
        shown.replace("\x1b[1;33m", "[").replace("\x1b[0m", "]")
    }

    #[test]
    fn words_and_their_forms_are_marked() {
        assert_eq!(
            marked("The tomatoes were planted.", "when was the tomato planted"),
            "The [tomatoes] were [planted]."
        );
        assert_eq!(marked("Room 12, not 120", "room 12"), "[Room] [12], not 120");
        assert_eq!(marked("a cart and a car", "car"), "a cart and a [car]");
        assert_eq!(marked("Über-Größe", "größe über"), "[Über]-[Größe]");
    }

    #[test]
    fn a_query_of_common_words_still_marks() {
        assert_eq!(marked("who are you", "who are"), "[who] [are] you");
        assert_eq!(marked("anything", ""), "anything");
    }

    #[test]
    fn chinese_is_marked_by_pairs() {
        assert_eq!(marked("我们在花园里种了番茄。", "番茄 花园"), "我们在[花园]里种了[番茄]。");
    }

    #[test]
    fn without_colours_nothing_changes() {
        assert_eq!(highlight("a b", "a", &Style::plain()), "a b");
    }
}

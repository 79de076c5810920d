//! Comparing what people say with what things are called.
//!
//! Owns: folding of case and accents. Must not know: languages.

/// Lower case without the accents of Latin letters, with runs of white space as one blank:
/// what remains equal when people type fast. Other scripts keep their signs.
///
/// ```
/// assert_eq!(hob_sdk::text::fold("  São  Paulo"), "sao paulo");
/// assert_eq!(hob_sdk::text::fold("Łódź, GROẞ"), "lodz, gross");
/// ```
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        for c in word.chars().flat_map(char::to_lowercase) {
            match plain(c) {
                Some(plain) => folded.push_str(plain),
                None => folded.push(c),
            }
        }
    }
    folded
}

/// A lower-case Latin letter without its accent; combining accents become nothing.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ǐ' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ǒ' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ǔ' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        '\u{300}'..='\u{36f}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn composed_and_decomposed_accents_fold_alike() {
        assert_eq!(fold("Café"), fold("Cafe\u{301}"));
        assert_eq!(fold("Zürich"), "zurich");
        assert_eq!(fold("北京 Straße"), "北京 strasse");
        assert_eq!(fold(" \n"), "");
    }
}

//! From what somebody writes or says to numbers and signs.
//!
//! Owns: the words for signs and small numbers in five languages. Must not know: how a sum is reckoned.

use hob_sdk::SkillError;
use hob_sdk::text::fold;

/// A piece of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token {
    /// A number.
    Number(f64),
    /// `+ - * / ^ ( ) %`, or `r` for a root that follows.
    Sign(char),
    /// "of" after a percentage.
    Of,
}

/// Words for signs, longest first where one holds another. Chinese stands without blanks.
const SIGNS: &[(&str, &str)] = &[
    ("multiplied by", "*"),
    ("multiplicado por", "*"),
    ("multipliziert mit", "*"),
    ("to the power of", "^"),
    ("elevado a", "^"),
    ("hoch", "^"),
    ("divided by", "/"),
    ("dividido por", "/"),
    ("dividido entre", "/"),
    ("geteilt durch", "/"),
    ("square root of", "r"),
    ("wurzel aus", "r"),
    ("raiz quadrada de", "r"),
    ("quadratwurzel von", "r"),
    ("percent of", "% of"),
    ("per cent of", "% of"),
    ("por cento de", "% of"),
    ("por ciento de", "% of"),
    ("prozent von", "% of"),
    ("% de", "% of"),
    ("% von", "% of"),
    ("percent", "%"),
    ("por cento", "%"),
    ("por ciento", "%"),
    ("prozent", "%"),
    ("squared", "^ 2"),
    ("cubed", "^ 3"),
    ("times", "*"),
    ("vezes", "*"),
    ("veces", "*"),
    ("mal", "*"),
    ("por", "*"),
    ("plus", "+"),
    ("mais", "+"),
    ("mas", "+"),
    ("and", "+"),
    ("minus", "-"),
    ("menos", "-"),
    ("over", "/"),
    ("durch", "/"),
    ("entre", "/"),
    ("除以", "/"),
    ("乘以", "*"),
    ("乘", "*"),
    ("加", "+"),
    ("减", "-"),
];

const WORDS: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("half", 0.5),
    ("eins", 1.0),
    ("zwei", 2.0),
    ("drei", 3.0),
    ("vier", 4.0),
    ("funf", 5.0),
    ("sechs", 6.0),
    ("sieben", 7.0),
    ("acht", 8.0),
    ("neun", 9.0),
    ("zehn", 10.0),
    ("zwolf", 12.0),
    ("um", 1.0),
    ("dois", 2.0),
    ("tres", 3.0),
    ("quatro", 4.0),
    ("cinco", 5.0),
    ("seis", 6.0),
    ("sete", 7.0),
    ("oito", 8.0),
    ("nove", 9.0),
    ("dez", 10.0),
    ("doze", 12.0),
    ("uno", 1.0),
    ("dos", 2.0),
    ("cuatro", 4.0),
    ("siete", 7.0),
    ("ocho", 8.0),
    ("nueve", 9.0),
    ("diez", 10.0),
    ("doce", 12.0),
];

/// The pieces of a sum.
///
/// # Errors
/// Which word is not understood.
pub fn tokens(text: &str) -> Result<Vec<Token>, SkillError> {
    let mut spaced = format!(" {} ", fold(text));
    for (words, sign) in SIGNS {
        spaced = match words.is_ascii() {
            true if words.contains('%') => spaced.replace(words, &format!(" {sign} ")),
            true => spaced.replace(&format!(" {words} "), &format!(" {sign} ")),
            false => spaced.replace(words, &format!(" {sign} ")),
        };
    }
    let mut tokens = Vec::new();
    let mut rest = spaced.trim();
    while !rest.is_empty() {
        rest = next(rest, &mut tokens)?.trim_start();
    }
    Ok(tokens)
}

fn next<'t>(rest: &'t str, tokens: &mut Vec<Token>) -> Result<&'t str, SkillError> {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(rest.len());
        // A full stop or comma at the end belongs to the sentence.
        let written = rest[..end].trim_end_matches(['.', ',']);
        tokens.push(Token::Number(number(written).ok_or_else(|| unknown(written))?));
        return Ok(&rest[end..]);
    }
    let sign = match first {
        '+' | '-' | '*' | '/' | '^' | '(' | ')' | '%' => Some(first),
        '−' | '–' => Some('-'),
        '×' | '·' | '⋅' => Some('*'),
        '÷' | ':' => Some('/'),
        '√' => Some('r'),
        '=' | '?' | '!' | ',' => return Ok(&rest[first.len_utf8()..]),
        _ => None,
    };
    if let Some(sign) = sign {
        tokens.push(Token::Sign(sign));
        return Ok(&rest[first.len_utf8()..]);
    }
    let end = rest.find(|c: char| c.is_whitespace() || "+*/^()%=?".contains(c)).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end.max(first.len_utf8()));
    match word {
        "r" => tokens.push(Token::Sign('r')),
        "of" => tokens.push(Token::Of),
        "x" => tokens.push(Token::Sign('*')),
        "hundred" | "hundert" | "cem" | "cien" => scale(tokens, 100.0),
        "thousand" | "tausend" | "mil" => scale(tokens, 1000.0),
        "million" | "millionen" | "milhoes" | "millones" => scale(tokens, 1e6),
        "the" | "a" | "is" | "what" | "de" | "von" => {}
        word => {
            let parts =
                word.split('-').map(|part| WORDS.iter().find(|(name, _)| *name == part).map(|(_, value)| *value));
            let value: Option<f64> = parts.sum();
            let value = value.ok_or_else(|| unknown(word))?;
            // "twenty" "one", "two hundred" "five"
            let joins = |n: f64| n >= 100.0 && value < 100.0 || n >= 20.0 && value < 10.0;
            match tokens.last_mut() {
                Some(Token::Number(before)) if joins(*before) => *before += value,
                _ => tokens.push(Token::Number(value)),
            }
        }
    }
    Ok(rest)
}

fn scale(tokens: &mut Vec<Token>, by: f64) {
    match tokens.last_mut() {
        Some(Token::Number(value)) => *value *= by,
        _ => tokens.push(Token::Number(by)),
    }
}

/// `1,234.5`, `1.234,5`, `12,5` and `1234`: the last mark followed by other than three digits is the decimal one.
fn number(text: &str) -> Option<f64> {
    let last = text.rfind([',', '.']);
    let marks = text.matches([',', '.']).count();
    let decimal = last.filter(|at| {
        let digits = text.len() - at - 1;
        let only_one = marks == 1;
        let both = text.contains(',') && text.contains('.');
        both || digits != 3 || only_one && text.as_bytes()[*at] == b'.'
    });
    let whole: String = text[..decimal.unwrap_or(text.len())].chars().filter(char::is_ascii_digit).collect();
    let part = decimal.map(|at| &text[at + 1..]).unwrap_or_default();
    format!("{whole}.{part}0").parse().ok()
}

fn unknown(word: &str) -> SkillError {
    SkillError::invalid_argument(format!("\"{word}\" is no number and no sign."))
        .suggest("Write the sum with digits and + - * / ^ ( ).")
}

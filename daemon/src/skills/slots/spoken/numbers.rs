//! Numbers in digits and words.

use super::tokens::Sentence;

impl Sentence<'_> {
    /// A number at a token, and where it ends; with decimals where the digits have some.
    pub fn number(&self, at: usize) -> Option<(f64, usize)> {
        if let Some(whole) = self.digits(at) {
            let decimal = |n: usize| matches!(self.gap(n), "." | ",") && self.digits(n).is_some();
            if decimal(at + 1) && !decimal(at + 2) {
                let text = format!("{whole}.{}", self.text(at + 1));
                return Some((text.parse().ok()?, at + 2));
            }
            return Some((f64::from(whole), at + 1));
        }
        self.whole(at).map(|(n, next)| (f64::from(n), next))
    }

    /// A whole number, without looking for decimals.
    pub fn whole(&self, at: usize) -> Option<(u32, usize)> {
        if let Some(digits) = self.digits(at) {
            return Some((digits, at + 1));
        }
        if self.words.code == "zh" {
            return self.chinese(at);
        }
        let first = self.word(self.text(at))?;
        let (mut sum, mut next) = (first, at + 1);
        // "two hundred", "ciento veinte", "twenty-five", "vinte e cinco".
        if sum < 10 && self.text(next) == "hundred" {
            (sum, next) = (sum * 100, next + 1);
        }
        while sum >= 20 && sum % 10 == 0 {
            let after = self.any(next, self.words.joints).unwrap_or(next);
            match self.word(self.text(after)).filter(|n| *n > 0 && *n < if sum >= 100 { 100 } else { 10 }) {
                Some(n) => (sum, next) = (sum + n, after + 1),
                None => break,
            }
        }
        Some((sum, next))
    }

    /// One word's number; German puts a whole number into one word.
    fn word(&self, word: &str) -> Option<u32> {
        let simple = |word: &str| self.words.numbers.iter().find(|(w, _)| *w == word).map(|(_, n)| *n);
        if let Some(n) = simple(word) {
            return Some(n);
        }
        if self.words.code != "de" {
            return None;
        }
        if let Some((hundreds, rest)) = word.split_once("hundert") {
            let hundreds = if hundreds.is_empty() { 1 } else { simple(hundreds)? };
            return Some(hundreds * 100 + if rest.is_empty() { 0 } else { self.word(rest)? });
        }
        let (ones, tens) = word.split_once("und")?;
        Some(simple(ones).filter(|n| *n < 10)? + simple(tens).filter(|n| *n >= 20)?)
    }

    /// "zweieinhalb".
    pub fn and_a_half(&self, at: usize) -> Option<f64> {
        if self.words.code != "de" {
            return None;
        }
        let whole = self.text(at).strip_suffix("einhalb")?;
        self.word(whole).map(|n| f64::from(n) + 0.5)
    }

    fn chinese(&self, at: usize) -> Option<(u32, usize)> {
        let (mut sum, mut digit, mut next) = (0, None, at);
        while let Some(&(_, n)) = self.words.numbers.iter().find(|(w, _)| *w == self.text(next)) {
            if n >= 10 {
                sum += digit.take().unwrap_or(1) * n;
            } else {
                digit = Some(n);
            }
            next += 1;
        }
        (next > at).then(|| (sum + digit.unwrap_or(0), next))
    }

    /// An ordinal at a token: "24th", "fifth", "fünften"; and where it ends.
    pub fn ordinal(&self, at: usize) -> Option<(u32, usize)> {
        if let Some(n) = self.digits(at) {
            let suffixed = self.gap(at + 1).is_empty() && self.words.ordinal_endings.contains(&self.text(at + 1));
            let dotted = self.words.code == "de" && self.gap(at + 1).starts_with('.');
            let marked = self.gap(at + 1).starts_with(['º', 'ª']);
            return if suffixed { Some((n, at + 2)) } else { (dotted || marked).then_some((n, at + 1)) };
        }
        let one = |text: &str| {
            let text = if self.words.code == "de" { text.trim_end_matches(['n', 'r']) } else { text };
            self.words.ordinals.iter().find(|(w, _)| *w == text).map(|(_, n)| *n)
        };
        if let Some(n) = one(self.text(at)) {
            return Some((n, at + 1));
        }
        // "twenty-fourth"
        let tens = self.word(self.text(at)).filter(|n| *n == 20 || *n == 30)?;
        one(self.text(at + 1)).filter(|n| *n < 10).map(|n| (tens + n, at + 2))
    }
}

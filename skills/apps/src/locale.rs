//! The user's language, as desktop entries name languages.
//!
//! Owns: which of an entry's translations fit, in which order. Must not know: what is translated.

/// A locale such as `pt_PT.UTF-8@euro` or `pt-PT`, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locale {
    /// The tags that an entry's keys may have, the best first: `pt_PT@euro`, `pt_PT`, `pt@euro`, `pt`.
    tags: Vec<String>,
}

impl Locale {
    /// Reads a POSIX locale or a BCP 47 tag; `C` and `POSIX` have no translations.
    pub fn parse(locale: &str) -> Self {
        let (rest, modifier) = match locale.split_once('@') {
            Some((rest, modifier)) => (rest, Some(modifier)),
            None => (locale, None),
        };
        let rest = rest.split('.').next().unwrap_or_default().replace('-', "_");
        let (language, country) = match rest.split_once('_') {
            Some((language, country)) => (language, Some(country)),
            None => (rest.as_str(), None),
        };
        if language.is_empty() || ["C", "POSIX"].contains(&language) {
            return Self::default();
        }
        let language = language.to_lowercase();
        let regional = country.map(|country| format!("{language}_{country}"));
        let mut tags = Vec::new();
        for tag in regional.into_iter().chain([language]) {
            tags.extend(modifier.map(|modifier| format!("{tag}@{modifier}")));
            tags.push(tag);
        }
        Self { tags }
    }

    /// The tags of the translations that fit, the best first.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(locale: &str) -> Vec<String> {
        Locale::parse(locale).tags().map(str::to_string).collect()
    }

    #[test]
    fn the_most_specific_translation_comes_first() {
        assert_eq!(tags("pt_PT.UTF-8"), ["pt_PT", "pt"]);
        assert_eq!(tags("sr_RS.UTF-8@latin"), ["sr_RS@latin", "sr_RS", "sr@latin", "sr"]);
        assert_eq!(tags("de"), ["de"]);
        assert_eq!(tags("zh-CN"), ["zh_CN", "zh"]);
        assert!(tags("C.UTF-8").is_empty() && tags("").is_empty() && tags("POSIX").is_empty());
    }
}

//! Markdown: headings, front matter, fenced code; the rest stays as it is written, so that a
//! quoted sentence stands in the file.

use crate::draft::Draft;
use crate::text::{Line, Open, lines};

/// A front matter longer than this is none, in lines.
const FRONT_MATTER: usize = 200;

/// Reads Markdown.
pub fn extract(text: &str, draft: &mut Draft) {
    let body = front_matter(text, draft);
    let mut scan = Scan { source: text, draft, open: Open::default(), state: State::Text };
    for line in lines(text).skip(body) {
        scan.line(&line);
        if scan.draft.is_full() {
            return;
        }
    }
    scan.close();
}

struct Scan<'t, 'd> {
    source: &'t str,
    draft: &'d mut Draft,
    open: Open,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Text,
    /// Inside a fence of this character, at least this long.
    Fence(char, usize),
    /// Inside an HTML comment.
    Comment,
}

impl Scan<'_, '_> {
    fn line(&mut self, line: &Line<'_>) {
        match self.state {
            State::Text => self.text(line),
            State::Fence(mark, least) => match fence(line.text) {
                Some((found, len, "")) if found == mark && len >= least => {
                    self.close();
                    self.state = State::Text;
                }
                _ => self.open.add(line, self.source, self.draft),
            },
            State::Comment if line.text.contains("-->") => self.state = State::Text,
            State::Comment => {}
        }
    }

    fn text(&mut self, line: &Line<'_>) {
        if line.is_blank() {
            self.close();
        } else if let Some((mark, len, _)) = fence(line.text) {
            self.close();
            self.state = State::Fence(mark, len);
        } else if let Some(heading) = atx_heading(line.text) {
            self.close();
            self.heading(heading, line.number);
        } else if is_underline(line.text) {
            match self.open.take_single(self.source) {
                Some((heading, number)) => self.heading(heading, number),
                None => self.close(),
            }
        } else if line.text.trim_start().starts_with("<!--") {
            self.close();
            if !line.text.contains("-->") {
                self.state = State::Comment;
            }
        } else {
            self.open.add(line, self.source, self.draft);
        }
    }

    fn heading(&mut self, text: &str, number: u32) {
        let text = text.trim_matches(['*', '_', '`']).trim();
        self.draft.title(text);
        self.draft.heading(text, number);
    }

    fn close(&mut self) {
        self.open.close(self.source, self.draft);
    }
}

/// A fence's character, its length and what follows it.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(mark);
    let len = line.len() - rest.len();
    // Three backticks with another one behind them are inline code.
    (len >= 3 && !(mark == '`' && rest.contains('`'))).then_some((mark, len, rest.trim()))
}

fn atx_heading(line: &str) -> Option<&str> {
    let line = line.strip_prefix("   ").or(line.strip_prefix("  ")).or(line.strip_prefix(' ')).unwrap_or(line);
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    if !(1..=6).contains(&level) || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let text = rest.trim();
    let bare = text.trim_end_matches('#');
    Some(if bare.is_empty() || bare.ends_with(' ') { bare.trim_end() } else { text })
}

/// The line under a heading, or a line that stands alone as a divider.
fn is_underline(line: &str) -> bool {
    let line = line.trim();
    let Some(mark) = line.chars().next().filter(|c| matches!(c, '=' | '-' | '*' | '_')) else { return false };
    let marks = line.chars().filter(|c| *c == mark).count();
    marks >= if mark == '=' { 2 } else { 3 } && line.chars().all(|c| c == mark || (c == ' ' && mark != '='))
}

/// Takes title, author and date from the front matter; says how many lines it has.
fn front_matter(text: &str, draft: &mut Draft) -> usize {
    let mark = match text.split('\n').next().map(str::trim_end) {
        Some("---") => ':',
        Some("+++") => '=',
        _ => return 0,
    };
    let closes = |line: &str| matches!((mark, line.trim_end()), (':', "---" | "...") | ('=', "+++"));
    let Some(end) = text.split('\n').take(FRONT_MATTER).skip(1).position(closes) else { return 0 };
    for line in lines(text).skip(1).take(end) {
        let Some((key, value)) = line.text.split_once(mark) else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim().to_lowercase().as_str() {
            "title" => draft.title(value),
            "author" | "authors" => draft.author(value.trim_matches(['[', ']']).trim_matches(['"', '\''])),
            "date" => draft.date(value),
            "tags" | "keywords" | "description" | "summary" if !value.is_empty() => {
                draft.paragraph(line.text.trim(), line.number);
            }
            _ => {}
        }
    }
    end + 2
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_link::extract::Document;

    fn read(text: &str) -> Document {
        let mut draft = Draft::new("markdown", 1 << 20);
        extract(text, &mut draft);
        draft.finish()
    }

    fn shape(doc: &Document) -> Vec<(u32, &str, bool)> {
        doc.blocks.iter().map(|b| (b.line, b.text.as_str(), b.heading)).collect()
    }

    #[test]
    fn headings_of_both_styles_and_paragraphs() {
        let doc = read("Top\n===\n\nFirst\nsecond.\n\n## **Part** ##\ntext\n---\nmore\n\n* * *\n\n#nospace\n");
        assert_eq!(doc.title.as_deref(), Some("Top"));
        assert_eq!(
            shape(&doc),
            [
                (1, "Top", true),
                (4, "First\nsecond.", false),
                (7, "Part", true),
                (8, "text", true),
                (10, "more", false),
                (14, "#nospace", false)
            ]
        );
    }

    #[test]
    fn fenced_code_stays_together_and_its_hashes_are_no_headings() {
        let doc = read("Run:\n\n````sh\n# a comment\n\n```\nmake run\n````\nafter\n");
        assert_eq!(shape(&doc), [(1, "Run:", false), (4, "# a comment\n\n```\nmake run", false), (9, "after", false)]);
        assert_eq!(shape(&read("~~~\nnever closed\n\nend")), [(2, "never closed\n\nend", false)]);
    }

    #[test]
    fn front_matter_is_read_and_not_indexed() {
        let doc = read("---\ntitle: \"Trip to Porto\"\nauthor: Ana\ndate: 2026-05-02\ntags: travel\n---\n\n# Plan\n");
        assert_eq!(
            (doc.title.as_deref(), doc.author.as_deref(), doc.date.as_deref()),
            (Some("Trip to Porto"), Some("Ana"), Some("2026-05-02"))
        );
        assert_eq!(shape(&doc), [(5, "tags: travel", false), (8, "Plan", true)]);
        assert_eq!(read("+++\ntitle = 'T'\n+++\nx").title.as_deref(), Some("T"));
        assert_eq!(shape(&read("---\nno end\n")), [(2, "no end", false)]);
    }

    #[test]
    fn comments_are_dropped() {
        assert_eq!(
            shape(&read("a\n<!-- x\ny -->\nb\n<!-- z -->\nc")),
            [(1, "a", false), (4, "b", false), (6, "c", false)]
        );
    }
}

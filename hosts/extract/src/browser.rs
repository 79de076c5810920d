//! What browsers remember: bookmarks and history of Firefox and of Chromium and its kin.
//!
//! Must not know: where browsers keep it. Passwords, cookies and form entries are in other files and tables, which are
//! never looked at.

use crate::draft::Draft;
use crate::error::Skip;
use crate::sqlite::{Database, Table, Value};
use std::collections::HashMap;

/// Most pages of a history: the last visited ones.
const MOST_PAGES: usize = 20_000;
/// Folders of bookmarks within folders.
const DEEPEST: usize = 64;

struct Page {
    title: String,
    url: String,
    last: i64,
}

/// The pages of Firefox's `places.sqlite` or Chromium's `History`.
pub fn history(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let database = Database::open(bytes)?;
    if let Some(places) = database.table("moz_places")? {
        let pages = pages(&database, &places, ("url", "title", "last_visit_date"))?;
        bookmarked(&database, &pages, draft)?;
        draft.counted("History", None, true);
        write(pages.into_values().collect(), draft);
        return Ok(());
    }
    let Some(urls) = database.table("urls")? else {
        return Err(Skip::NoText("it is a database, and none of a browser's history".into()));
    };
    draft.counted("History", None, true);
    write(pages(&database, &urls, ("url", "title", "last_visit_time"))?.into_values().collect(), draft);
    Ok(())
}

/// Pages by their number. What the browser hides (redirections, frames) is left out.
fn pages(database: &Database<'_>, table: &Table, names: (&str, &str, &str)) -> Result<HashMap<i64, Page>, Skip> {
    let (url, title, last) = (table.column(names.0)?, table.column(names.1)?, table.column(names.2)?);
    let hidden = table.column("hidden")?;
    let mut out = HashMap::new();
    database.rows(table, |id, row| {
        if let Some(Value::Text(url)) = row.get(url)
            && is_web(url)
            && !matches!(row.get(hidden), Some(Value::Number(1)))
        {
            let title = if let Some(Value::Text(title)) = row.get(title) { title.clone() } else { String::new() };
            let last = if let Some(Value::Number(last)) = row.get(last) { *last } else { 0 };
            out.insert(id, Page { title, url: url.clone(), last });
        }
        true
    })?;
    Ok(out)
}

fn bookmarked(database: &Database<'_>, pages: &HashMap<i64, Page>, draft: &mut Draft) -> Result<(), Skip> {
    let Some(table) = database.table("moz_bookmarks")? else { return Ok(()) };
    let (page, title) = (table.column("fk")?, table.column("title")?);
    draft.counted("Bookmarks", None, true);
    database.rows(&table, |_, row| {
        if let Some(Value::Number(page)) = row.get(page)
            && let Some(page) = pages.get(page)
        {
            let title =
                if let Some(Value::Text(title)) = row.get(title) { title.as_str() } else { page.title.as_str() };
            draft.counted(&entry(title, &page.url), None, false);
        }
        true
    })
}

fn write(mut pages: Vec<Page>, draft: &mut Draft) {
    pages.retain(|page| page.last > 0 && !page.title.trim().is_empty());
    pages.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.url.cmp(&b.url)));
    for page in pages.iter().take(MOST_PAGES) {
        draft.counted(&entry(&page.title, &page.url), None, false);
    }
}

/// Whether this is Chromium's file of bookmarks.
pub fn is_bookmarks(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"bookmark_bar\"") && text.contains("\"roots\"")
}

/// Chromium's bookmarks.
pub fn bookmarks(text: &str, draft: &mut Draft) -> Result<(), Skip> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| Skip::broken("file of bookmarks", e))?;
    let roots = value.get("roots").and_then(|roots| roots.as_object()).into_iter().flatten();
    roots.for_each(|(_, root)| folder(root, 0, draft));
    Ok(())
}

fn folder(node: &serde_json::Value, depth: usize, draft: &mut Draft) {
    let text = |key: &str| node.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    if text("type") == "url" && is_web(text("url")) {
        draft.counted(&entry(text("name"), text("url")), None, false);
    }
    let Some(children) = node.get("children").and_then(|children| children.as_array()) else { return };
    if depth < DEEPEST && !children.is_empty() {
        draft.counted(text("name"), None, true);
        children.iter().for_each(|child| folder(child, depth + 1, draft));
    }
}

fn entry(title: &str, url: &str) -> String {
    format!("{}\n{url}", title.trim())
}

fn is_web(url: &str) -> bool {
    ["http://", "https://", "ftp://"].iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PLACES: &[u8] = include_bytes!("../tests/data/places.sqlite");
    const CHROMIUM: &[u8] = include_bytes!("../tests/data/History");

    fn texts(read: impl FnOnce(&mut Draft) -> Result<(), Skip>) -> Vec<String> {
        let mut draft = Draft::new("history", 1 << 20);
        read(&mut draft).unwrap();
        draft.finish().blocks.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn firefox_bookmarks_and_history_are_read_last_visited_first() {
        let texts = texts(|draft| history(PLACES, draft));
        assert_eq!(texts[0], "Bookmarks");
        assert_eq!(texts[1], "My storks\nhttps://example.org/storks");
        let at = texts.iter().position(|text| text == "History").unwrap();
        assert_eq!(texts[at + 1], "Page 299 of a long history\nhttps://example.org/299");
        assert_eq!(texts.len() - at - 1, 302, "300 pages, the bookmarked one, and one with a long title");
        assert!(texts.iter().any(|text| text.len() > 3_000), "a row that overflows its page");
        assert!(!texts.iter().any(|text| text.contains("hidden") || text.contains("about:")));
    }

    #[test]
    fn chromium_history_and_bookmarks_are_read() {
        let pages = texts(|draft| history(CHROMIUM, draft));
        assert_eq!(pages, ["History", "Herons\nhttps://example.org/herons"]);
        let json = r#"{"roots": {"bookmark_bar": {"type": "folder", "name": "Bar", "children": [
            {"type": "url", "name": "Otters", "url": "https://example.org/otters"},
            {"type": "url", "name": "Code", "url": "javascript:alert(1)"}]}}}"#;
        assert!(is_bookmarks(json));
        assert_eq!(texts(|draft| bookmarks(json, draft)), ["Bar", "Otters\nhttps://example.org/otters"]);
    }

    #[test]
    fn no_damage_makes_it_panic_or_hang() {
        for end in (0..PLACES.len()).step_by(37) {
            let mut draft = Draft::new("history", 1 << 20);
            drop(history(&PLACES[..end], &mut draft));
        }
        for at in (0..PLACES.len()).step_by(7) {
            let mut bytes = PLACES.to_vec();
            bytes[at] ^= if at % 2 == 0 { 0xff } else { 0x05 };
            let mut draft = Draft::new("history", 1 << 20);
            drop(history(&bytes, &mut draft));
        }
    }
}

//! Progress of the index: one line that follows the daemon's counters.

use futures_util::StreamExt as _;
use hob_sdk::client::{BUS_NAME, Hob, IndexStatus, ROOT_PATH};

use crate::failure::Failure;
use crate::screen::Screen;
use crate::style::{Style, number};

/// Columns of the bar.
const WIDTH: usize = 24;

/// A bar for `done` of `all`.
pub fn bar(done: u64, all: u64, width: usize, style: &Style) -> String {
    let full = done.min(all).saturating_mul(width as u64).checked_div(all);
    let full = full.and_then(|full| usize::try_from(full).ok()).unwrap_or(width);
    format!("{}{}", style.good(&"━".repeat(full)), style.dim(&"─".repeat(width - full)))
}

/// What the index is at, on one line of at most 75 columns.
pub fn line(status: &IndexStatus, style: &Style) -> String {
    let (label, done, all, noun) = if status.pending > 0 || status.state == "indexing" {
        ("Reading files", status.documents, status.documents + status.pending, "files")
    } else {
        ("Embedding", status.embedded, status.embeddable, "passages")
    };
    format!("{label:<13}  {}  {} of {} {noun}", bar(done, all, WIDTH, style), number(done), number(all))
}

/// Shows the index's progress until `work` is done. Only what the daemon signals is shown: there is no polling.
pub async fn until<T>(
    hob: &Hob,
    screen: &Screen,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let properties =
        zbus::fdo::PropertiesProxy::builder(hob.connection()).destination(BUS_NAME).path(ROOT_PATH).build().await?;
    let mut changes = properties.receive_properties_changed().await?;
    let mut work = std::pin::pin!(work);
    loop {
        screen.status(&line(&hob.index_status().await?, &screen.error_style()))?;
        tokio::select! {
            done = &mut work => {
                screen.clear_status()?;
                return done;
            }
            change = changes.next() => if change.is_none() {
                return Err(hob_sdk::client::Error::Vanished.into());
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let style = Style::plain();
        assert_eq!(bar(0, 10, 4, &style), "────");
        assert_eq!(bar(5, 10, 4, &style), "━━──");
        assert_eq!(bar(20, 10, 4, &style), "━━━━");
        assert_eq!(bar(0, 0, 4, &style), "━━━━");
    }

    #[test]
    fn reading_comes_before_embedding() {
        let mut status = IndexStatus { documents: 1_000, pending: 3_000, embeddable: 10, ..IndexStatus::default() };
        assert!(line(&status, &Style::plain()).ends_with("  1,000 of 4,000 files"));
        status.pending = 0;
        status.embedded = 4;
        let embedding = line(&status, &Style::plain());
        assert!(embedding.starts_with("Embedding ") && embedding.ends_with("  4 of 10 passages"), "{embedding}");
    }

    #[test]
    fn the_line_fits_a_terminal() {
        let status = IndexStatus { documents: 1_234_567, pending: 7_654_321, ..IndexStatus::default() };
        assert!(crate::table::width(&line(&status, &Style::plain())) < 76);
    }
}

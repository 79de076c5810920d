//! `hob index check` and `hob index repair`: does everything agree, and putting right what does not.

use hob_sdk::client::{Hob, IndexReport, Options};

use crate::failure::Failure;
use crate::screen::Screen;
use crate::style::{Style, count};

/// Findings shown to people; programs get all that the daemon sends.
const SHOWN: usize = 20;

/// Checks; fails when something disagrees.
pub async fn check(hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    super::wait(true, hob, screen).await?;
    let report = hob.check_index().await?;
    screen.result(&report, render)?;
    if report.total == 0 {
        return Ok(());
    }
    screen.notice("`hob index repair` puts this right")?;
    Err(Failure::Said)
}

/// Puts right what a check finds, and checks again; fails when something is left.
pub async fn repair(hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    super::wait(true, hob, screen).await?;
    let found = hob.repair_index().await?;
    if found.total > 0 {
        screen.notice(&format!("putting right {}", count(found.total, "finding")))?;
        hob.index().await?.wait(&Options::new().with("lexical", true)).await?;
    }
    let left = hob.check_index().await?;
    if screen.json {
        screen.write_json(&serde_json::json!({"found": found, "left": left}))?;
    } else {
        screen.write(&render(&found, &screen.style()))?;
        if found.total > 0 {
            screen.write(&format!("\nAfterwards: {}", render(&left, &screen.style())))?;
        }
    }
    if left.total == 0 { Ok(()) } else { Err(Failure::Said) }
}

fn render(report: &IndexReport, style: &Style) -> String {
    let parts =
        [count(report.documents, "document"), count(report.passages, "passage"), count(report.embeddings, "embedding")];
    if report.total == 0 {
        return format!("{}  {}: all agree\n", style.state("sound"), parts.join(" · "));
    }
    let mut out = format!("{}  {}\n", style.bad(&count(report.total, "finding")), parts.join(" · "));
    for finding in report.findings.iter().take(SHOWN) {
        out.push_str(&format!("  {}\n    {}\n", style.path(&finding.path), style.dim(&style.line(&finding.problem))));
    }
    let more = report.total.saturating_sub(SHOWN.min(report.findings.len()) as u64);
    if more > 0 {
        out.push_str(&format!("  {}\n", style.dim(&format!("… and {more} more; --json lists up to 1,000"))));
    }
    if report.unsettled {
        out.push_str(
            "  The index was at work meanwhile, so some of this may be what it was doing; look again later.\n",
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_sdk::client::IndexFinding;

    #[test]
    fn a_sound_index_takes_one_line_and_findings_are_named() {
        let mut report = IndexReport { documents: 2, passages: 3, embeddings: 1, ..IndexReport::default() };
        assert_eq!(render(&report, &Style::plain()), "sound  2 documents · 3 passages · 1 embedding: all agree\n");
        report.findings = vec![IndexFinding { path: "/a".into(), problem: "it is gone".into() }];
        report.total = 30;
        let text = render(&report, &Style::plain());
        assert!(text.starts_with("30 findings  2 documents") && text.contains("/a\n    it is gone\n"), "{text}");
        assert!(text.contains("and 29 more"), "{text}");
    }
}

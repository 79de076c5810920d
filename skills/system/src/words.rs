//! Amounts in words, for the sentences that users read or hear.
//!
//! Owns: wording. Must not know: what is measured.

/// "1.4 GB": powers of ten, as disks are sold.
pub fn size(bytes: u64) -> String {
    scaled(bytes, 1000.0, ["kB", "MB", "GB", "TB", "PB"])
}

/// "15.6 GiB": powers of two, as memory is sold.
pub fn memory(bytes: u64) -> String {
    scaled(bytes, 1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB"])
}

fn scaled(bytes: u64, step: f64, units: [&str; 5]) -> String {
    if bytes < 1000 {
        return if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") };
    }
    let (mut value, mut unit) = (bytes as f64 / step, 0);
    // What would read as 1000 is one of the next.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", units[unit])
}

/// How many hundredths, 0 of nothing.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100) }
}

/// "2 hours and 5 minutes"; to the minute, since nobody knows it better.
pub fn duration(seconds: i64) -> String {
    let minutes = seconds.max(0).saturating_add(30) / 60;
    let counted = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".into(),
        (0, minutes) => counted(minutes, "minute"),
        (hours, 0) => counted(hours, "hour"),
        (hours, minutes) => format!("{} and {}", counted(hours, "hour"), counted(minutes, "minute")),
    }
}

/// "a", "a and b", "a, b and c"
pub fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(
            [size(1), size(999), size(1_440_000), size(999_600_000)],
            ["1 byte", "999 bytes", "1.4 MB", "1.0 GB"]
        );
        assert_eq!([memory(16 << 30), memory(1500 << 20), memory(1 << 10)], ["16.0 GiB", "1.5 GiB", "1.0 KiB"]);
        assert_eq!([percent(1, 3), percent(5, 0), percent(u64::MAX, u64::MAX)], [33, 0, 100]);
    }

    #[test]
    fn times_read_well() {
        for (seconds, words) in [
            (-5, "less than a minute"),
            (20, "less than a minute"),
            (60, "1 minute"),
            (3_599, "1 hour"),
            (3_660, "1 hour and 1 minute"),
            (9_000, "2 hours and 30 minutes"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}

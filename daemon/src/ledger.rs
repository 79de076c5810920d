//! The ledger: what each program had computed on each day.
//!
//! Owns: the counts, and how a model process's time is shared out among the requests that it served at the same time.
//! Must not know: what was asked; it holds no text.

use crate::governor::sysfs::{self, EnergySource};
use crate::json_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Days that are kept.
pub const DAYS: usize = 90;
/// Programs of one day; what more there are counts as "others".
const MOST_APPS: usize = 256;
const OTHERS: &str = "others";

/// What was computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Requests that were served, whole or in part.
    pub requests: u64,
    /// Tokens that were read.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: f64,
    /// Energy, in joules; 0 where nothing measures it.
    pub joules: f64,
}

impl Usage {
    fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.prompt_tokens += more.prompt_tokens;
        self.completion_tokens += more.completion_tokens;
        self.cpu_seconds += more.cpu_seconds;
        self.joules += more.joules;
    }
}

/// By day (as 2026-11-25) and program.
type Days = BTreeMap<String, BTreeMap<String, Usage>>;

/// The whole ledger.
pub struct Ledger {
    file: PathBuf,
    sysfs: PathBuf,
    days: Mutex<Days>,
    /// Something was counted since it was written down.
    changed: AtomicBool,
    meters: Mutex<Meters>,
}

/// Requests under way, by their process.
#[derive(Default)]
struct Meters {
    next: u64,
    hosts: HashMap<u32, Meter>,
}

/// One model process while it serves requests.
#[derive(Default)]
struct Meter {
    read: Option<Reading>,
    /// What each request under way has had so far: seconds and joules.
    shares: HashMap<u64, (f64, f64)>,
}

/// The kernel's counters at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    /// Processor time of the process, in seconds.
    own: f64,
    /// Of all processes.
    all: f64,
    energy: Option<(EnergySource, f64)>,
}

/// A request that is being counted. It counts also when it is dropped before its end.
pub struct Counted<'a> {
    ledger: &'a Ledger,
    app: String,
    host: u32,
    id: u64,
    tokens: (u32, u32),
}

impl Counted<'_> {
    /// Tokens that were read and written.
    pub fn tokens(&mut self, prompt: u32, completion: u32) {
        self.tokens = (prompt, completion);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let reading = self.ledger.read(self.host);
        let (cpu_seconds, joules) = self.ledger.meters().end(self.host, self.id, reading);
        let (prompt, completion) = (u64::from(self.tokens.0), u64::from(self.tokens.1));
        let usage = Usage { requests: 1, prompt_tokens: prompt, completion_tokens: completion, cpu_seconds, joules };
        self.ledger.note(&today(), &self.app, &usage);
    }
}

impl Ledger {
    /// Reads what is kept in `file`; energy is counted by the files below `sysfs`.
    pub fn open(file: PathBuf, sysfs: PathBuf) -> Self {
        let days = Mutex::new(json_file::read(&file));
        Self { file, sysfs, days, changed: AtomicBool::new(false), meters: Mutex::default() }
    }

    /// Begins to count a request of `caller` (as its identity names it) that process `host` serves.
    pub fn count(&self, caller: &str, host: u32) -> Counted<'_> {
        let reading = self.read(host);
        let id = self.meters().begin(host, reading);
        Counted { ledger: self, app: app(caller).to_string(), host, id, tokens: (0, 0) }
    }

    /// Everything that is kept: day, program, usage; the latest day first.
    pub fn usage(&self) -> Vec<(String, String, Usage)> {
        let days = self.days();
        let rows = days.iter().rev().flat_map(|(day, apps)| apps.iter().map(move |(app, usage)| (day, app, usage)));
        rows.map(|(day, app, usage)| (day.clone(), app.clone(), *usage)).collect()
    }

    fn note(&self, day: &str, app: &str, usage: &Usage) {
        let mut days = self.days();
        let apps = days.entry(day.to_string()).or_default();
        let app = if apps.contains_key(app) || apps.len() < MOST_APPS { app } else { OTHERS };
        apps.entry(app.to_string()).or_default().add(usage);
        while days.len() > DAYS {
            days.pop_first();
        }
        self.changed.store(true, Ordering::Release);
    }

    /// Whether there is anything to save.
    pub fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    /// Writes everything to disk, if something has changed. Blocks.
    pub fn save(&self) {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return;
        }
        let days = self.days().clone();
        if let Err(error) = json_file::write(&self.file, &days) {
            self.changed.store(true, Ordering::Release);
            tracing::error!(file = %self.file.display(), %error, "the ledger could not be stored");
        }
    }

    fn read(&self, host: u32) -> Option<Reading> {
        let (own, all) = (process_seconds(host)?, all_seconds()?);
        Some(Reading { own, all, energy: sysfs::energy(&self.sysfs) })
    }

    fn days(&self) -> MutexGuard<'_, Days> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meters(&self) -> MutexGuard<'_, Meters> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meters {
    fn begin(&mut self, host: u32, reading: Option<Reading>) -> u64 {
        self.next += 1;
        let meter = self.hosts.entry(host).or_default();
        meter.share_out(reading);
        meter.shares.insert(self.next, (0.0, 0.0));
        self.next
    }

    fn end(&mut self, host: u32, id: u64, reading: Option<Reading>) -> (f64, f64) {
        let Some(meter) = self.hosts.get_mut(&host) else { return (0.0, 0.0) };
        meter.share_out(reading);
        let share = meter.shares.remove(&id).unwrap_or_default();
        if meter.shares.is_empty() {
            self.hosts.remove(&host);
        }
        share
    }
}

impl Meter {
    /// Gives each request under way the same part of what the process used since this was asked before.
    fn share_out(&mut self, reading: Option<Reading>) {
        let Some(now) = reading else { return };
        if let Some(before) = self.read.replace(now) {
            let (seconds, joules) = used(&before, &now);
            let each = self.shares.len().max(1) as f64;
            for share in self.shares.values_mut() {
                *share = (share.0 + seconds / each, share.1 + joules / each);
            }
        }
    }
}

/// Seconds that the process used between two readings, and its part of the machine's energy.
fn used(before: &Reading, now: &Reading) -> (f64, f64) {
    let (own, all) = ((now.own - before.own).max(0.0), (now.all - before.all).max(0.0));
    let joules = match (before.energy, now.energy) {
        (Some((source, then)), Some((same, energy))) if source == same && all > 0.0 => {
            source.used(then, energy) * (own / all).min(1.0)
        }
        _ => 0.0,
    };
    (own, joules)
}

/// The program of an identity such as `/usr/bin/app[123]`: processes come and go, the program stays.
fn app(identity: &str) -> &str {
    let program = identity.rsplit_once('[').filter(|(_, rest)| rest.ends_with(']')).map_or(identity, |(app, _)| app);
    if program.is_empty() || program.starts_with(':') { OTHERS } else { program }
}

/// The day in UTC, as in 2026-11-25: a traveller's days are the same ones as before.
fn today() -> String {
    jiff::Timestamp::now().to_string().chars().take(10).collect()
}

/// The kernel counts in hundredths of a second.
const TICKS: f64 = 100.0;

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)), counted from the end of the name, which may hold anything.
fn process_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// `cpu  user nice system …` of `/proc/stat`.
fn all_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let fields = stat.strip_prefix("cpu ")?.split_ascii_whitespace().take(3);
    Some(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(folder: &tempfile::TempDir) -> Ledger {
        Ledger::open(folder.path().join("usage.json"), folder.path().join("sys"))
    }

    #[test]
    fn usage_is_kept_by_day_and_program_and_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = ledger(&folder);
        let one = Usage { requests: 1, prompt_tokens: 10, completion_tokens: 5, cpu_seconds: 0.5, joules: 2.0 };
        for day in 0..DAYS + 10 {
            book.note(&format!("2026-{:03}", day), "a", &one);
        }
        book.note("2026-099", "a", &one);
        (0..MOST_APPS + 5).for_each(|n| book.note("2026-099", &format!("app{n}"), &one));
        book.save();
        let rows = ledger(&folder).usage();
        assert_eq!(rows[0].0, "2026-099");
        let of = |app: &str| rows.iter().find(|(day, name, _)| day == "2026-099" && name == app).map(|row| row.2);
        assert_eq!(of("a").map(|usage| (usage.requests, usage.prompt_tokens)), Some((2, 20)));
        assert_eq!(of(OTHERS).map(|usage| usage.requests), Some(6));
        assert_eq!(rows.last().map(|row| row.0.as_str()), Some("2026-010"));
    }

    #[test]
    fn a_program_is_one_however_many_processes_it_has() {
        assert_eq!(app("/usr/bin/editor[123]"), "/usr/bin/editor");
        assert_eq!(app("/opt/a[b]/c[7]"), "/opt/a[b]/c");
        assert_eq!((app("hobd[1]"), app(":1.7"), app(""), app("[9]")), ("hobd", OTHERS, OTHERS, OTHERS));
    }

    #[test]
    fn time_is_shared_by_those_that_run_at_the_same_time() {
        let at = |own, all, joules| Some(Reading { own, all, energy: Some((EnergySource::Package, joules)) });
        let mut meters = Meters::default();
        let first = meters.begin(7, at(1.0, 10.0, 100.0));
        // The first alone: 2 s and half of 40 J.
        let second = meters.begin(7, at(3.0, 14.0, 140.0));
        // Both: 4 s, and all of 10 J.
        assert_eq!(meters.end(7, first, at(7.0, 18.0, 150.0)), (4.0, 25.0));
        // The process has died, so nothing can be read.
        assert_eq!(meters.end(7, second, None), (2.0, 5.0));
        assert!(meters.hosts.is_empty());
    }

    #[test]
    fn a_request_is_counted_even_when_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = ledger(&folder);
        let mut counted = book.count("/usr/bin/a[1]", std::process::id());
        counted.tokens(12, 3);
        drop(counted);
        drop(book.count("/usr/bin/a[2]", u32::MAX));
        let rows = book.usage();
        assert_eq!((rows.len(), rows[0].2.requests, rows[0].2.prompt_tokens), (1, 2, 12));
    }
}

//! The skill's interface on the bus: `org.hob.SkillProvider1`.
//!
//! Owns: which intent is answered by which part, what the answers say, and how many calls run. Must not know: who calls.

use crate::catalogue::{App, installed};
use crate::defaults::for_type;
use crate::launch::{Opened, open};
use crate::locale::Locale;
use crate::matching::{Meant, core, meant, ranked};
use crate::surroundings::Surroundings;
use hob_sdk::text::fold;
use hob_sdk::{CallResult, Outcome, SkillError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use zbus::{Connection, interface};

/// Apps that one answer lists.
const LISTED: usize = 100;
/// Apps that one sentence names.
const NAMED: usize = 12;

/// The calls of this process: those that run, and how many there were.
#[derive(Debug, Clone, Default)]
pub struct Calls(watch::Sender<(usize, u64)>);

/// One that runs; over when dropped.
struct Running(Calls);

impl Calls {
    fn begin(&self) -> Running {
        self.0.send_modify(|(running, made)| (*running, *made) = (*running + 1, *made + 1));
        Running(self.clone())
    }

    /// Waits until no call has run for that long.
    pub async fn idle_for(&self, long: Duration) {
        let mut calls = self.0.subscribe();
        loop {
            let (running, _) = *calls.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep(long), if running == 0 => return,
                changed = calls.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.send_modify(|(running, _)| *running -= 1);
    }
}

/// The object that the daemon calls.
pub struct Provider {
    around: Surroundings,
    calls: Calls,
}

/// What the daemon tells about a call, as far as it matters here.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    locale: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindApp {
    query: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaunchApp {
    app: String,
}

impl Provider {
    /// Answers calls by what is installed around it.
    pub fn new(around: Surroundings, calls: Calls) -> Self {
        Self { around, calls }
    }

    async fn carry_out(
        &self,
        bus: &Connection,
        intent: &str,
        arguments: &str,
        context: &str,
    ) -> Result<Outcome, SkillError> {
        let told: Told = read(context, "context")?;
        let (around, locale) = (self.around.clone(), Locale::parse(&told.locale));
        // Some hundred small files are read anew for each call: what was installed a moment ago is there.
        let apps = tokio::task::spawn_blocking(move || installed(&around, &locale)).await;
        let apps = apps.map_err(|error| SkillError::failed(format!("The apps could not be listed: {error}.")))?;
        match intent {
            "FindApp" => Ok(find(&apps, &read::<FindApp>(arguments, "arguments")?.query.unwrap_or_default())),
            "LaunchApp" => self.launch(bus, &apps, &read::<LaunchApp>(arguments, "arguments")?.app).await,
            other => Err(SkillError::unknown_intent(other)),
        }
    }

    async fn launch(&self, bus: &Connection, apps: &[App], words: &str) -> Result<Outcome, SkillError> {
        let app = the_one(meant(apps, words, |opens| for_type(opens, &self.around)), words)?;
        let opened = open(app, bus, &self.around).await?;
        let (way, unit, pid) = match opened {
            Opened::Activated => ("activated", None, None),
            Opened::Unit(unit) => ("unit", Some(unit), None),
            Opened::Process(pid) => ("process", None, Some(pid)),
        };
        let data = json!({"id": app.id, "name": app.name, "way": way, "unit": unit, "pid": pid});
        Ok(Outcome::say(format!("{} is opening.", app.name)).with_data(data))
    }
}

#[interface(name = "org.hob.SkillProvider1")]
impl Provider {
    /// Carries out an intent. Arguments, context and result are JSON objects.
    async fn call(
        &self,
        #[zbus(connection)] bus: &Connection,
        intent: String,
        arguments: String,
        context: String,
    ) -> String {
        let _running = self.calls.begin();
        CallResult::from(self.carry_out(bus, &intent, &arguments, &context).await).to_json()
    }
}

fn read<T: DeserializeOwned>(json: &str, what: &str) -> Result<T, SkillError> {
    serde_json::from_str(json).map_err(|error| SkillError::invalid_argument(format!("The {what} don't fit: {error}.")))
}

fn find(apps: &[App], query: &str) -> Outcome {
    let found: Vec<&App> = if core(query).is_empty() {
        let mut all: Vec<&App> = apps.iter().collect();
        all.sort_by_key(|app| fold(&app.name));
        all
    } else {
        ranked(apps, query).into_iter().map(|(app, _)| app).collect()
    };
    let shown: Vec<Value> = found.iter().take(LISTED).map(|app| shown(app)).collect();
    let message = match (found.as_slice(), core(query).is_empty()) {
        ([], true) => "No apps are installed that could be opened.".to_string(),
        ([], false) => format!("No app is called or described as {}.", query.trim()),
        ([only], _) => described(only),
        (several, _) => format!("{} apps: {}.", several.len(), listed(several, NAMED)),
    };
    Outcome::say(message).with_data(json!({"apps": shown, "total": found.len()}))
}

fn shown(app: &App) -> Value {
    json!({
        "id": app.id,
        "name": app.name,
        "generic_name": app.generic_name,
        "comment": app.comment,
        "categories": app.categories,
    })
}

/// "Firefox, a web browser" would need each language's articles; so only what the entry says.
fn described(app: &App) -> String {
    let what = app.generic_name.as_ref().or(app.comment.as_ref()).filter(|what| **what != app.name);
    let what = what.map(|what| format!(" ({})", what.trim_end_matches('.'))).unwrap_or_default();
    format!("{}{what} is installed.", app.name)
}

/// "A, B and 3 more"
fn listed(apps: &[&App], most: usize) -> String {
    let names: Vec<&str> = apps.iter().take(most).map(|app| app.name.as_str()).collect();
    match (apps.len().saturating_sub(names.len()), names.as_slice()) {
        (0, [first @ .., last]) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        (0, all) => all.join(", "),
        (more, _) => format!("{} and {more} more", names.join(", ")),
    }
}

/// The app to open, or a sentence that says why it is open which.
fn the_one<'a>(meant: Meant<'a>, words: &str) -> Result<&'a App, SkillError> {
    let words = words.trim();
    match meant {
        Meant::One(app) => Ok(app),
        Meant::Several(apps) => {
            let names = listed(&apps, apps.len());
            Err(SkillError::new("ambiguous", format!("Several apps are meant by {words}: {names}."))
                .suggest("Say which one."))
        }
        Meant::Nobody(near) if near.is_empty() => {
            Err(SkillError::not_found(format!("No app is called {words}.")).suggest("Ask which apps there are."))
        }
        Meant::Nobody(near) => {
            let names = listed(&near, near.len());
            Err(SkillError::not_found(format!("No app is called {words}.")).suggest(format!("There are: {names}.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_sdk::manifest::{Kind, Manifest, Risk};

    fn app(name: &str, generic: &str) -> App {
        let names = vec![name.to_string()];
        App { name: name.into(), names, generic_name: Some(generic.into()), ..App::default() }
    }

    #[test]
    fn the_manifest_names_what_this_program_owns() {
        let manifest = Manifest::parse(include_str!("../skill.toml"), "skill.toml").expect("a manifest");
        let Kind::Dbus { bus_name, object } = &manifest.kind else { panic!("it is an app") };
        assert_eq!((bus_name.as_str(), object.as_str()), (crate::NAME, crate::OBJECT));
        assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
        let risks: Vec<_> = manifest.intents.iter().map(|intent| (intent.name.as_str(), intent.risk)).collect();
        assert_eq!(risks, [("FindApp", Risk::Read), ("LaunchApp", Risk::Change)]);
    }

    #[test]
    fn answers_name_the_apps() {
        let apps = [app("Chess", "Game"), app("Draughts", "Game"), app("Firefox", "Web Browser")];
        assert_eq!(find(&apps, "").message, "3 apps: Chess, Draughts and Firefox.");
        assert_eq!(find(&apps, "firefox").message, "Firefox (Web Browser) is installed.");
        assert_eq!(find(&apps, "a spaceship").message, "No app is called or described as a spaceship.");
        assert_eq!(find(&[], "my apps").message, "No apps are installed that could be opened.");
        let many: Vec<App> = (0..20).map(|n| app(&format!("App {n:02}"), "")).collect();
        assert!(find(&many, "").message.ends_with("App 11 and 8 more."));
    }

    #[test]
    fn what_is_not_clear_is_asked_back() {
        let (first, second) = (app("Chess", ""), app("Draughts", ""));
        let several = the_one(Meant::Several(vec![&first, &second]), "game").expect_err("several");
        assert_eq!(
            (several.code.as_str(), several.message.as_str()),
            ("ambiguous", "Several apps are meant by game: Chess and Draughts.")
        );
        let nobody = the_one(Meant::Nobody(vec![&first]), "chestnut").expect_err("nobody");
        assert_eq!(nobody.suggestion.as_deref(), Some("There are: Chess."));
        assert_eq!(the_one(Meant::Nobody(Vec::new()), "x").expect_err("nobody").code, "not_found");
    }

    #[tokio::test]
    async fn a_process_with_a_call_is_not_idle() {
        let (calls, long) = (Calls::default(), Duration::from_millis(50));
        let running = calls.begin();
        let idle = calls.idle_for(long);
        tokio::pin!(idle);
        assert!(tokio::time::timeout(4 * long, &mut idle).await.is_err(), "a call runs");
        drop(running);
        tokio::time::timeout(Duration::from_secs(60), &mut idle).await.expect("it is over");
    }
}

//! Opening an app, in a way that outlives this process.
//!
//! Owns: the three ways, best first: the app's own bus name, a unit of the user's service manager, a process of its own.
//! Must not know: how an app was found.

use crate::catalogue::App;
use crate::exec::{Program, program};
use crate::surroundings::Surroundings;
use hob_sdk::SkillError;
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::process::Command;
use tokio::time::timeout;
use zbus::fdo::{DBusProxy, Error as Fdo};
use zbus::names::{BusName, WellKnownName};
use zbus::{Connection, DBusError, ObjectPath, Variant};

const APPLICATION: &str = "org.freedesktop.Application";
const MANAGER: &str = "org.freedesktop.systemd1";
/// How long an app may take to answer that it was activated; a phone's first start of a large one takes seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// An app that ends with an error within this time did not start.
const STARTING: Duration = Duration::from_millis(400);

/// How an app was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was asked over the bus, which may have started it.
    Activated,
    /// The service manager runs it as this unit.
    Unit(String),
    /// It is this process.
    Process(u32),
}

/// Opens an app without files.
///
/// # Errors
/// With a sentence that says why it did not start.
pub async fn open(app: &App, bus: &Connection, around: &Surroundings) -> Result<Opened, SkillError> {
    if app.activatable && WellKnownName::try_from(app.id.as_str()).is_ok() {
        match activated(app, bus).await {
            Ok(()) => return Ok(Opened::Activated),
            Err(Refused::NotThere) if app.command.is_some() => {}
            Err(refused) => return Err(refused.of(app)),
        }
    }
    let program = program(app, around)?;
    let folder = app.folder.as_deref().filter(|folder| folder.is_dir()).unwrap_or(&around.home);
    if has_manager(bus).await {
        return in_unit(app, &program, folder, bus).await;
    }
    as_process(app, &program, folder).await
}

/// Why an app was not activated.
enum Refused {
    /// The bus knows nobody of that name and has nothing to start.
    NotThere,
    /// In words.
    Because(String),
}

impl Refused {
    fn of(self, app: &App) -> SkillError {
        let why = match self {
            Self::NotThere => "the message bus has nothing to start it with".to_string(),
            Self::Because(why) => why,
        };
        SkillError::unavailable(format!("{} did not open: {why}.", app.name))
    }
}

async fn activated(app: &App, bus: &Connection) -> Result<(), Refused> {
    let object = format!("/{}", app.id.replace('.', "/").replace('-', "_"));
    let platform: HashMap<&str, Variant<'_>> = HashMap::new();
    let asked = bus.call_method(Some(app.id.as_str()), object.as_str(), Some(APPLICATION), "Activate", &platform);
    match timeout(PATIENCE, asked).await {
        Err(_) => Err(Refused::Because(format!("it did not answer within {} s", PATIENCE.as_secs()))),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(refused(error)),
    }
}

fn refused(error: zbus::Error) -> Refused {
    match error {
        zbus::Error::FDO(why) => match *why {
            Fdo::ServiceUnknown(_) | Fdo::NameHasNoOwner(_) => Refused::NotThere,
            other => Refused::Because(other.description().map_or_else(|| other.to_string(), str::to_string)),
        },
        zbus::Error::MethodError(name, why, _) => Refused::Because(why.unwrap_or_else(|| name.to_string())),
        other => Refused::Because(other.to_string()),
    }
}

/// Whether the user's service manager is on this bus. It is not started for this: on a bus without it, its service file
/// leads nowhere.
async fn has_manager(bus: &Connection) -> bool {
    let (Ok(proxy), Ok(name)) = (DBusProxy::new(bus).await, BusName::try_from(MANAGER)) else { return false };
    proxy.name_has_owner(name).await.unwrap_or(false)
}

async fn in_unit(app: &App, program: &Program, folder: &Path, bus: &Connection) -> Result<Opened, SkillError> {
    let unit = unit_name(&app.id);
    // The manager would fill in its variables where a dollar stands.
    let words = [program.path.to_string_lossy().into_owned()].into_iter().chain(program.arguments.iter().cloned());
    let words: Vec<String> = words.map(|word| word.replace('$', "$$")).collect();
    let path = program.path.to_string_lossy().into_owned();
    let properties: Vec<(&str, Variant<'_>)> = vec![
        ("Description", app.name.as_str().into()),
        ("ExecStart", Variant::from(vec![(path, words, false)])),
        ("WorkingDirectory", folder.to_string_lossy().into_owned().into()),
        ("Slice", "app.slice".into()),
        ("CollectMode", "inactive-or-failed".into()),
    ];
    let others: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
    let body = (unit.as_str(), "fail", properties, others);
    let (at, of) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
    let asked = bus.call_method(Some(MANAGER), at, Some(of), "StartTransientUnit", &body);
    let refused =
        |why: String| SkillError::failed(format!("{} did not open: the service manager says {why}.", app.name));
    let reply = timeout(PATIENCE, asked).await.map_err(|_| refused("nothing".into()))?;
    let reply = reply.map_err(|error| refused(error.to_string()))?;
    reply.body().deserialize::<ObjectPath<'_>>().map_err(|error| refused(error.to_string()))?;
    Ok(Opened::Unit(unit))
}

/// `app-hob-ID-NUMBER.service`, as desktops name the units of apps; what the manager does not allow in a name is escaped.
fn unit_name(id: &str) -> String {
    let escaped: String = id
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("\\x{other:02x}"),
        })
        .collect();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("app-hob-{escaped}-{:x}.service", since.as_micros())
}

async fn as_process(app: &App, program: &Program, folder: &Path) -> Result<Opened, SkillError> {
    let refused = |why: String| SkillError::failed(format!("{} did not open: {why}.", app.name));
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).current_dir(folder).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // They tell of who started this process, not the app.
    command.env_remove("DBUS_STARTER_ADDRESS").env_remove("DBUS_STARTER_BUS_TYPE");
    let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
    let id = child.id().unwrap_or_default();
    match timeout(STARTING, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(refused(format!("it ended at once ({status})"))),
        Ok(Err(error)) => Err(refused(error.to_string())),
        // Programs that hand over to one that runs already end at once too.
        Ok(Ok(_)) | Err(_) => Ok(Opened::Process(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_names_that_the_manager_allows() {
        let name = unit_name("org.example.Text-Editor ü");
        assert!(name.starts_with("app-hob-org.example.Text\\x2dEditor\\x20\\xc3\\xbc-"), "{name}");
        assert!(name.ends_with(".service"));
    }

    fn app() -> App {
        App { name: "Mark".into(), ..App::default() }
    }

    fn shell(line: &str) -> Program {
        Program { path: "/bin/sh".into(), arguments: vec!["-c".into(), line.into()] }
    }

    #[tokio::test]
    async fn a_process_that_ends_with_an_error_did_not_open() {
        let failed = as_process(&app(), &shell("exit 3"), Path::new("/")).await.expect_err("failed");
        assert!(failed.message.contains("ended at once (exit status: 3)"), "{failed}");
        let gone = Program { path: "/surely/not/there".into(), arguments: Vec::new() };
        assert!(as_process(&app(), &gone, Path::new("/")).await.is_err());
        for line in ["exit 0", "exec sleep 5"] {
            let opened = as_process(&app(), &shell(line), Path::new("/")).await.expect(line);
            assert!(matches!(opened, Opened::Process(id) if id > 0));
        }
    }
}

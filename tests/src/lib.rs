//! A whole hob for one test: a private bus, fresh folders, the real daemon, its real children.
//!
//! Everything is private to the test and gone with it. Nothing sleeps: names are waited for on the
//! bus, processes by their end. Tests that need the models skip loudly without `HOB_TEST_MODELS`.

pub mod dbusmock;
pub mod faulty;
pub mod gguf;
pub mod hostile;
pub mod raw;
mod seeded;
pub mod stand_in;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The daemon's name on the bus.
pub const NAME: &str = "org.hob.Hob1";
/// The daemon's root object.
pub const ROOT: &str = "/org/hob/Hob1";

/// How long anything may take that has no limit of its own.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The models' folder, or `None` after saying loudly that the test is skipped.
pub fn models() -> Option<PathBuf> {
    let folder = given_models();
    if folder.is_none() {
        eprintln!("SKIPPED: HOB_TEST_MODELS names no folder with the default models (make models gets them)");
    }
    folder
}

/// The models' folder, if there is one.
fn given_models() -> Option<PathBuf> {
    std::env::var_os("HOB_TEST_MODELS").map(PathBuf::from).filter(|folder| folder.is_dir())
}

/// Whether a program is there; says loudly that the test is skipped when it is not.
pub fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(name).is_file());
    if !found {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// The folder of the built programs.
pub fn programs() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap_or_default();
    folder.pop();
    folder.pop();
    folder
}

/// The project's root.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A private bus with a daemon on it.
pub struct Scene {
    folder: TempDir,
    bus: Child,
    /// The private bus's address.
    pub address: String,
    daemon: Option<Child>,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

impl Scene {
    /// Starts a bus and a daemon; `models` is linked in if given.
    pub async fn start(models: Option<&Path>) -> Result<Self> {
        let mut scene = Self::bus_only(models)?;
        scene.start_daemon().await?;
        Ok(scene)
    }

    /// Starts the bus alone.
    pub fn bus_only(models: Option<&Path>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["home", "run", "data/hob", "config/hob", "state", "cache", "services"] {
            std::fs::create_dir_all(folder.path().join(name))?;
        }
        if let Some(models) = models {
            std::os::unix::fs::symlink(models, folder.path().join("data/hob/models"))?;
        }
        let (bus, address) = start_bus(folder.path())?;
        Ok(Self { folder, bus, address, daemon: None, program: programs().join("hobd"), variables: Vec::new() })
    }

    /// Takes this program as the daemon, with these variables in its environment.
    pub fn use_daemon(&mut self, program: PathBuf, variables: Vec<(String, String)>) {
        (self.program, self.variables) = (program, variables);
    }

    /// The scene's own folder; `home` below it is the user's home, and the bus starts what `services` names.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the user's home and returns its path.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.folder().join("home").join(path);
        std::fs::create_dir_all(path.parent().context("a parent")?)?;
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Settings by which the kernel's files about power and heat are `home/sys`, which is looked at every second, and by
    /// which nobody else waits for a processor: what other tests do must not count as somebody's use of the machine.
    pub fn calm_policy(&self) -> Result<String> {
        let home = self.folder().join("home");
        std::fs::create_dir_all(home.join("sys"))?;
        self.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")?;
        self.write("proc/meminfo", std::fs::read("/proc/meminfo")?)?;
        let home = home.display();
        Ok(format!("[policy]\nlook_every_seconds = 1\nsysfs = \"{home}/sys\"\nprocfs = \"{home}/proc\"\n"))
    }

    /// Starts the daemon and waits until it owns its name.
    pub async fn start_daemon(&mut self) -> Result<()> {
        seeded::seed(self).await?;
        self.launch().await
    }

    async fn launch(&mut self) -> Result<()> {
        let bus = self.connect().await?;
        let proxy = zbus::fdo::DBusProxy::new(&bus).await?;
        let mut owners = proxy.receive_name_owner_changed_with_args(&[(0, NAME)]).await?;
        let log = std::fs::File::create(self.folder().join("hobd.log"))?;
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.environment(&mut command);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let daemon = command.spawn().with_context(|| format!("{} (run: make build)", self.program.display()))?;
        self.daemon = Some(daemon);
        if tokio::time::timeout(PATIENCE, owners.next()).await.ok().flatten().is_none() {
            bail!("hobd did not take its name: {}", self.log());
        }
        Ok(())
    }

    /// A connection to the private bus.
    pub async fn connect(&self) -> Result<zbus::Connection> {
        Ok(zbus::connection::Builder::address(self.address.as_str()).build().await?)
    }

    /// Gives a command this scene's bus and folders, and nothing of the user's.
    pub fn environment(&self, command: &mut Command) {
        let at = |name: &str| self.folder().join(name);
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            // The machine's own services are no part of a test.
            .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", at("no-system-bus").display()))
            .env("HOME", at("home"))
            .env("XDG_RUNTIME_DIR", at("run"))
            .env("XDG_DATA_HOME", at("data"))
            .env("XDG_CONFIG_HOME", at("config"))
            .env("XDG_STATE_HOME", at("state"))
            .env("XDG_CACHE_HOME", at("cache"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR");
    }

    /// A program with this scene's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        self.environment(&mut command);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the CLI to its end.
    pub fn hob(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(programs().join("hob")).args(arguments).output()?)
    }

    /// Runs the CLI with `--json`, which must succeed, and reads its output.
    pub fn hob_json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let mut all = vec![arguments[0], "--json"];
        all.extend(&arguments[1..]);
        let output = self.hob(&all)?;
        if !output.status.success() {
            bail!("hob {all:?}: {}\n{}", String::from_utf8_lossy(&output.stderr), self.log());
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("hob {all:?} printed no JSON"))
    }

    /// Indexes a folder and waits until that is done.
    pub fn index(&self, folder: &Path) -> Result<()> {
        for arguments in [vec!["index", "add", path(folder)?], vec!["index", "wait"]] {
            let output = self.hob(&arguments)?;
            if !output.status.success() {
                bail!("hob {arguments:?}: {}\n{}", String::from_utf8_lossy(&output.stderr), self.log());
            }
        }
        Ok(())
    }

    /// The daemon's process.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or(0, Child::id)
    }

    /// The bus's process.
    pub fn bus_pid(&self) -> u32 {
        self.bus.id()
    }

    /// The processes that the daemon has started and that still run.
    pub fn children(&self) -> Vec<u32> {
        children_of(self.daemon_pid())
    }

    /// Sends the daemon a signal and waits until it is gone; how long that took.
    pub fn end_daemon(&mut self, signal: Signal) -> Result<Duration> {
        let mut daemon = self.daemon.take().context("no daemon runs")?;
        let started = Instant::now();
        kill_process(pid(daemon.id())?, signal)?;
        daemon.wait()?;
        Ok(started.elapsed())
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        let mut log = String::new();
        match std::fs::File::open(self.folder().join("hobd.log")).and_then(|mut f| f.read_to_string(&mut log)) {
            Ok(_) => log,
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.daemon.is_some()
            && let Err(error) = self.end_daemon(Signal::TERM)
        {
            eprintln!("the daemon did not end: {error}");
        }
        let ended = self.bus.kill().and_then(|()| self.bus.wait());
        if let Err(error) = ended {
            eprintln!("the bus did not end: {error}");
        }
    }
}

/// A process id as the kernel's calls want it.
pub fn pid(raw: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(raw)?).context("no process id")
}

/// Processes whose parent is `parent`.
pub fn children_of(parent: u32) -> Vec<u32> {
    let tasks = format!("/proc/{parent}/task");
    let tasks = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Waits until all the processes are gone (a zombie counts as gone); false when it takes too long.
pub fn gone_within(pids: &[u32], limit: Duration) -> bool {
    let started = Instant::now();
    let runs = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
    };
    while pids.iter().any(runs) {
        if started.elapsed() > limit {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A bus with the limits that dbus-daemon has by itself, except that a client may have many open calls and match rules,
/// as on a session bus.
fn start_bus(folder: &Path) -> Result<(Child, String)> {
    let config = folder.join("bus.conf");
    let socket = folder.join("bus");
    let text = format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
         <busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
         <servicedir>{}</servicedir>\
         <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
         <allow own=\"*\"/></policy>\
         <limit name=\"max_replies_per_connection\">50000</limit>\
         <limit name=\"max_match_rules_per_connection\">50000</limit></busconfig>",
        socket.display(),
        folder.join("services").display()
    );
    std::fs::write(&config, text)?;
    let mut bus = Command::new("dbus-daemon")
        .arg(format!("--config-file={}", config.display()))
        .args(["--nofork", "--print-address=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("dbus-daemon (apt-get install dbus)")?;
    let mut address = String::new();
    BufReader::new(bus.stdout.take().context("the bus's output")?).read_line(&mut address)?;
    Ok((bus, address.trim().to_string()))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a UTF-8 path")
}

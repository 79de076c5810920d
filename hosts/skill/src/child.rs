//! A skill's program: started inside its sandbox, ended with this process.
//!
//! Owns: the process and its three streams. Must not know: what is said over them.
//!
//! The program is started through this very program with `--confined`, which puts the limits on itself and
//! then becomes the skill's: nothing of the skill's ever runs without them.

use crate::confine::{Confined, Rules, confined_command};
use crate::error::LoadError;
use crate::post::Post;
use hob_link::host::PARENT_PID;
use hob_link::sandbox::Report;
use hob_link::skill::Load;
use rustix::process::{Signal, getpid, kill_process};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Where programs are looked for that a manifest names without a path.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What a skill's program sees of the daemon's environment.
const PASSED_ON: [&str; 5] = ["LANG", "LC_ALL", "LC_MESSAGES", "LC_TIME", "TZ"];

/// Longest report of a confined process, in bytes.
const LONGEST_REPORT: usize = 4 << 10;

/// The running program.
pub struct Child {
    process: process::Child,
    errors: Option<JoinHandle<()>>,
    post: Arc<Post>,
}

impl Child {
    /// Starts the program of a skill. `proxy` is the socket to what lies outside.
    pub fn start(
        load: &Load,
        command: &[String],
        rules: &Rules,
        proxy: Option<OwnedFd>,
        post: &Arc<Post>,
    ) -> Result<Self, LoadError> {
        let failed = |why: String| LoadError::NotStarted { program: command.join(" "), why };
        let own = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
        let mut starting = Command::new(own);
        starting.args(confined_command(rules, command).map_err(failed)?);
        starting.env_clear().env("PATH", PATH).env("HOME", &load.storage).env("TMPDIR", &load.storage);
        starting.env("HOB_SKILL_STORAGE", &load.storage).env(PARENT_PID, process::id().to_string());
        starting.envs(PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // A copy that survives exec; ours is closed when this function returns.
        let proxy = proxy.map(|socket| rustix::io::dup(&socket)).transpose().map_err(|e| failed(e.to_string()))?;
        if let Some(socket) = &proxy {
            starting.env("HOB_PROXY", socket.as_raw_fd().to_string());
        }
        starting.current_dir(&load.folder);
        starting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = starting.spawn().map_err(|e| failed(e.to_string()))?;
        let errors = process.stderr.take().map(|errors| post.listen(errors)).transpose();
        Ok(Self { process, errors: errors.map_err(|e| failed(e.to_string()))?, post: post.clone() })
    }

    /// What the process says before it becomes the program: which layers hold.
    pub fn confined(&mut self) -> Result<Report, LoadError> {
        let refused = |why: String| LoadError::NotConfined(format!("the program could not be confined: {why}"));
        let output = self.process.stdout.as_mut().ok_or_else(|| refused("its pipe is taken".into()))?;
        // Byte by byte, since what follows the line belongs to the program.
        let mut line = Vec::new();
        let mut byte = [0u8];
        while line.len() < LONGEST_REPORT && output.read(&mut byte).map_err(|e| refused(e.to_string()))? == 1 {
            match byte[0] {
                b'\n' => break,
                other => line.push(other),
            }
        }
        match serde_json::from_slice(&line) {
            Ok(Confined::By(report)) => Ok(report),
            Ok(Confined::Not(why)) => Err(refused(why)),
            Err(_) => Err(refused("it ended before it was".into())),
        }
    }

    /// Its standard input and output; once.
    pub fn streams(&mut self) -> Result<(ChildStdin, ChildStdout), LoadError> {
        let taken = || LoadError::NotStarted { program: "the skill".into(), why: "its pipes are taken".into() };
        Ok((self.process.stdin.take().ok_or_else(taken)?, self.process.stdout.take().ok_or_else(taken)?))
    }

    /// How the program ended, and the last that it printed.
    pub fn last_words(&mut self) -> String {
        // It closed its output: whatever it still does is of no use.
        let status = match self.process.kill().and_then(|()| self.process.wait()) {
            Ok(status) => status.to_string().replace(": ", " "),
            Err(error) => error.to_string(),
        };
        // What it printed is read to its end before it is repeated.
        if self.errors.take().is_some_and(|reading| reading.join().is_err()) {
            tracing::debug!("the thread that read the program's output broke down");
        }
        match self.post.last_words().as_str() {
            "" => format!("the program ended ({status})"),
            said => format!("the program ended ({status}): {said}"),
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends this process the way the program ended, so that the daemon sees one death, whatever the kind.
    /// Returns only if that fails, with how the program ended.
    pub fn mirror_end(&mut self) -> String {
        // It closed its output: whatever it still does is of no use.
        if let Err(error) = self.process.kill() {
            tracing::debug!(%error, "the program had ended");
        }
        let status = match self.process.wait() {
            Ok(status) => status,
            Err(error) => return format!("it ended ({error})"),
        };
        if let Some(signal) = status.signal().and_then(Signal::from_named_raw)
            && let Err(error) = kill_process(getpid(), signal)
        {
            return format!("it ended by {signal:?} ({error})");
        }
        process::exit(status.code().unwrap_or(1))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its input was closed before; a program that goes on all the same is ended.
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait().map(drop)) {
            tracing::debug!(%error, "the program had ended");
        }
    }
}

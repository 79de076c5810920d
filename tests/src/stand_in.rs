//! A scene with a stand-in for the model host: what the daemon asks of a model can be read, and answers are scripted.
//! Owns the stand-in's folder and its log; the stand-in itself is `src/bin/stand_in_host.rs`.

use crate::{PATIENCE, Scene, programs};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where the stand-in's log is, and what else steers it.
pub struct StandIn {
    folder: PathBuf,
}

impl Scene {
    /// A scene whose only model is the stand-in's; `settings` is what `hob.toml` has besides `[models]`.
    pub async fn with_stand_in(settings: &str) -> Result<(Self, StandIn)> {
        Self::with_stand_in_and(|_| Ok(settings.to_string()), |_| Vec::new()).await
    }

    /// The same, where settings and variables of the daemon's environment need the scene's folder or bus.
    pub async fn with_stand_in_and(
        settings: impl FnOnce(&Self) -> Result<String>,
        variables: impl FnOnce(&Self) -> Vec<(String, String)>,
    ) -> Result<(Self, StandIn)> {
        let mut scene = Self::bus_only(None)?;
        let folder = scene.folder().join("stand-in");
        let models = scene.folder().join("data/hob/models");
        for folder in [&folder, &models] {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(models.join("stand-in.gguf"), model_file())?;
        // The check of a new model would only be in the way.
        let settings = settings(&scene)?;
        let settings = format!("[models]\ncheck_after_seconds = 86400\n{settings}");
        std::fs::write(scene.folder().join("config/hob/hob.toml"), settings)?;
        let daemon = scene.replacing("hob-model-host", "hob-stand-in-host")?;
        let mut variables = variables(&scene);
        variables.push(("HOB_STAND_IN".into(), folder.display().to_string()));
        scene.use_daemon(daemon, variables);
        scene.start_daemon().await?;
        Ok((scene, StandIn { folder }))
    }

    /// A scene whose files are read by another program, one of this package's, in place of the extract host.
    pub async fn with_reader(program: &str) -> Result<Self> {
        let mut scene = Self::bus_only(None)?;
        let daemon = scene.replacing("hob-extract-host", program)?;
        scene.use_daemon(daemon, Vec::new());
        scene.start_daemon().await?;
        Ok(scene)
    }

    /// A daemon with one of its hosts replaced. It looks for them beside itself, and knows itself by its real path.
    fn replacing(&self, replaced: &str, by: &str) -> Result<PathBuf> {
        let own = self.folder().join("programs");
        std::fs::create_dir(&own)?;
        let daemon = own.join("hobd");
        if std::fs::hard_link(programs().join("hobd"), &daemon).is_err() {
            std::fs::copy(programs().join("hobd"), &daemon).context("hobd (run: make build)")?;
        }
        let host = programs().join(by);
        if !host.exists() {
            bail!("{} is not built; run the tests with cargo test --workspace", host.display());
        }
        std::os::unix::fs::symlink(host, own.join(replaced))?;
        for name in ["hob-model-host", "hob-extract-host", "hob-skill-host", "skills"] {
            if name != replaced {
                std::os::unix::fs::symlink(programs().join(name), own.join(name))?;
            }
        }
        Ok(daemon)
    }
}

impl StandIn {
    /// Lets the stand-in take so long to end after it was told to.
    pub fn exits_after(&self, ms: u64) -> Result<()> {
        Ok(std::fs::write(self.folder.join("slow-exit"), ms.to_string())?)
    }

    /// What it says, turn by turn, where it may call functions: scripts as JSON.
    pub fn plans(&self, turns: &[Value]) -> Result<()> {
        let lines: Vec<String> = turns.iter().map(Value::to_string).collect();
        Ok(std::fs::write(self.folder.join("plan.jsonl"), lines.join("\n"))?)
    }

    /// Everything it has written down.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("log.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The entries that have this key.
    pub fn entries(&self, key: &str) -> Vec<Value> {
        self.log().into_iter().filter(|entry| entry.get(key).is_some()).collect()
    }

    /// What the last generation was asked with.
    pub fn last_spec(&self) -> Result<Value> {
        let last = self.entries("generate").pop().context("nothing was generated")?;
        Ok(last["generate"].clone())
    }

    /// Waits until there are so many entries with this key.
    pub fn wait_for(&self, key: &str, count: usize) -> Result<Vec<Value>> {
        self.wait_until(key, |entries| entries.len() >= count)
    }

    /// Waits until the entries with this key are as wanted.
    pub fn wait_until(&self, key: &str, wanted: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
        let started = Instant::now();
        loop {
            let entries = self.entries(key);
            if wanted(&entries) {
                return Ok(entries);
            }
            if started.elapsed() > PATIENCE {
                bail!("the entries {key} are not as wanted in {:#?}", self.log());
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// The smallest file that counts as a chat model: two tensors, three tokens.
pub fn model_file() -> Vec<u8> {
    let text = |s: &str| [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat();
    let entry = |key: &str, kind: u32, value: Vec<u8>| [text(key), kind.to_le_bytes().to_vec(), value].concat();
    let number = |key: &str, n: u32| entry(key, 4, n.to_le_bytes().to_vec());
    let tokens = [8u32.to_le_bytes().to_vec(), 3u64.to_le_bytes().to_vec(), text("a"), text("b"), text("ab")].concat();
    let entries = [
        entry("general.architecture", 8, text("llama")),
        entry("general.name", 8, text("Stand-in")),
        number("general.file_type", 3),
        number("llama.context_length", 4096),
        number("llama.embedding_length", 64),
        number("llama.block_count", 2),
        number("llama.attention.head_count", 4),
        entry("tokenizer.ggml.model", 8, text("gpt2")),
        entry("tokenizer.ggml.tokens", 9, tokens),
        entry("tokenizer.chat_template", 8, text("{{ messages }}")),
    ];
    let tensor = |name: &str, dims: &[u64], format: u32, offset: u64| {
        let dims: Vec<u8> = dims.iter().flat_map(|d| d.to_le_bytes()).collect();
        let count = (dims.len() as u32 / 8).to_le_bytes().to_vec();
        [text(name), count, dims, format.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec()].concat()
    };
    let tensors = [tensor("token_embd.weight", &[64, 3], 3, 0), tensor("norm.weight", &[64], 0, 128)];
    let mut file = [&b"GGUF"[..], &3u32.to_le_bytes(), &(tensors.len() as u64).to_le_bytes()].concat();
    file.extend((entries.len() as u64).to_le_bytes());
    entries.iter().chain(&tensors).for_each(|part| file.extend(part));
    file.resize(file.len().next_multiple_of(32) + 128 + 256, 0);
    file
}

/// A process's resident memory in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? << 10)
}

//! Settings from `hob.toml`, checked, with the line of whatever is wrong.

mod policy;

pub use policy::PolicySettings;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Most intents that a model may ever call for one request.
pub const MAX_TOOL_STEPS: u32 = 16;

/// All settings. Every key has a default, so an empty file is a good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which models, where, for how long.
    pub models: ModelSettings,
    /// How models are got.
    pub pull: PullSettings,
    /// What may be used of the machine's memory.
    pub memory: MemorySettings,
    /// What is indexed.
    pub index: IndexSettings,
    /// Who may read what programs have pushed.
    pub items: ItemSettings,
    /// How questions are answered.
    pub answers: AnswerSettings,
    /// What is kept of prompts and conversations.
    pub cache: CacheSettings,
    /// Where further skills are.
    pub skills: SkillSettings,
    /// What is done on battery, in heat and when power is to be saved.
    pub policy: PolicySettings,
}

/// `[models]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Folders with GGUF files besides `$XDG_DATA_HOME/hob/models`.
    pub folders: Vec<Spanned<PathBuf>>,
    /// Id of the model that chats, summarises and rewrites; empty picks the largest.
    pub chat: String,
    /// Id of the model that embeds; empty picks the first.
    pub embedding: String,
    /// Ids of models that stay resident once they are; only critical pressure unloads them.
    pub pinned: Vec<String>,
    /// Seconds without use after which a model's process ends.
    pub idle_unload_seconds: Spanned<u64>,
    /// Seconds without use of any model after which a new chat model is checked: may it write
    /// answers, or should it quote? 0 checks it at once, even while the machine is busy.
    pub check_after_seconds: Spanned<u64>,
    /// Context length in tokens; 0 takes the smaller of the model's own and 4,096.
    pub context: Spanned<u32>,
    /// Threads for generating; 0 takes all cores.
    pub threads: Spanned<u32>,
}

/// `[pull]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullSettings {
    /// The hub that `hf:` names are looked up in, unless `HF_ENDPOINT` names another.
    pub hub: String,
    /// Most KiB a second; 0 for no limit.
    pub kib_per_second: Spanned<u64>,
    /// What happens on a connection that costs by what it carries.
    pub metered: Metered,
}

/// What happens on a connection that costs by what it carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metered {
    /// Ask first.
    #[default]
    Ask,
    /// Go on.
    Allow,
    /// Refuse.
    Refuse,
}

/// `[memory]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySettings {
    /// Most MiB that all of hob's processes may hold; 0 takes half of the machine's memory.
    pub budget_mib: Spanned<u64>,
    /// Whether a smaller chat model may answer when the default one does not fit.
    pub smaller_model: bool,
}

/// `[index]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexSettings {
    /// Folders that are always indexed, besides those added by `hob index add`.
    pub folders: Vec<Spanned<PathBuf>>,
    /// Folders that are never indexed.
    pub exclude: Vec<Spanned<PathBuf>>,
    /// Names of files and folders that are indexed nowhere, as in a `.gitignore`: "*.iso", "Private/".
    pub exclude_names: Vec<Spanned<String>>,
    /// Files above this many MiB are skipped.
    pub max_file_mib: Spanned<u64>,
    /// Whether network file systems that are mounted below an indexed folder are indexed with it.
    pub network: bool,
    /// The same for removable media.
    pub removable: bool,
}

/// `[items]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemSettings {
    /// For each program, those whose pushed items it may read besides its own; "*" means all. A program is named by its
    /// Flatpak id, its desktop id or its path, as hits show it. `hob` itself reads all.
    pub readers: BTreeMap<String, Vec<String>>,
}

/// `[answers]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerSettings {
    /// Quote sentences, generate text, or let the model's check decide.
    pub mode: AnswerMode,
    /// Most intents of skills that a chat model which has passed its check may call for one request, where the rules
    /// leave open what is meant or lack something; 0 asks the user instead.
    pub tool_steps: Spanned<u32>,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        Self { mode: AnswerMode::default(), tool_steps: Spanned::new(0..0, 4) }
    }
}

/// How a question about the user's files is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerMode {
    /// Generate when the chat model has passed the grounded-QA check, else quote.
    #[default]
    Auto,
    /// Quote the best sentences.
    Quote,
    /// Let the chat model write the answer, with citations.
    Generate,
}

/// `[cache]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// What of prompts and conversations may be written to disk.
    pub disk: KeepOnDisk,
    /// Most MiB of evaluated prompts in the memory of each chat model's process.
    pub memory_mib: Spanned<u64>,
    /// Most MiB of them on disk; the least recently used go first.
    pub disk_mib: Spanned<u64>,
}

/// What of prompts and conversations may be written to disk. What was found in the user's files is
/// never part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepOnDisk {
    /// Nothing; what earlier settings allowed is deleted.
    Off,
    /// System prompts with their tools.
    System,
    /// Those, and conversations in sessions, which so outlive the daemon.
    #[default]
    Sessions,
}

/// `[skills]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkillSettings {
    /// Folders with skills besides the built-in ones and `$XDG_DATA_HOME/hob/skills`. What lies there runs once it was
    /// granted (`hob skill enable ID`).
    pub folders: Vec<Spanned<PathBuf>>,
    /// Ids of skills that are not called.
    pub disabled: Vec<String>,
    /// Run skills that did not come with hob even where the kernel lacks a layer of the sandbox.
    pub unconfined: bool,
    /// Failures within a minute that put a skill in quarantine.
    pub crashes_per_minute: Spanned<u32>,
    /// What single skills are told, by id: `[skills.settings."org.example.weather"]`.
    pub settings: std::collections::HashMap<String, serde_json::Value>,
}

impl Default for SkillSettings {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            disabled: Vec::new(),
            unconfined: false,
            crashes_per_minute: Spanned::new(0..0, 3),
            settings: std::collections::HashMap::new(),
        }
    }
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            chat: String::new(),
            embedding: String::new(),
            pinned: Vec::new(),
            idle_unload_seconds: Spanned::new(0..0, 300),
            check_after_seconds: Spanned::new(0..0, 60),
            context: Spanned::new(0..0, 0),
            threads: Spanned::new(0..0, 0),
        }
    }
}

impl Default for PullSettings {
    fn default() -> Self {
        let hub = "https://huggingface.co".to_string();
        Self { hub, kib_per_second: Spanned::new(0..0, 0), metered: Metered::default() }
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { budget_mib: Spanned::new(0..0, 0), smaller_model: false }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { disk: KeepOnDisk::default(), memory_mib: Spanned::new(0..0, 64), disk_mib: Spanned::new(0..0, 256) }
    }
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            exclude: Vec::new(),
            exclude_names: Vec::new(),
            max_file_mib: Spanned::new(0..0, 50),
            network: false,
            removable: false,
        }
    }
}

impl Settings {
    /// Reads the strongest file that exists (the user's before `/etc`), or the defaults.
    pub fn load(files: &[PathBuf]) -> Result<Self, String> {
        match files.iter().rev().find(|file| file.exists()) {
            Some(file) => Self::read(file),
            None => Ok(Self::default()),
        }
    }

    /// Reads and checks one file. The error names the file, the line and what to write instead.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Self::parse(&text).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Parses and checks the text of a settings file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_string())?;
        settings.check(text)?;
        Ok(settings)
    }

    fn check(&self, text: &str) -> Result<(), String> {
        in_range(text, "models.idle_unload_seconds", &self.models.idle_unload_seconds, 5, 86_400)?;
        in_range(text, "models.check_after_seconds", &self.models.check_after_seconds, 0, 86_400)?;
        in_range(text, "models.threads", &self.models.threads, 0, 256)?;
        in_range(text, "pull.kib_per_second", &self.pull.kib_per_second, 0, 1 << 30)?;
        in_range(text, "index.max_file_mib", &self.index.max_file_mib, 1, 4_096)?;
        in_range(text, "skills.crashes_per_minute", &self.skills.crashes_per_minute, 1, 100_000)?;
        in_range(text, "answers.tool_steps", &self.answers.tool_steps, 0, MAX_TOOL_STEPS)?;
        in_range(text, "cache.memory_mib", &self.cache.memory_mib, 0, 65_536)?;
        in_range(text, "cache.disk_mib", &self.cache.disk_mib, 1, 1_048_576)?;
        if *self.models.context.get_ref() != 0 {
            in_range(text, "models.context", &self.models.context, 512, 1_048_576)?;
        }
        if *self.memory.budget_mib.get_ref() != 0 {
            in_range(text, "memory.budget_mib", &self.memory.budget_mib, 128, 1_048_576)?;
        }
        for pattern in &self.index.exclude_names {
            if let Some(problem) = hob_index::pattern_problem(pattern.get_ref()) {
                let shown = pattern.get_ref();
                return Err(at_line(text, pattern, &format!("\"{shown}\" is no pattern of file names: {problem}")));
            }
        }
        self.policy.check(text)?;
        let folders = self.models.folders.iter().chain(&self.index.folders).chain(&self.index.exclude);
        for folder in folders.chain(&self.skills.folders).chain([&self.policy.sysfs, &self.policy.procfs]) {
            if !folder.get_ref().is_absolute() {
                let shown = folder.get_ref().display();
                return Err(at_line(text, folder, &format!("\"{shown}\" must be an absolute path")));
            }
        }
        Ok(())
    }
}

fn in_range<T>(text: &str, key: &str, value: &Spanned<T>, least: T, most: T) -> Result<(), String>
where
    T: PartialOrd + std::fmt::Display + Copy,
{
    let given = *value.get_ref();
    if given < least || given > most {
        return Err(at_line(text, value, &format!("{key} = {given} must lie between {least} and {most}")));
    }
    Ok(())
}

fn at_line<T>(text: &str, value: &Spanned<T>, problem: &str) -> String {
    let before = &text.as_bytes()[..value.span().start.min(text.len())];
    format!("line {}: {problem}", before.iter().filter(|b| **b == b'\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let settings = Settings::parse("").expect("defaults");
        assert_eq!(*settings.models.idle_unload_seconds.get_ref(), 300);
        assert_eq!(settings.answers.mode, AnswerMode::Auto);
        let CacheSettings { disk, memory_mib, disk_mib } = settings.cache;
        assert_eq!((disk, *memory_mib.get_ref(), *disk_mib.get_ref()), (KeepOnDisk::Sessions, 64, 256));
        assert_eq!(Settings::parse("[cache]\ndisk = \"off\"\n").expect("good").cache.disk, KeepOnDisk::Off);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("[models]\nidle_unload_seconds = 1\n", "line 2: models.idle_unload_seconds = 1 must lie between 5"),
            ("[index]\n\nfolders = [\"notes\"]\n", "line 3: \"notes\" must be an absolute path"),
            ("[models]\nthread = 1\n", "line 2"),
            ("[answers]\nmode = \"sing\"\n", "line 2"),
            ("[answers]\ntool_steps = 17\n", "line 2"),
            ("[cache]\ndisk = \"all\"\n", "line 2"),
            ("[cache]\nmemory_mib = 70000\n", "line 2: cache.memory_mib = 70000 must lie between 0"),
            ("[cache]\n\ndisk_mib = 0\n", "line 3: cache.disk_mib = 0 must lie between 1"),
            ("[models\n", "line 1"),
            ("[index]\nexclude_names = [\"{a\"]\n", "line 2: \"{a\" is no pattern"),
        ] {
            let error = Settings::parse(text).expect_err(text);
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}

//! Small skills written into a scene's home.

use hob_tests::{Scene, project};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

/// Where a test's skill is kept before it is installed.
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
}

impl Project {
    /// A skill in Python (or a server, by `kind`) with this program and these lines in its manifest.
    pub fn python(scene: &Scene, id: &str, kind: &str, program: &str, manifest: &str) -> Self {
        let folder = scene.folder().join("home/projects").join(id);
        std::fs::create_dir_all(&folder).expect("a folder");
        let head = format!(
            "[skill]\nid = \"{id}\"\nversion = \"1.0.0\"\ntitle = \"Test\"\nkind = \"{kind}\"\ncommand = [\"./skill.py\"]\n{manifest}"
        );
        std::fs::write(folder.join("skill.toml"), head).expect("a manifest");
        let library = project().join("sdk/python/hob_skill.py");
        std::fs::copy(library, folder.join("hob_skill.py")).expect("the library");
        let made = Self { folder };
        made.program(&program.replace("@ID@", id));
        made
    }

    /// Replaces the program.
    pub fn program(&self, text: &str) {
        let file = self.folder.join("skill.py");
        std::fs::write(&file, format!("#!/usr/bin/python3\n{text}")).expect("a program");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("may run");
    }

    /// Changes the manifest.
    pub fn manifest(&self, from: &str, to: &str) {
        let file = self.folder.join("skill.toml");
        let text = std::fs::read_to_string(&file).expect("the manifest");
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(&file, text.replace(from, to)).expect("written");
    }

    /// Its folder as an argument.
    pub fn path(&self) -> &str {
        self.folder.to_str().expect("UTF-8")
    }

    /// Installs it with what it asks for.
    pub fn install(&self, scene: &Scene) -> Value {
        scene.hob_json(&["skill", "install", "--yes", self.path()]).expect("installed")
    }
}

/// An intent named `name` without examples, with parameters that allow anything.
pub fn intent(name: &str, risk: &str) -> String {
    format!(
        "[[intent]]\nname = \"{name}\"\ndomain = \"test\"\nversion = \"1.0\"\ntitle = \"{name}\"\ndescription = \"{name}.\"\nrisk = \"{risk}\"\n[intent.parameters]\ntype = \"object\"\n"
    )
}

/// What `hob` said on standard error, of a command that must have failed.
pub fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `hob skill list` says of one skill.
pub fn listed(scene: &Scene, id: &str) -> Value {
    let list = scene.hob_json(&["skill", "list"]).expect("a list");
    list.as_array().expect("rows").iter().find(|row| row["id"] == id).cloned().unwrap_or_default()
}

/// Calls an intent that must succeed.
pub fn call(scene: &Scene, id: &str, name: &str, arguments: &str) -> Value {
    scene.hob_json(&["skill", "call", id, name, arguments]).expect("a result")
}

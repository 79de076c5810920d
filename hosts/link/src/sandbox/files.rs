//! Landlock: which paths, ports, sockets and processes are within reach.

use super::{Network, Sandbox, SandboxError};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    PathFdError, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use std::path::{Path, PathBuf};

/// The newest version whose rules were looked at one by one.
const KNOWN: ABI = ABI::V6;

/// The kernel starts a dynamic program by starting its loader. Whoever may run that can run any program that it may
/// read, which is why nothing but libraries should be readable beside what may be executed.
const LOADERS: [&str; 5] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Restricts the calling thread as far as this kernel can; gives the version of its Landlock, 0 without.
pub(super) fn restrict(sandbox: &Sandbox) -> Result<u8, SandboxError> {
    let mut rules = created(sandbox).map_err(|e| SandboxError::Landlock(e.to_string()))?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(KNOWN) & !BitFlags::from(AccessFs::Execute);
    for (paths, access) in
        [(&sandbox.read, read), (&sandbox.write, write), (&sandbox.execute, read | AccessFs::Execute)]
    {
        for path in paths {
            rules = allow(rules, path, access)?;
        }
    }
    if !sandbox.execute.is_empty() {
        for loader in LOADERS {
            rules = allow(rules, Path::new(loader), read | AccessFs::Execute)?;
        }
    }
    let status = rules.restrict_self().map_err(|e| SandboxError::Landlock(e.to_string()))?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32 as u8,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    })
}

fn created(sandbox: &Sandbox) -> Result<RulesetCreated, landlock::RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?;
    if sandbox.network != Network::Internet {
        rules = rules.handle_access(AccessNet::from_all(KNOWN))?;
    }
    rules.create()
}

fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, SandboxError> {
    let opened = match PathFd::new(path) {
        Ok(opened) => opened,
        Err(error) if is_absent(&error) => {
            tracing::debug!(path = %path.display(), "a path that does not exist is not allowed");
            return Ok(rules);
        }
        Err(error) => return Err(refused(path, error)),
    };
    // Rights over folders mean nothing for a single file, and are refused there.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
    rules.add_rule(PathBeneath::new(opened, access)).map_err(|e| refused(path, e))
}

fn is_absent(error: &PathFdError) -> bool {
    matches!(error, PathFdError::OpenCall { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

fn refused(path: &Path, error: impl std::fmt::Display) -> SandboxError {
    let path: PathBuf = path.into();
    SandboxError::Path { path: path.display().to_string(), reason: error.to_string() }
}

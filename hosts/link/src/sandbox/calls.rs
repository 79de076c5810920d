//! seccomp: the list of system calls that remain. What is not on it fails with "operation not permitted", so that
//! a library that only tries something goes on without it.

use super::{Network, Sandbox, SandboxError};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// From this version on Landlock keeps signals inside.
const SIGNALS_KEPT_IN: u8 = 6;

/// What computing takes, whatever the arguments. None of these names a path, an address or another process.
const COMPUTING: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
];

/// What opening, listing, writing and removing files takes. Landlock decides which.
const FILES: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_fadvise64,
    libc::SYS_flock,
    libc::SYS_uname,
];

/// The same for changing them. `chmod`, `chown`, `utimensat` and `setxattr` are left out: Landlock ignores those.
const WRITING: &[i64] = &[
    libc::SYS_ftruncate,
    libc::SYS_truncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_renameat,
    libc::SYS_mkdirat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_umask,
];

/// What starting programs and waiting for them takes.
const PROGRAMS: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_setpgid,
    libc::SYS_getpgid,
    libc::SYS_setsid,
    libc::SYS_getsid,
    libc::SYS_getgroups,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigpending,
    libc::SYS_close_range,
    libc::SYS_socketpair,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_times,
];

/// What a client does with a socket once it has one. Listening is not among it.
const SOCKETS: &[i64] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_socketpair,
];

/// What is done with a connected socket beside reading and writing.
const GIVEN_SOCKETS: &[i64] = &[libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_setsockopt];

/// Older names for the calls above, where the architecture still has them.
#[cfg(target_arch = "x86_64")]
mod older {
    pub(super) const COMPUTING: &[i64] =
        &[libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait, libc::SYS_dup2, libc::SYS_time, libc::SYS_arch_prctl];
    pub(super) const FILES: &[i64] =
        &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_getdents];
    pub(super) const WRITING: &[i64] = &[
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_symlink,
        libc::SYS_link,
    ];
    pub(super) const PROGRAMS: &[i64] =
        &[libc::SYS_fork, libc::SYS_vfork, libc::SYS_pipe, libc::SYS_getpgrp, libc::SYS_getrlimit];
    pub(super) const FORKING: &[i64] = &[libc::SYS_fork, libc::SYS_vfork];
}
#[cfg(not(target_arch = "x86_64"))]
mod older {
    pub(super) const COMPUTING: &[i64] = &[];
    pub(super) const FILES: &[i64] = &[];
    pub(super) const WRITING: &[i64] = &[];
    pub(super) const PROGRAMS: &[i64] = &[];
    pub(super) const FORKING: &[i64] = &[];
}

/// Restricts the calling thread; gives the number of calls that remain, or `None` when the kernel has no seccomp.
pub(super) fn restrict(sandbox: &Sandbox, landlock_abi: u8) -> Result<Option<u32>, SandboxError> {
    let rules = list(sandbox, landlock_abi).map_err(wrong)?;
    let count = rules.len() as u32;
    // glibc falls back to clone(), whose flags can be looked at, when it is told that there is no clone3().
    let without_clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let no_clone3 =
        program(without_clone3, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32)).map_err(wrong)?;
    let allowed = program(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow).map_err(wrong)?;
    for filter in [&no_clone3, &allowed] {
        match apply_filter(filter) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(SandboxError::Seccomp(error.to_string())),
        }
    }
    Ok(Some(count))
}

fn wrong(error: BackendError) -> SandboxError {
    SandboxError::Seccomp(error.to_string())
}

fn program(rules: Rules, other: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, other, listed, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// The calls that this sandbox allows, each with the arguments that it allows them with.
fn list(sandbox: &Sandbox, landlock_abi: u8) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    any(&mut rules, COMPUTING);
    any(&mut rules, older::COMPUTING);
    // The filter after this one decides; here it must not be refused with another error.
    any(&mut rules, &[libc::SYS_clone3]);
    with_arguments(&mut rules, sandbox)?;
    if sandbox.opens() {
        any(&mut rules, FILES);
        any(&mut rules, older::FILES);
    }
    if !sandbox.write.is_empty() {
        any(&mut rules, WRITING);
        any(&mut rules, older::WRITING);
    }
    if !sandbox.execute.is_empty() {
        any(&mut rules, PROGRAMS);
        any(&mut rules, older::PROGRAMS);
        if sandbox.alone {
            older::FORKING.iter().for_each(|call| drop(rules.remove(call)));
        } else if landlock_abi >= SIGNALS_KEPT_IN {
            any(&mut rules, &[libc::SYS_kill]);
        }
    }
    if sandbox.network != Network::None {
        any(&mut rules, SOCKETS);
    }
    if sandbox.given_sockets {
        any(&mut rules, GIVEN_SOCKETS);
    }
    any(&mut rules, &sandbox.extra);
    Ok(rules)
}

fn any(rules: &mut Rules, numbers: &[i64]) {
    for number in numbers {
        // No rules at all means: whatever the arguments.
        rules.insert(*number, Vec::new());
    }
}

/// Calls that are harmless with some arguments only.
fn with_arguments(rules: &mut Rules, sandbox: &Sandbox) -> Result<(), BackendError> {
    const NAMESPACES: i32 = libc::CLONE_NEWNS
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWCGROUP;
    let clone = match sandbox.execute.is_empty() || sandbox.alone {
        true => masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?,
        false => masked(0, NAMESPACES as u32 as u64, 0)?,
    };
    rules.insert(libc::SYS_clone, vec![clone]);
    // Code that arrives as data stays data, unless libraries have to be loaded.
    for (call, argument) in [(libc::SYS_mmap, 2), (libc::SYS_mprotect, 2)] {
        let data_only = vec![masked(argument, libc::PROT_EXEC as u64, 0)?];
        rules.insert(call, if sandbox.opens() { Vec::new() } else { data_only });
    }
    // abort() sends a signal to its own process.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![equal(0, own)?]);
    // Who owns a descriptor gets signals for it, so its owner can't be chosen.
    let fcntl = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_GETLK,
        libc::F_OFD_SETLK,
        libc::F_OFD_SETLKW,
    ];
    rules.insert(libc::SYS_fcntl, each(1, fcntl.map(|c| c as u64))?);
    // No TIOCSTI: what is written into a terminal's input is typed by the user.
    let ioctl = [libc::TCGETS, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX, libc::TIOCGWINSZ];
    rules.insert(libc::SYS_ioctl, each(1, ioctl)?);
    rules.insert(libc::SYS_prctl, each(0, [libc::PR_SET_NAME, libc::PR_GET_NAME].map(|c| c as u64))?);
    // Reading the own limits. Setting them is only lowering, but of others' too.
    rules.insert(libc::SYS_prlimit64, vec![rule(vec![compare(0, 0)?, compare_long(2, 0)?])?]);
    let families: &[i32] = match sandbox.network {
        Network::None => return Ok(()),
        Network::Unix => &[libc::AF_UNIX],
        // Name look-up asks the kernel for the machine's addresses.
        Network::Internet => &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
    };
    let families = families.iter().map(|family| equal(0, *family as u64)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_socket, families);
    Ok(())
}

fn each<const N: usize>(argument: u8, values: [u64; N]) -> Result<Vec<SeccompRule>, BackendError> {
    values.into_iter().map(|value| equal(argument, value)).collect()
}

fn equal(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    rule(vec![compare(argument, value)?])
}

/// The kernel reads these arguments as 32 bits.
fn compare(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value & u64::from(u32::MAX))
}

fn compare_long(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    rule(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)?])
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions)
}

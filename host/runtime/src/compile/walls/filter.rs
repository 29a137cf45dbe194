//! Leaves the child the system calls of a program that only computes, with a filter that the kernel applies.
//!
//! [`super::raise`] calls it last. Two filters, and the stricter answer wins. The first is a list of what is allowed; everything else is
//! refused with an error, because the standard library tries things by itself (its panic message looks for a program's own file) and
//! must not die of it. The second names what no compiler ever does and an intruder does first - sockets, programs, processes, other
//! processes' memory - and kills: the digest is then remembered, and the operator reads why.
//!
//! Descriptors are part of the rule: whatever else was left open by whoever started the server can be neither read nor written nor
//! mapped. And memory never becomes executable: the child makes machine code and runs none.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter,
};

/// Rules by the number of a system call; no rule means always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Raises it.
pub(super) fn raise() -> Result<(), seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    // In this order: the list of what is allowed does not allow another filter.
    apply(SeccompFilter::new(deadly(), SeccompAction::Allow, SeccompAction::KillProcess, arch)?)?;
    apply(SeccompFilter::new(allowed()?, refuse, SeccompAction::Allow, arch)?)
}

fn apply(filter: SeccompFilter) -> Result<(), seccompiler::Error> {
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

fn is(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?])
}

/// What computing, three pipes and an end take.
fn allowed() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for always in [
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_sched_yield,
        libc::SYS_restart_syscall,
        // A stack that overflows and a panic end by signals to itself.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ] {
        rules.insert(always, Vec::new());
    }
    rules.insert(libc::SYS_read, vec![is(0, 0)?]);
    for write in [libc::SYS_write, libc::SYS_writev] {
        rules.insert(write, vec![is(0, 1)?, is(0, 2)?]);
    }
    let (executable, anonymous) = (u64::from(libc::PROT_EXEC.unsigned_abs()), u64::from(libc::MAP_ANONYMOUS.unsigned_abs()));
    let computes = || SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(executable), 0);
    let is_memory = SeccompCondition::new(3, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(anonymous), anonymous)?;
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![computes()?])?]);
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![computes()?, is_memory])?]);
    rules.insert(libc::SYS_tgkill, vec![is(0, u64::from(std::process::id()))?]);
    Ok(rules)
}

/// What kills at once.
fn deadly() -> Rules {
    let mut all = vec![
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_memfd_create,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_add_key,
        libc::SYS_keyctl,
    ];
    #[cfg(target_arch = "x86_64")]
    all.extend([libc::SYS_fork, libc::SYS_vfork]);
    all.into_iter().map(|call| (call, Vec::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_allowed_and_deadly_and_nothing_opens() {
        let (allowed, deadly) = (allowed().unwrap(), deadly());
        assert!(allowed.keys().all(|call| !deadly.contains_key(call)));
        for never in [libc::SYS_openat, libc::SYS_prlimit64, libc::SYS_prctl, libc::SYS_ioctl, libc::SYS_dup, libc::SYS_pwrite64] {
            assert!(!allowed.contains_key(&never), "{never}");
        }
        // With conditions: a descriptor or a protection decides.
        for some in [libc::SYS_read, libc::SYS_write, libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_tgkill] {
            assert!(!allowed[&some].is_empty(), "{some}");
        }
    }
}

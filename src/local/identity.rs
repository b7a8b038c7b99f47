//! The identity of this machine, and of processes that run on it.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::process::start_mark;

/// This process, with the facts by which another process can find out whether it has ended.
#[derive(Debug, Clone)]
pub struct ThisProcess {
    /// The host name of the machine, for display. It is not unique.
    pub host: String,
    /// The id of the process.
    pub pid: u32,
    machine: Option<String>,
    mark: Option<String>,
}

impl ThisProcess {
    /// Collects the facts about this process.
    pub async fn look() -> Self {
        let pid = std::process::id();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, pid, machine: machine().await, mark: start_mark(pid).await }
    }

    /// Returns a text that identifies this process among all processes of all machines, if the system provides one.
    pub fn identity(&self) -> Option<String> {
        Some(format!("{} {}", self.machine.as_ref()?, self.mark.as_ref()?))
    }

    /// Returns whether another process has certainly ended. The answer is `false` for a process of another machine,
    /// and for one whose machine cannot be identified.
    pub async fn sees_the_end_of(&self, pid: u32, identity: &str) -> bool {
        let Some((machine, mark)) = identity.split_once(' ') else { return false };
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
        if self.machine.as_deref() != Some(machine) {
            return false;
        }
        match test_kill_process(pid) {
            Err(Errno::SRCH) => true,
            // The process belongs to someone else, and may be hidden.
            Err(_) => false,
            // Its id may have been reused by a later process, or it is a zombie.
            Ok(()) => start_mark(pid.as_raw_nonzero().get().unsigned_abs()).await.as_deref() != Some(mark),
        }
    }
}

/// Returns an id for the boot of this machine and its process id namespace; a container has a namespace of its own.
async fn machine() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let boot = tokio::fs::read_to_string("/proc/sys/kernel/random/boot_id").await.ok()?;
        let numbering = tokio::fs::read_link("/proc/self/ns/pid").await.ok()?;
        Some(format!("{}/{}", boot.trim(), numbering.to_string_lossy()).replace(' ', "-"))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let asked = tokio::process::Command::new("sysctl").args(["-n", "kern.bootsessionuuid"]).output();
        let told = String::from_utf8_lossy(&asked.await.ok()?.stdout).trim().replace(' ', "-");
        (!told.is_empty()).then_some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_has_ended_only_when_that_is_certain() {
        let me = ThisProcess::look().await;
        let identity = me.identity().unwrap();
        assert!(!me.sees_the_end_of(me.pid, &identity).await);
        // Another process has the id by now.
        let (machine, _) = identity.split_once(' ').unwrap();
        assert!(me.sees_the_end_of(me.pid, &format!("{machine} another/start")).await);
        // A process on another machine cannot be seen from here.
        assert!(!me.sees_the_end_of(me.pid, "elsewhere another/start").await);
        let mut child = tokio::process::Command::new("true").spawn().unwrap();
        let pid = child.id().unwrap();
        child.wait().await.unwrap();
        assert!(me.sees_the_end_of(pid, &format!("{machine} some/start")).await);
    }
}

//! Facts about processes, and signals to them.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Returns a mark that distinguishes a process from a later one with the same id, or `None` if it has ended.
///
/// The mark is the start time of the process: clock ticks with the boot id on Linux, a date elsewhere.
/// A zombie process counts as ended.
pub(super) async fn start_mark(pid: u32) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let stat = tokio::fs::read_to_string(format!("/proc/{pid}/stat")).await.ok()?;
        let boot = tokio::fs::read_to_string("/proc/sys/kernel/random/boot_id").await.unwrap_or_default();
        linux_mark(&stat, boot.trim())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let asked = tokio::process::Command::new("ps")
            .args(["-o", "state=,lstart=", "-p", &pid.to_string()])
            .env("LC_ALL", "C")
            .output()
            .await
            .ok()?;
        ps_mark(&String::from_utf8_lossy(&asked.stdout))
    }
}

/// Reads `/proc/PID/stat`. The name in brackets may itself hold spaces and brackets.
#[cfg(any(target_os = "linux", test))]
fn linux_mark(stat: &str, boot: &str) -> Option<String> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    // Field 22 of the file; the state is field 3.
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| format!("{boot}/{started}"))
}

/// Reads a line of `ps -o state=,lstart=`.
#[cfg(any(not(target_os = "linux"), test))]
fn ps_mark(line: &str) -> Option<String> {
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Asks a process to end. It is not an error if the process has already ended.
pub(super) fn terminate(pid: u32) {
    if let Some(pid) = as_pid(pid) {
        // The only other failure is a process of another user; the wait for its end then reports it.
        let _ = kill_process(pid, Signal::TERM);
        // A stopped process handles no other signal until it continues.
        let _ = kill_process(pid, Signal::CONT);
    }
}

/// Kills a process and everything that it started, without a chance to save anything.
pub(super) fn kill_with_workers(leader: u32) {
    if let Some(group) = as_pid(leader) {
        let _ = kill_process_group(group, Signal::KILL);
        let _ = kill_process(group, Signal::KILL);
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    // 1 and below would signal init or every process.
    i32::try_from(pid).ok().filter(|raw| *raw > 1).and_then(Pid::from_raw)
}

/// Kills the processes that a killed server left behind, recognized by the server's name in their environment.
///
/// Does nothing on systems other than Linux, where such a process cannot be distinguished from others.
pub(super) async fn end_orphans(instance: &str) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Ok(mut entries) = tokio::fs::read_dir("/proc").await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(environment) = tokio::fs::read(entry.path().join("environ")).await else { continue };
        if environment.split(|byte| *byte == 0).any(|one| one == format!("{INSTANCE}={instance}").as_bytes())
            && let Some(pid) = as_pid(pid)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The variable that carries the name of one start of the server. The emulator shows it in its health
/// answer as the "edition", and every function's process inherits it.
pub(super) const INSTANCE: &str = "MINISTACK_EDITION";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "42 (py (x) y) S 1 42 42 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 98765 1000 10";
        assert_eq!(linux_mark(stat, "boot"), Some("boot/98765".to_owned()));
    }

    #[test]
    fn an_ended_process_that_nobody_collected_has_no_mark() {
        let stat = "42 (python) Z 1 42 42 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 98765 0 0";
        assert_eq!(linux_mark(stat, "boot"), None);
        assert_eq!(ps_mark("Z    Mon Jan  5 10:00:00 2026\n"), None);
    }

    #[test]
    fn ps_gives_the_date_of_the_start() {
        assert_eq!(ps_mark("Ss   Mon Jan  5 10:00:00 2026\n"), Some("Mon Jan  5 10:00:00 2026".to_owned()));
        assert_eq!(ps_mark(""), None);
    }

    #[test]
    fn numbers_that_mean_everybody_are_no_process() {
        assert_eq!(as_pid(0), None);
        assert_eq!(as_pid(1), None);
        assert_eq!(as_pid(u32::MAX), None);
    }

    #[tokio::test]
    async fn this_process_keeps_its_mark() {
        let mark = start_mark(std::process::id()).await;
        assert!(mark.is_some());
        assert_eq!(mark, start_mark(std::process::id()).await);
    }
}

//! Words for locks.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use super::Holder;

/// Writes seconds since 1970 as a date.
pub fn date(seconds: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let date = i64::try_from(seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    date.and_then(|date| date.format(&format).ok()).unwrap_or_else(|| "an unknown date".to_owned())
}

/// Writes a time span in its two largest units.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Says who holds a lock, since when, from where, and when it last showed life.
pub fn describe(holder: &Holder, silent: Duration) -> String {
    let Holder { session: _, verb, who, since, host, pid, process: _, pipeline } = holder;
    let mut lines = vec![
        format!("  by        {who}"),
        format!("  since     {}", date(*since)),
        format!("  running   lockstep {verb} on {host}, process {pid}"),
    ];
    lines.extend(pipeline.iter().map(|pipeline| format!("  pipeline  {pipeline}")));
    lines.push(format!("  last seen {} ago", span(silent)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_with_all_that_helps_to_find_it() {
        let holder = Holder {
            session: "s".to_owned(),
            verb: "apply".to_owned(),
            who: "arn:aws:iam::111122223333:user/ann".to_owned(),
            since: 1_700_000_000,
            host: "ci-7".to_owned(),
            pid: 42,
            process: None,
            pipeline: Some("https://ci.example/7".to_owned()),
        };
        insta::assert_snapshot!(describe(&holder, Duration::from_secs(3)), @r"
          by        arn:aws:iam::111122223333:user/ann
          since     2023-11-14 22:13:20 UTC
          running   lockstep apply on ci-7, process 42
          pipeline  https://ci.example/7
          last seen 3 s ago
        ");
    }

    #[test]
    fn spans_are_short() {
        let shown = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([shown(59), shown(61), shown(7320)], ["59 s", "1 min 1 s", "2 h 2 min"]);
    }
}

//! Shows the progress of a plan: a live tree in a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lockstep::apply::Event;
use lockstep::plan::Step;
use lockstep::report::progress::{self, doing};

use super::output::Output;

/// The interval at which a plain log reports what is still running.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Displays a run.
pub struct Progress {
    output: Output,
    bars: Option<MultiProgress>,
    running: Arc<Mutex<BTreeMap<String, Running>>>,
    heartbeat: Option<tokio::task::JoinHandle<()>>,
}

struct Running {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts the display; if `live` is set, it draws a tree.
    pub fn new(output: Output) -> Self {
        let running: Arc<Mutex<BTreeMap<String, Running>>> = Arc::default();
        let bars = output.live.then(MultiProgress::new);
        let heartbeat = (!output.live).then(|| {
            let running = Arc::clone(&running);
            tokio::spawn(async move {
                let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
                loop {
                    beat.tick().await;
                    for (what, since) in running.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                        output
                            .note(&format!("  still: {what} [{}s elapsed]", since.since.elapsed().as_secs()));
                    }
                }
            })
        });
        Self { output, bars, running, heartbeat }
    }

    /// Displays an event of the run.
    pub fn event(&self, event: &Event<'_>) {
        match event {
            Event::Phase(number, phase) => self.line(&progress::phase(*number, phase)),
            Event::Started(step) => self.begin(&doing(step)),
            Event::Done(step, time) => self.end(&doing(step), &done(step, *time)),
            Event::Failed(step, error) => {
                self.end(&doing(step), &format!("  ! {}: {error}", doing(step)));
            }
            Event::Gate(_) => {}
            Event::Probing(function, probe) => {
                self.begin(&format!("probing functions.{function}: {}", progress::probe(function, probe)));
            }
            Event::Probed(function, outcome) => {
                let what = format!("probing functions.{function}");
                let (glyph, end) = if outcome.succeeded { ("?", "works") } else { ("!", "does not work") };
                let line = format!("  {glyph} functions.{function} {end} ({} attempts)", outcome.attempts);
                self.end_of(&what, &line);
            }
            Event::Draining(time) => {
                self.line(&format!(
                    "  … waiting {} s for the last request under the old role",
                    time.as_secs()
                ));
            }
            Event::RollingBack(way) => {
                self.line(&format!("  ! moving functions.{} back to {}", way.function, way.role));
            }
        }
    }

    fn begin(&self, what: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} [{elapsed}]") {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        self.lock().insert(what.to_owned(), Running { since: Instant::now(), bar });
    }

    fn end(&self, what: &str, line: &str) {
        let running = self.lock().remove(what);
        if let Some(bar) = running.and_then(|running| running.bar) {
            bar.finish_and_clear();
        }
        self.line(line);
    }

    /// Ends the item whose text begins with `what`.
    fn end_of(&self, what: &str, line: &str) {
        let found = self.lock().keys().find(|running| running.starts_with(what)).cloned();
        self.end(found.as_deref().unwrap_or(what), line);
    }

    fn line(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.output.note(line)),
            None => self.output.note(line),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
    }
}

fn done(step: &Step, time: Duration) -> String {
    format!("  {} {} [{:.1}s]", step.action.glyph(), doing(step), time.as_secs_f64())
}

//! Callers of the API that continue while something changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lockstep::call::{Http, Request};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::{Project, figure};

/// The interval of twenty requests per second.
const EVERY: Duration = Duration::from_millis(50);
/// Maximum number of concurrent requests: more would measure the emulator.
const AT_ONCE: usize = 16;
/// The time that a token is used, well within the five minutes that it is valid.
const TOKEN_SERVES: Duration = Duration::from_secs(120);

/// Running callers. The numbers of requests and of failures are printed when this is dropped, so also when a scenario
/// fails.
pub struct Load {
    scenario: String,
    over: Arc<AtomicBool>,
    counts: Arc<Counts>,
    task: Option<JoinHandle<Tally>>,
}

/// The requests that were counted so far.
#[derive(Default)]
struct Counts {
    sent: AtomicUsize,
    failed: AtomicUsize,
}

/// The results of the callers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests with the expected answer.
    pub good: usize,
    /// The other requests, each with the answer that came instead.
    pub failures: Vec<String>,
}

impl Load {
    /// Calls both routes in turn until [`Load::stop`]. The API works when this function returns.
    pub async fn start(project: &Project) -> Self {
        project.round_trip("load").await;
        let counts = Arc::<Counts>::default();
        let callers = Callers {
            counts: Arc::clone(&counts),
            url: project.url().await,
            http: Http::new().unwrap(),
            // A copy of its own, because the stack file is edited in the course of the scenario.
            minter: project.minter("load.yaml"),
            token: project.token().await,
            minted: Instant::now(),
        };
        let over = Arc::new(AtomicBool::new(false));
        // The thread of a test has the name of the test.
        let scenario = std::thread::current().name().unwrap_or("?").to_owned();
        let task = Some(tokio::spawn(callers.run(Arc::clone(&over))));
        Self { scenario, over, counts, task }
    }

    /// Ends the calls.
    pub async fn end(mut self) -> Tally {
        self.over.store(true, Ordering::SeqCst);
        self.task.take().unwrap().await.unwrap()
    }

    /// Ends the calls, and asserts that all of them succeeded.
    pub async fn stop(self) {
        let Tally { good, failures } = self.end().await;
        let (failed, first) = (failures.len(), failures.first());
        assert!(failures.is_empty(), "{failed} of {} failed: {first:?}", good + failed);
        assert!(good > 0);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Counts { sent, failed } = &*self.counts;
        let (sent, failed) = (sent.load(Ordering::SeqCst), failed.load(Ordering::SeqCst));
        figure(&format!("requests: {}, sent {sent}, failed {failed}", self.scenario));
    }
}

struct Callers {
    counts: Arc<Counts>,
    url: String,
    http: Http,
    minter: Command,
    token: String,
    minted: Instant,
}

impl Callers {
    async fn run(mut self, over: Arc<AtomicBool>) -> Tally {
        let mut tally = Tally::default();
        let mut running = JoinSet::new();
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let text = json!({ "text": "load" });
        let encrypted = self.request("/encrypt", &text);
        let answer = self.http.send(&encrypted).await.unwrap().json().unwrap();
        let ciphertext = json!({ "ciphertext": answer["ciphertext"] });
        while !over.load(Ordering::SeqCst) {
            beat.tick().await;
            if self.minted.elapsed() > TOKEN_SERVES {
                self.mint().await;
            }
            for (path, body, field) in [("/encrypt", &text, "ciphertext"), ("/decrypt", &ciphertext, "text")]
            {
                if running.len() >= AT_ONCE {
                    self.count(&mut tally, running.join_next().await.unwrap().unwrap());
                }
                self.counts.sent.fetch_add(1, Ordering::SeqCst);
                running.spawn(call(self.http.clone(), self.request(path, body), field));
                beat.tick().await;
            }
        }
        while let Some(result) = running.join_next().await {
            self.count(&mut tally, result.unwrap());
        }
        tally
    }

    fn count(&self, tally: &mut Tally, result: Result<(), String>) {
        match result {
            Ok(()) => tally.good += 1,
            Err(failure) => {
                self.counts.failed.fetch_add(1, Ordering::SeqCst);
                tally.failures.push(failure);
            }
        }
    }

    fn request(&self, path: &str, body: &Value) -> Request {
        Request {
            method: "POST".to_owned(),
            url: format!("{}{path}", self.url),
            headers: vec![("authorization".to_owned(), format!("Bearer {}", self.token))],
            body: Some(body.to_string()),
        }
    }

    async fn mint(&mut self) {
        let output = self.minter.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        self.minted = Instant::now();
    }
}

async fn call(http: Http, request: Request, field: &str) -> Result<(), String> {
    match http.send(&request).await {
        Ok(answer) if answer.status == 200 && answer.json().is_some_and(|json| json[field].is_string()) => {
            Ok(())
        }
        Ok(answer) => Err(format!("{} answered {}: {}", request.url, answer.status, answer.text())),
        Err(error) => Err(format!("{} did not answer: {error:?}", request.url)),
    }
}

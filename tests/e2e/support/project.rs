//! A folder with a stack file, and an AWS of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use lockstep::aws::{Aws, Clients, Settings};
use lockstep::call::{Answer, Http, Request};
use lockstep::local::{Ephemeral, LocalConfig, Running};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Proxy, Rules, Run, Strict, Trap, Use, functions};

const REGION: &str = "ap-northeast-1";
/// The stack that the README runs.
pub const EXAMPLE: &str = include_str!("../../../stack.yaml");

/// The function that encrypts, as AWS knows it.
pub const FUNCTION: &str = "text-encryption-test-encrypt";

/// Emulators and functions take memory and processors, and CI has two processors.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Waits until a test may start an AWS.
pub async fn room() -> SemaphorePermit<'static> {
    ROOM.acquire().await.unwrap()
}

/// Returns the folder in which everything that all tests share is installed, as for a user.
pub fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    base.unwrap_or_else(home).join("lockstep")
}

/// The end of a run that may have been killed.
#[derive(Debug)]
pub enum End {
    /// The run ended by itself.
    Finished(Run),
    /// The run was killed after these changes.
    Killed(Vec<String>),
}

/// The proxy between a project and its AWS.
struct Front {
    proxy: Proxy,
    strict: Arc<Strict>,
}

/// The uses of keys by the functions of the example.
static USES: [Use; 2] = [
    Use {
        function: FUNCTION,
        alias: "alias/text-encryption-test-text",
        actions: &["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
    },
    Use {
        function: "text-encryption-test-authorizer",
        alias: "alias/text-encryption-test-token",
        actions: &["kms:GetPublicKey"],
    },
];

/// A project of a user with an AWS of its own, which has nothing yet.
pub struct Project {
    aws: Ephemeral,
    /// Clients of the operator of the stack, for changes by hand.
    pub sdk: Clients,
    text: String,
    folder: TempDir,
    http: Http,
    front: Option<Front>,
    _room: SemaphorePermit<'static>,
}

impl Project {
    /// Starts with the example, changed to be quick: a swap waits for the timeout of its functions.
    pub async fn new() -> Self {
        let room = room().await;
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().to_owned();
        tokio::task::spawn_blocking(move || functions::write(&code, None)).await.unwrap();
        let dir = folder.path().join(".lockstep");
        let config = LocalConfig { dir, cache: cache(), region: REGION.to_owned(), python: None };
        let aws = Ephemeral::start(&config).await.unwrap();
        let running = aws.running();
        let sdk = clients(running, &running.endpoint).await;
        let http = Http::new().unwrap();
        let mut project = Self { aws, sdk, text: EXAMPLE.to_owned(), folder, http, front: None, _room: room };
        let runtime = "\n    runtime: provided.al2023";
        for program in ["text-encryption", "authorizer"] {
            project.edit(&format!("{{ cargo: {program} }}"), &format!("{{ dir: {program} }}{runtime}"));
        }
        project.edit("timeout: 10s\n    env: { KEY_ID", "timeout: 3s\n    env: { KEY_ID");
        project.edit("    probe:\n", "    probe:\n      successes: 1\n      timeout: 20s\n");
        project
    }

    /// Starts with the stack deployed.
    pub async fn deployed() -> Self {
        let project = Self::new().await;
        project.run(&["bootstrap", "--auto-approve"]).await.ok();
        project
    }

    /// Replaces a text that must occur in the stack file exactly once.
    #[track_caller]
    pub fn edit(&mut self, from: &str, to: &str) {
        assert_eq!(self.text.matches(from).count(), 1, "`{from}` in\n{}", self.text);
        self.text = self.text.replace(from, to);
        std::fs::write(self.path().join("stack.yaml"), &self.text).unwrap();
    }

    /// Changes the role of the function in the stack file.
    #[track_caller]
    pub fn swap(&mut self, from: &str, to: &str) {
        self.edit(&format!("role: {from} "), &format!("role: {to} "));
    }

    /// Changes the stack file so that the API calls the function by an alias, which leads to a published version.
    #[track_caller]
    pub fn call_by_an_alias(&mut self) {
        self.edit("    # What the role gets", "    aliases: { live: latest }\n    # What the role gets");
        for route in ["POST /encrypt", "POST /decrypt"] {
            let function = format!("{route}: {{ function: encrypt");
            self.edit(&function, &format!("{function}, alias: live"));
        }
    }

    /// The folder of the stack file.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts with an AWS that enforces its rules for every caller.
    pub async fn strict(rules: Rules) -> Self {
        let mut project = Self::new().await;
        let strict = Arc::new(Strict::new(rules, project.sdk.clone(), &USES));
        let proxy = Proxy::strict(project.endpoint(), Arc::clone(&strict)).await;
        functions::write(project.path(), Some(proxy.url()));
        project.front = Some(Front { proxy, strict });
        project
    }

    /// Returns clients of the operator for calls by hand that have to follow the rules too.
    pub async fn by_hand(&self) -> Clients {
        clients(self.aws.running(), self.endpoint()).await
    }

    /// Waits until the trap of the current run has sprung.
    pub async fn sprung(&self) {
        self.front.as_ref().unwrap().proxy.sprung().await;
    }

    /// Releases the held calls of the current run.
    pub fn release(&self) {
        self.front.as_ref().unwrap().proxy.release();
    }

    /// Returns the layer that enforces the rules of AWS.
    pub fn rules(&self) -> &Strict {
        &self.front.as_ref().unwrap().strict
    }

    /// Sets the trap for the calls of the following runs.
    pub fn arm(&self, trap: Trap) {
        self.front.as_ref().unwrap().proxy.arm(trap);
    }

    /// Returns the changes of the runs since the trap was set.
    pub fn changes(&self) -> Vec<String> {
        self.front.as_ref().unwrap().proxy.changes()
    }

    /// Returns how many different calls of the runs failed since the trap was set.
    pub fn faults(&self) -> usize {
        self.front.as_ref().unwrap().proxy.faults()
    }

    /// Address of the AWS.
    pub fn endpoint(&self) -> &str {
        self.front.as_ref().map_or(&self.aws.running().endpoint, |front| front.proxy.url())
    }

    /// Returns a run of the command that is ready to start.
    pub fn command(&self, endpoint: &str, args: &[&str]) -> Command {
        let running = self.aws.running();
        let mut command = bare(args);
        command
            .env("LOCKSTEP_ENV", "test")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", &running.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", running.secret_access_key.expose())
            .current_dir(self.path());
        if let Some(front) = &self.front {
            command.env("LOCKSTEP_SETTLE", front.strict.rules.settle.to_string());
        }
        command
    }

    /// Runs the command to its end.
    pub async fn run(&self, args: &[&str]) -> Run {
        self.run_at(self.endpoint(), args).await
    }

    /// Runs the command to its end, with another address of the AWS.
    pub async fn run_at(&self, endpoint: &str, args: &[&str]) -> Run {
        Run::new(args.join(" "), &self.command(endpoint, args).output().await.unwrap())
    }

    /// Creates a user who may do everything except one action, and returns the id and the secret of their access key.
    pub async fn user_without(&self, action: &str) -> (String, String) {
        let name = format!("without-{}", action.replace(':', "-"));
        let iam = &self.sdk.iam;
        iam.create_user().user_name(&name).send().await.unwrap();
        let statement =
            |effect: &str, action: &str| json!({ "Effect": effect, "Action": action, "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement("Allow", "*"), statement("Deny", action)] });
        let put = iam.put_user_policy().user_name(&name).policy_name("all-but-one");
        put.policy_document(policy.to_string()).send().await.unwrap();
        let made = iam.create_access_key().user_name(&name).send().await.unwrap();
        let key = made.access_key().unwrap();
        (key.access_key_id().to_owned(), key.secret_access_key().to_owned())
    }

    /// Runs the command to its end with other credentials.
    pub async fn run_as(&self, endpoint: &str, (id, secret): &(String, String), args: &[&str]) -> Run {
        let mut command = self.command(endpoint, args);
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        Run::new(args.join(" "), &command.output().await.unwrap())
    }

    /// Runs the command until it ends, or until it is killed after so many changes.
    pub async fn run_until(&self, changes: usize, args: &[&str]) -> End {
        self.run_into(Trap::SilentAfter(changes), args).await
    }

    /// Runs the command until it ends, or until it is killed because of a trap that leaves it without answers.
    pub async fn run_into(&self, trap: Trap, args: &[&str]) -> End {
        let made;
        let proxy = match &self.front {
            Some(front) => {
                front.proxy.arm(trap);
                &front.proxy
            }
            // One proxy per run: calls that a killed run still sent get no answer.
            None => {
                made = Proxy::start(self.endpoint(), trap).await;
                &made
            }
        };
        let running = self.spawn(proxy.url(), args).wait_with_output();
        let killed = async {
            proxy.sprung().await;
            if !trap.kills() {
                std::future::pending::<()>().await;
            }
        };
        let end = tokio::select! {
            output = running => End::Finished(Run::new(args.join(" "), &output.unwrap())),
            // The process is killed when its future is dropped.
            () = killed => End::Killed(proxy.changes()),
        };
        if self.front.is_some() {
            proxy.arm(Trap::Open);
        }
        end
    }

    /// Starts the command.
    pub fn spawn(&self, endpoint: &str, args: &[&str]) -> Child {
        self.command(endpoint, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Plans and applies without asking.
    pub async fn apply(&self) -> Run {
        self.run(&["apply", "--auto-approve"]).await
    }

    /// Asserts that there is nothing to do.
    pub async fn is_settled(&self) {
        self.run(&["plan", "--detailed-exitcode"]).await.ok().says("No changes");
    }

    /// Returns the address of the deployed stage.
    pub async fn url(&self) -> String {
        let apis = self.sdk.apigateway.get_rest_apis().send().await.unwrap();
        let api = apis.items().iter().find(|api| api.name() == Some("text-encryption-test-text")).unwrap();
        format!("{}/restapis/{}/v1/_user_request_", self.endpoint(), api.id().unwrap())
    }

    /// Mints a token for both routes.
    pub async fn token(&self) -> String {
        let run = self.run(&["token", "POST", "/encrypt", "--scope", "decrypt"]).await.ok();
        run.out.trim().to_owned()
    }

    /// Returns a command that mints such tokens with a copy of the current stack file.
    pub fn minter(&self, copy: &str) -> Command {
        std::fs::write(self.path().join(copy), &self.text).unwrap();
        self.command(self.endpoint(), &["token", "POST", "/encrypt", "--scope", "decrypt", "--file", copy])
    }

    /// Calls a route as any client does.
    pub async fn call(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = Request {
            method: "POST".to_owned(),
            url: format!("{}{path}", self.url().await),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
            body: Some(body.to_string()),
        };
        self.http.send(&request).await.unwrap()
    }

    /// Encrypts a text by the API and decrypts it again.
    pub async fn round_trip(&self, text: &str) {
        let token = self.token().await;
        let encrypted = self.call(&token, "/encrypt", &json!({ "text": text })).await;
        assert_eq!(encrypted.status, 200, "{}", encrypted.text());
        let ciphertext = encrypted.json().unwrap()["ciphertext"].clone();
        let decrypted = self.call(&token, "/decrypt", &json!({ "ciphertext": ciphertext })).await;
        assert_eq!(decrypted.status, 200, "{}", decrypted.text());
        assert!(decrypted.json().unwrap()["text"] == text, "another text came back");
    }
}

/// Clients of the local operator, who may do everything.
async fn clients(running: &Running, endpoint: &str) -> Clients {
    let secret = running.secret_access_key.expose().to_owned();
    let settings = Settings {
        region: REGION.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        profile: None,
        policy_in_effect: None,
        static_credentials: Some((running.access_key_id.clone(), secret)),
    };
    Aws::connect(&settings).await.unwrap().read
}

/// The id of the key that encrypts the texts.
pub async fn key_of_texts(project: &Project) -> String {
    let described = project.sdk.kms.describe_key().key_id("alias/text-encryption-test-text").send().await;
    described.unwrap().key_metadata.unwrap().key_id
}

/// Returns the command without the parts of the environment that would point it at another AWS or stack.
pub fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["AWS_", "LOCKSTEP_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
        .args(args)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("LOCKSTEP_CARGO_PROFILE", "dev")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

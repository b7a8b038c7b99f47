//! The first five minutes: the example unchanged, with the local AWS that the command starts by itself.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{EXAMPLE, Run, bare, room};

/// The folder of a project; its local AWS is stopped with it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self) -> &Path {
        self.0.path()
    }

    async fn run(&self, args: &[&str]) -> Run {
        let mut command = bare(args);
        command.env("LOCKSTEP_LOCAL", "true").env("LOCKSTEP_ENV", "test").current_dir(self.path());
        Run::new(args.join(" "), &command.output().await.unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = bare(&["local", "reset"]).as_std_mut().current_dir(self.path()).output();
    }
}

#[tokio::test]
async fn one_command_and_then_a_call() {
    let _room = room().await;
    let folder = Folder(tempfile::tempdir().unwrap());
    // The programs are built from their sources, by cargo.
    symlink(env!("CARGO_MANIFEST_DIR"), folder.path().join("repository")).unwrap();
    let text = ["text-encryption", "authorizer"].iter().fold(EXAMPLE.to_owned(), |text, program| {
        let found = format!("{{ cargo: {program} }}");
        assert!(text.contains(&found));
        text.replace(&found, &format!("{{ cargo: {program}, workspace: repository }}"))
    });
    std::fs::write(folder.path().join("stack.yaml"), text).unwrap();

    folder.run(&["bootstrap"]).await.ok().says("Apply complete: 10 added").says("call it:");
    folder.run(&["call", "POST", "/encrypt", "--data", r#"{"text":"hello"}"#]).await.ok().says("ciphertext");
    folder.run(&["call", "POST", "/encrypt", "--token", "none", "--data", "{}"]).await.ends_with(1);
    folder.run(&["local", "status"]).await.ok().says("running at http://127.0.0.1:");
    folder.run(&["local", "down"]).await.ok().says("its state is kept");
    // It starts again with its earlier state.
    folder.run(&["bootstrap"]).await.ok().says("No changes");
    folder.run(&["call", "POST", "/encrypt", "--data", r#"{"text":"hello"}"#]).await.ok().says("ciphertext");
    folder.run(&["local", "reset"]).await.ok();
    folder.run(&["local", "status"]).await.ok().says("stopped");
}

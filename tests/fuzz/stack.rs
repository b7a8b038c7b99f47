//! Stack files that nobody wrote by hand.

use crate::checks::stack::check;
use crate::mutation::{corpus, mutations};

#[test]
fn stack_files_of_the_corpus() {
    for (name, data) in corpus("stack") {
        mutations(&name, &data, 40).iter().for_each(|data| check(data));
    }
}

/// Files that cost much for what they are: none may take long, or much memory.
#[test]
fn files_that_are_made_to_be_expensive() {
    let deep = |open: &str, close: &str| format!("keys: {}{}", open.repeat(50_000), close.repeat(50_000));
    let mut bomb = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("b{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    let head = "lockstep: 1\nstack: s\nregion: eu-west-1\n";
    let environments: String = (0..5_000).map(|n| format!("  e{n}: {{}}\n")).collect();
    let chain: String =
        (0..5_000).map(|n| format!("  v{n}: {{ default: \"${{var.v{}}}\" }}\n", n + 1)).collect();
    let keys: String = (0..5_000).map(|n| format!("  k{n}: {{}}\n")).collect();
    for text in [
        deep("[", "]"),
        deep("{a: ", "}"),
        deep("- ", ""),
        bomb,
        format!("a: &a [*a, *a]\n{head}"),
        format!("{head}environments:\n{environments}"),
        format!("{head}environments: {{ t: {{}} }}\nvariables:\n{chain}"),
        format!("{head}environments: {{ t: {{}} }}\nkeys:\n{keys}"),
        format!("{head}environments: {{ t: {{}} }}\nkeys: {{ {}: {{}} }}", "k".repeat(500_000)),
        format!("{head}stack: {}", "${var.a}".repeat(50_000)),
        format!("{head}environments: {{ t: {{}} }}\nkeys: {{ k: {{ rotation: {} }} }}", "9".repeat(100_000)),
        format!("{head}{}", "#".repeat(2 * 1024 * 1024)),
    ] {
        check(text.as_bytes());
    }
}

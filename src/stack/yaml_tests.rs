use super::*;

fn problems(text: &str) -> Vec<Diagnostic> {
    let mut problems = Diagnostics::default();
    read(text, &mut problems);
    problems.iter().cloned().collect()
}

#[test]
fn scalars_are_resolved_by_the_core_schema() {
    let json = |text: &str| read(text, &mut Diagnostics::default()).unwrap().0.to_json();
    let list = json("[1, -2, +3, 0x10, 0o17, 1.5, 1e3, true, no, ~, '1', 1.2.3, 007, .5, 365d]");
    let want =
        serde_json::json!([1, -2, 3, 16, 15, 1.5, 1000.0, true, "no", null, "1", "1.2.3", 7, 0.5, "365d"]);
    assert_eq!(list, want);
}

#[test]
fn places_count_characters_from_one() {
    let node = read("a:\n  é: [x, yy]\n", &mut Diagnostics::default()).unwrap().0;
    assert_eq!(node.place(&["a", "é", "1"], false), Span { line: 2, column: 10, length: 2 });
    assert_eq!(node.place(&["a", "é", "7"], true), Span { line: 2, column: 3, length: 1 });
}

#[test]
fn every_duplicate_key_is_found() {
    let found = problems("a: 1\na: 2\nb: {c: 1, c: 2}\n");
    assert_eq!(
        found.iter().map(|p| (p.line, p.code)).collect::<Vec<_>>(),
        [(2, "duplicate-key"), (3, "duplicate-key")]
    );
    assert_eq!(found[0].labels[0].line, 1);
}

#[test]
fn tags_merge_keys_documents_and_odd_keys_are_refused() {
    for (text, code) in [
        ("a: !Ref x", "yaml-tag"),
        ("a: {<<: {b: 1}}", "bad-key"),
        ("a: 1\n---\nb: 2\n", "yaml"),
        ("? [1]\n: 2\n", "bad-key"),
        ("", "yaml"),
        ("a: [", "yaml"),
        ("a: &x [*x]", "yaml"),
        ("a: *x", "yaml"),
    ] {
        assert_eq!(problems(text).first().map(|p| p.code), Some(code), "{text}");
    }
}

#[test]
fn an_alias_bomb_is_refused_before_it_grows() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let item = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(", ")));
    }
    assert_eq!(problems(&text).first().map(|p| p.code), Some("too-large"));
    let mut long = format!("a: &a {}\nb:\n", "x".repeat(100_000));
    long.push_str(&"- *a\n".repeat(1000));
    assert_eq!(problems(&long).first().map(|p| p.code), Some("too-large"));
}

#[test]
fn size_and_depth_are_bounded() {
    assert_eq!(problems(&"a".repeat(100 * MAX_BYTES)).first().map(|p| p.code), Some("too-large"));
    for (open, count) in [("[", 500_000), ("{a: ", 200_000), ("- ", 500_000)] {
        let found = problems(&open.repeat(count));
        assert_eq!(found.first().map(|p| p.code == "too-deep" || p.code == "yaml"), Some(true), "{open}");
    }
    let nested = format!("{}x{}", "[".repeat(70), "]".repeat(70));
    assert_eq!(problems(&nested).first().map(|p| p.code), Some("too-deep"));
}

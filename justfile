# Everything that CI checks.
ci:
    .ci/run

# The tests alone.
test:
    cargo test --workspace

# Formats all code.
fmt:
    cargo fmt --all

# Writes the JSON Schema of the stack file anew.
schema:
    cargo run --quiet -- schema > docs/stack.schema.json

# Licences, duplicates, sources and build scripts of dependencies, and advisories where their database can be had.
deny:
    .ci/deny

# The same, and a failure where advisories cannot be checked: run this daily, for advisories come without a change.
audit:
    cargo deny --locked check

# Feeds one fuzz target for ten minutes; needs cargo-fuzz.
fuzz target:
    RUSTC_BOOTSTRAP=1 cargo fuzz run -s none {{target}} -- -max_total_time=600 -timeout=10 -rss_limit_mb=2048

# The example on the local AWS.
demo:
    cargo run -- bootstrap test --local

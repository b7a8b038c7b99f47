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

# Licences, advisories, duplicates and sources of dependencies; needs cargo-deny.
deny:
    cargo deny check

# The example on the local AWS.
demo:
    cargo run -- bootstrap test --local

set -e
test "$1" = one && from=app to=made/command || from=edited to=made/other
mkdir -p "$to"
cp "$from/handler.py" "$to/"

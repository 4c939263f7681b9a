#!/bin/bash
# Installs images from a release with install.sh, whose own copy is beside this action: it comes from the same commit as the action.
set -euo pipefail
temp=$RUNNER_TEMP
# Windows says D:\a\_temp, which its bash knows as /d/a/_temp.
if command -v cygpath >/dev/null; then temp=$(cygpath -u "$RUNNER_TEMP"); fi
args=(--from "$INPUT_FROM" --prefix "$temp/images")
[ -z "${INPUT_SHA256:-}" ] || args+=(--sha256 "$INPUT_SHA256")
[ -z "${INPUT_KEY:-}" ] || args+=(--key "$INPUT_KEY")
sh "$(dirname "$0")/../install.sh" "${args[@]}"
echo "$RUNNER_TEMP/images/bin" >>"$GITHUB_PATH"

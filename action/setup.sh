#!/bin/bash
# Installs images from a release with install.sh, whose own copy is beside this action: it comes from the same commit as the action.
set -euo pipefail
args=(--from "$INPUT_FROM" --prefix "$RUNNER_TEMP/images")
[ -z "${INPUT_SHA256:-}" ] || args+=(--sha256 "$INPUT_SHA256")
[ -z "${INPUT_KEY:-}" ] || args+=(--key "$INPUT_KEY")
sh "$(dirname "$0")/../install.sh" "${args[@]}"
echo "$RUNNER_TEMP/images/bin" >>"$GITHUB_PATH"

#!/bin/bash
# Plans or applies, with the summary of the job and the plan as Markdown for a comment.
set -euo pipefail
temp=$RUNNER_TEMP
if command -v cygpath >/dev/null; then temp=$(cygpath -u "$RUNNER_TEMP"); fi
export PATH="$temp/images/bin:$PATH"
# The comment shows the plan of this step, or none.
rm -f "$RUNNER_TEMP/images-plan.md"
cd "$INPUT_DIRECTORY"
words=()
while IFS= read -r word; do [ -z "$word" ] || words+=("$word"); done <<<"${INPUT_ARGS:-}"
common=(--no-color --lock-timeout 5m --report "github=$GITHUB_STEP_SUMMARY")
case "$INPUT_COMMAND" in
    plan)
        [ -z "${INPUT_PLAN:-}" ] || words+=(--out "$INPUT_PLAN")
        status=0
        images plan --detailed-exitcode "${common[@]}" --report "markdown=$RUNNER_TEMP/images-plan.md" "${words[@]}" || status=$?
        case $status in
            0) echo "changes=false" >>"$GITHUB_OUTPUT" ;;
            2) echo "changes=true" >>"$GITHUB_OUTPUT" ;;
            *) exit "$status" ;;
        esac
        ;;
    apply)
        if [ -n "${INPUT_PLAN:-}" ]; then
            images apply "${common[@]}" "${words[@]}" "$INPUT_PLAN"
        else
            images apply --yes --max-deletes "${INPUT_MAX_DELETES:-0}" "${common[@]}" "${words[@]}"
        fi
        ;;
    *)
        echo "::error::invalid command: expected setup, plan or apply, got $INPUT_COMMAND"
        exit 64
        ;;
esac

#!/bin/bash
# Writes the plan into the pull request's comment of an earlier run, or into a new one. Needs curl and jq.
set -euo pipefail
command -v jq >/dev/null || { echo "::warning::no comment: jq is not installed on this runner" && exit 0; }
number=$(jq -r '.pull_request.number // empty' "$GITHUB_EVENT_PATH")
plan=$RUNNER_TEMP/images-plan.md
if [ -z "$number" ] || [ ! -s "$plan" ]; then
    echo "no pull request, or no plan: no comment"
    exit 0
fi
marker="<!-- images plan of $INPUT_DIRECTORY -->"
# The token goes in by stdin, so that no list of processes shows it.
api() {
    local method=$1 path=$2
    shift 2
    curl -fsS --retry 3 -X "$method" -K - -H "Accept: application/vnd.github+json" "$@" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/$path" \
        <<<"header = \"Authorization: Bearer $INPUT_TOKEN\""
}
# The token of a pull request from a fork may only read: the plan stands in the summary of the job, and a comment is no reason to fail.
given_up() {
    echo "::warning::the plan could not be written into a comment: the token needs the permission pull-requests: write (a fork's has none)"
    exit 0
}
body=$RUNNER_TEMP/images-comment.json
# GitHub takes 65,536 characters.
jq -Rs --arg marker "$marker" '{body: ($marker + "\n" + (if length > 65000 then .[0:65000] + "\n\n(cut: the job summary has all of it)" else . end))}' <"$plan" >"$body"
page=1 id=""
while [ -z "$id" ]; do
    comments=$(api GET "issues/$number/comments?per_page=100&page=$page") || given_up
    id=$(jq -r --arg marker "$marker" '[.[] | select(.body | startswith($marker))][0].id // empty' <<<"$comments")
    [ "$(jq length <<<"$comments")" = 100 ] || break
    page=$((page + 1))
done
if [ -n "$id" ]; then
    api PATCH "issues/comments/$id" --data "@$body" >/dev/null || given_up
else
    api POST "issues/$number/comments" --data "@$body" >/dev/null || given_up
fi

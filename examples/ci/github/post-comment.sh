#!/usr/bin/env bash
# post-comment.sh PAYLOAD: posts what `meshplan --comment-file` wrote to the pull request $PULL_REQUEST of $GITHUB_REPOSITORY.
# Copy it to .github/actions/. It needs gh, and a token in GH_TOKEN that can write comments.
#
# The body begins with a marker. An earlier comment of the same author whose marker has the same key is edited; when the
# result means something else by now (its class), it is posted anew and the earlier one is deleted, so that people are told.
set -euo pipefail
payload=$1
[ -s "$payload" ] || { echo "nothing to say"; exit 0; }
comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
post() { gh api --method POST "$comments" --input "$payload" --silent; }

marker=$(sed -n 's/^{"body":"<!-- meshplan:comment v1 \([^>]*\) -->\\n.*/\1/p' "$payload")
[ -n "$marker" ] || { post; exit 0; } # --comment-mode new
key=$(grep -o 'key=[^ ]*' <<< "$marker")
class=$(grep -o 'class=[^ ]*' <<< "$marker")

# One line for each earlier comment: its number, and its marker. The key is made of letters, digits, dots, slashes and dashes.
earlier=$(gh api --paginate "$comments" --jq ".[] | select(.user.login == \"${COMMENT_AUTHOR:-github-actions[bot]}\") |
  select(.body | startswith(\"<!-- meshplan:comment v1 $key \")) | \"\(.id) \(.body | split(\"\n\")[0])\"" | tail -n 1)
if [ -z "$earlier" ]; then
  case " $marker " in *" only=update "*) echo "no changes, and no earlier comment"; exit 0 ;; esac
  post
elif [[ "$earlier" == *" $class "* ]]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/${earlier%% *}" --input "$payload" --silent
else
  post
  gh api --method DELETE "repos/$GITHUB_REPOSITORY/issues/comments/${earlier%% *}" --silent
fi

#!/usr/bin/env bash
# The reference rollout there and back, on a throw-away cluster: plan, apply, an empty second plan, drift and repair, rollback.
# Needs bin/meshplan and bin/sandbox; `make demo` builds both. It leaves nothing behind.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH="$root/bin:$PATH" MESHPLAN_VAR_simulate_traffic=true

if [ -z "${SANDBOX_DIR:-}" ]; then # outside of a sandbox: run this script inside one
	exec sandbox run --mesh -- "${BASH_SOURCE[0]}"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/examples/mtls-rollout/." "$work"
rm "$work/demo.sh"
cd "$work"
began=$SECONDS

say() { printf '\n\033[1m── %s\033[0m\n' "$*"; }
run() {
	printf '\033[2m$ %s\033[0m\n' "$*"
	"$@"
}
# code EXPECTED COMMAND… runs a command that must end with the given exit code.
code() {
	local want=$1 got=0
	shift
	run "$@" || got=$?
	if [ "$got" != "$want" ]; then
		echo "exit code $got, expected $want" >&2
		exit 1
	fi
	printf '\033[2m(exit code %s)\033[0m\n' "$got"
}

say "1. The plan: five services, Linkerd, certificates, policies"
run meshplan plan --summary --out rollout.plan

say "2. Apply it: every wave and every policy is proved before the next step"
run meshplan apply --summary rollout.plan

say "3. Plan again: nothing to do"
code 0 meshplan plan --detailed-exitcode

say "4. Somebody opens the payments by hand; drift finds it"
run sandbox patch servers.policy.linkerd.io paymentservice-http '{"spec":{"accessPolicy":"all-unauthenticated"}}' -n shop
code 2 meshplan drift
run meshplan apply --auto-approve
code 0 meshplan plan --detailed-exitcode

say "5. No private key is in any file of the working directory"
if grep -rl "PRIVATE KEY" .; then
	echo "a private key was written" >&2
	exit 1
fi
echo "none"

say "6. Roll everything back, in the safe order: preview, then apply"
run meshplan rollback --to 0 --auto-approve --summary

say "7. What is left in the cluster"
echo "namespaces:"
run sandbox get namespaces
echo "custom resource definitions:"
run sandbox get customresourcedefinitions.apiextensions.k8s.io
run meshplan state list
code 0 test -z "$(meshplan state list)"
if sandbox get namespaces | grep -qE ' (shop|linkerd)$'; then
	echo "a namespace is left" >&2
	exit 1
fi

say "Done in $((SECONDS - began)) seconds"

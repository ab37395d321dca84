#!/bin/bash
# SPDX-License-Identifier: MIT
# Everything: install what is missing, build with two compilers, lint, test.
#
#   sudo ./scripts/check.sh [pytest options, as -k imap]
#
# Stops at the first step that fails. The last line is pytest's own.
set -euo pipefail

cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

fail()
{
	echo "check: $*" >&2
	exit 1
}

# What root made here belongs to whoever owns the tree.
cleanup()
{
	local made

	for made in .output* .kernels .pytest_cache; do
		[ ! -e "$made" ] || chown -R --reference=Makefile "$made"
	done
}
trap cleanup EXIT

step()
{
	local what=$1 start=$SECONDS

	shift
	echo "== $what"
	"$@" || fail "failed: $what"
	echo "-- $((SECONDS - start)) s"
}

# Without QEMU the tests in virtual machines are skipped, and say so.
install_vm()
{
	./scripts/install-deps.sh vm || echo "check: no tests on other kernels, see above"
}

[ "$(id -u)" = 0 ] || fail "must be root, for the kernel's sake: sudo ./scripts/check.sh"
step "dependencies" ./scripts/install-deps.sh build test
step "dependencies of the virtual machines" install_vm
step "build" make -s -j"$(nproc)"
step "build with clang" make -s -j"$(nproc)" CC=clang OUTPUT=.output-clang
step "lint" make lint kernel-deps
step "unit tests, replay, fuzz corpus" make check

suites=()
for suite in tests/kernel tests/e2e tests/vm; do
	[ -z "$(compgen -G "$suite/test_*.py")" ] || suites+=("$suite")
done
[ ${#suites[@]} -gt 0 ] || fail "there are no tests in tests/kernel and tests/e2e"
echo "== ${suites[*]}"
# By hand, as they take minutes and need more than the others: make check-arm64, make check-clangs.
/usr/bin/python3 -m pytest -ra --ignore=tests/vm/test_arm64.py --ignore=tests/vm/test_clangs.py \
	"$@" "${suites[@]}"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Everything: install what is missing, build with two compilers, lint, test. As root:
#
#   ./scripts/check.sh [pytest options, as -k imap]
#   JOBS=0 ./scripts/check.sh         one file of tests after the other
#
# Stops at the first step that fails. The last line is pytest's own.
set -euo pipefail

cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

# Measured on two CPUs, in a new clone: 1.4 GB with what Debian's packages take when nothing is
# installed; 14 minutes when all is.
DISK_MB=2000
MINUTES=20
# How many files of tests run side by side. Tests that must be alone are marked so.
JOBS=${JOBS:-$(($(nproc) + 1))}

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

say_needs()
{
	local free_mb

	free_mb=$(df --output=avail -BM . | tail -n 1 | tr -dc 0-9)
	echo "check: needs $DISK_MB MB of disk at most, for what it builds, Debian packages and two" \
		"kernels ($free_mb MB are free), and some $MINUTES minutes on two CPUs"
	[ "$free_mb" -ge "$DISK_MB" ] || fail "too little disk space here: $free_mb MB are free," \
		"$DISK_MB MB are needed"
}

# Without QEMU the tests in virtual machines are skipped, and say so.
install_vm()
{
	./scripts/install-deps.sh vm || echo "check: no tests on other kernels, see above"
}

[ "$(id -u)" = 0 ] || fail "must be root, to load programs into the kernel"
say_needs
step "dependencies" ./scripts/install-deps.sh build test
step "dependencies of the virtual machines" install_vm
step "build" make -s -j"$(nproc)"
step "build with clang" make -s -j"$(nproc)" CC=clang OUTPUT=.output-clang
step "lint" make -s -O -j"$(nproc)" lint kernel-deps
step "unit tests, fuzz corpus" make -s unit corpus
sanitized=$(make -s sanitized) || fail "failed: rawtap with sanitizers"

# The longest first. By hand, as they take minutes and need more than the others:
# make check-arm64, make check-clangs.
suites=(tests/vm tests/e2e tests/kernel tests/replay tests/consistency)
echo "== ${suites[*]}"
/usr/bin/python3 -m pytest -q -ra -n "$JOBS" --dist loadfile --rawtap-sanitized="$sanitized" \
	--ignore=tests/vm/test_arm64.py --ignore=tests/vm/test_clangs.py "$@" "${suites[@]}"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Everything: install what is missing, build with two compilers, lint, test. As root:
#
#   ./scripts/check.sh [pytest options, as -k imap]
#   THIN=1 ./scripts/check.sh         all cases of the large matrices, not one in six
#   JOBS=0 ./scripts/check.sh         one file of tests after the other
#
# Stops at the first step that fails. The last line is pytest's own.
set -euo pipefail

cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

# Measured on two CPUs, in a new clone: 1.4 GB with what Debian's packages take when nothing is
# installed, 2.3 GB for the other release's root; 26 minutes when all is, and the root is
# there, with one case in four.
DISK_MB=4500
MINUTES=30
# Of the large matrices one case in so many; with the other Dovecot fewer, as much is the same there.
THIN=${THIN:-6}
THIN_OTHER=24
# What these hold rawtap to has little to do with the Dovecot: not repeated with the other one (but by
# make check-dovecots).
ONCE="core_dumps crowd descriptors faults hangfs hanging hanging_much leaks notify_socket slow_answers
	soak start stderr"
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
	[ ! -e .roots ] || chown --reference=Makefile .roots # what is in there stays root's
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
	echo "check: needs $DISK_MB MB of disk at most, for what it builds, Debian packages, three" \
		"kernels and another release ($free_mb MB are free), and some $MINUTES minutes on two CPUs"
	[ "$free_mb" -ge "$DISK_MB" ] || fail "too little disk space here: $free_mb MB are free," \
		"$DISK_MB MB are needed"
}

# Without QEMU the tests in virtual machines are skipped, and say so.
install_vm()
{
	./scripts/install-deps.sh vm || echo "check: no tests on other kernels, see above"
}

# Dovecot 2.3 is in bookworm, 2.4 in trixie: this host has one, the root of the other release has
# the other. Without it only one is tested, and this says so.
install_other()
{
	if ! ./scripts/install-deps.sh roots || ! ./scripts/root.sh make "$other"; then
		echo "check: no tests with the Dovecot of $other, see above"
		other=
	fi
}

# pytest says how many cases --thin leaves out.
test_other() # [pytest options]
{
	local status=0 name once=()

	for name in $ONCE; do
		once+=("--ignore=tests/e2e/test_$name.py")
	done
	echo "check: not repeated here, but once: the tests of ${once[*]#--ignore=tests/e2e/test_}"

	./scripts/root.sh run "$other" make -s -j"$(nproc)" OUTPUT=".output-$other" || return
	RAWTAP=.output-$other/rawtap ./scripts/root.sh run "$other" /usr/bin/python3 -m pytest \
		-q -ra -n "$JOBS" --dist loadfile --thin "$THIN_OTHER" "${once[@]}" "$@" tests/e2e ||
		status=$?
	[ "$status" = 5 ] || return "$status" # 5: these options select none
}

# The longest first. By hand, as they take minutes and need more than the others:
# make check-arm64, make check-clangs, make check-dovecots.
test_here() # [pytest options]
{
	/usr/bin/python3 -m pytest -q -ra -n "$JOBS" --dist loadfile --thin "$THIN" \
		--rawtap-sanitized="$sanitized" \
		--ignore=tests/vm/test_arm64.py --ignore=tests/vm/test_clangs.py "$@" \
		tests/vm tests/e2e tests/kernel tests/replay tests/consistency
}

[ "$(id -u)" = 0 ] || fail "must be root, to load programs into the kernel"
say_needs
step "dependencies" ./scripts/install-deps.sh build test
step "dependencies of the virtual machines" install_vm
other=$(./scripts/root.sh other)
step "root of $other" install_other
step "build" make -s -j"$(nproc)"
step "build with clang" make -s -j"$(nproc)" CC=clang OUTPUT=.output-clang
step "lint" make -s -O -j"$(nproc)" lint kernel-deps
step "unit tests, fuzz corpus" make -s unit corpus
sanitized=$(make -s sanitized) || fail "failed: rawtap with sanitizers"

[ -z "$other" ] || step "end-to-end tests with the Dovecot of $other" test_other "$@"
echo "== tests with the Dovecot of this host"
test_here "$@"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Install what building, the demo, the tests, vm.sh, arm64, `make check-clangs` or root.sh need,
# from Debian's own packages:
#
#   install-deps.sh [-l] build|demo|test|vm|arm64|clangs|roots...
#
# -l only says which packages these are, "a|b" where one of the two will do.
# Does nothing, and needs neither root nor network, when everything is there.
# A Dovecot or a Postfix that is installed for the demo or the tests is not started,
# now or at boot; a Dovecot that runs already is not touched, and where there is another
# mail server Postfix is not installed (its tests are skipped then, and say so).
set -euo pipefail

BUILD="make gcc libc6-dev clang llvm libbpf-dev bpftool libelf-dev zlib1g-dev pkg-config
	libcap-ng-dev uthash-dev nettle-dev"
DEMO="dovecot-imapd dovecot-pop3d python3 openssl"
TEST="libcmocka-dev python3-pytest python3-pytest-timeout python3-pytest-xdist clang-format
	clang-tidy cppcheck shellcheck mandoc
	libclang-rt-14-dev|libclang-rt-dev lld binutils-gold git libfuse3-dev e2fsprogs
	dovecot-lmtpd dovecot-submissiond postfix $DEMO"
VM="qemu-system-x86 cpio kmod lz4 xz-utils zstd"
ARM64="lld qemu-system-arm python3-pytest $VM" # with build: to build for it here, and to try that
CLANGS="clang-14 clang-16 clang-19"
ROOTS="debootstrap"

POLICY=/usr/sbin/policy-rc.d # Debian's packages ask it before they start a service
log=
policy_made=
fresh_dovecot=
fresh_postfix=

fail()
{
	echo "install-deps: $*" >&2
	exit 1
}

cleanup()
{
	if [ -n "$fresh_dovecot" ] && is_installed dovecot-core; then
		update-rc.d dovecot disable >/dev/null 2>&1 || true
	fi
	if [ -n "$fresh_postfix" ] && is_installed postfix; then
		update-rc.d postfix disable >/dev/null 2>&1 || true
	fi
	[ -z "$policy_made" ] || rm -f "$POLICY"
	[ -z "$log" ] || rm -f "$log"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# By its own name, or as what another package provides, as Debian 12's binutils does binutils-gold.
is_installed()
{
	grep -Eq "^installed (.* )?$1( [^,]*)?," \
		<<<"$(dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides},\n')"
}

# Is one of the alternatives in "a|b" installed?
is_any_installed()
{
	local alternative

	for alternative in ${1//|/ }; do
		! is_installed "$alternative" || return 0
	done
	return 1
}

# The first of the alternatives in "a|b" that this release has.
pick()
{
	local alternative

	for alternative in ${1//|/ }; do
		if apt-cache show "$alternative" >/dev/null 2>&1; then
			echo "$alternative"
			return
		fi
	done
	echo "${1%%|*}"
}

is_dovecot_running()
{
	local file name

	for file in /proc/[0-9]*/comm; do
		{ read -r name <"$file"; } 2>/dev/null || continue
		[ "$name" != dovecot ] || return 0
	done
	return 1
}

# From here to the end of this script no package starts or restarts Dovecot or Postfix.
hold_services()
{
	local status=0

	if [ -e "$POLICY" ]; then
		"$POLICY" dovecot start >/dev/null 2>&1 || status=$?
		[ "$status" = 101 ] || fail "this host's own $POLICY would let them start;" \
			"do it yourself: apt-get install $*"
		return
	fi
	policy_made=yes
	cat >"$POLICY" <<-'EOF'
		#!/bin/sh
		# Made by rawtap's install-deps.sh for as long as it runs.
		case $1 in dovecot* | postfix*) exit 101 ;; esac
	EOF
	chmod 755 "$POLICY"
}

install_packages()
{
	local names=() name updated=yes

	log=$(mktemp)
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	apt-get -q -o APT::Update::Error-Mode=any update >"$log" 2>&1 || updated=
	for name in "$@"; do
		names+=("$(pick "$name")")
	done
	echo "install-deps: installing ${names[*]}"
	if apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
		install --no-install-recommends "${names[@]}" >>"$log" 2>&1; then
		return
	fi
	[ -n "$updated" ] || fail "could not install them: no network, or no mirror that works:" \
		"$(grep -m 1 '^E:' "$log")"
	tail -n 15 "$log" >&2
	fail "could not install them (what apt-get said is above)"
}

# "build demo" -> the packages of these groups.
find_wanted()
{
	local group wanted=''

	for group in "$@"; do
		case $group in
		build) wanted+=" $BUILD" ;;
		demo) wanted+=" $DEMO" ;;
		test) wanted+=" $TEST" ;;
		vm) wanted+=" $VM" ;;
		arm64) wanted+=" $ARM64" ;;
		clangs) wanted+=" $CLANGS" ;;
		roots) wanted+=" $ROOTS" ;;
		*) fail "no group '$group' (there are build, demo, test, vm, arm64, clangs and roots)" ;;
		esac
	done
	# shellcheck disable=SC2086
	echo $wanted
}

# Those of these packages that are missing, each once.
find_missing()
{
	local package missing=' '

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		fail "this is not Debian (no apt-get); install by hand what corresponds to: $*"
	fi
	for package in "$@"; do
		[ "$package" != postfix ] || [ ! -e /usr/sbin/sendmail ] || continue
		is_any_installed "$package" || [[ $missing = *" $package "* ]] ||
			missing+="$package "
	done
	echo "$missing"
}

list=
[ "${1-}" != -l ] || { list=yes && shift; }
[ $# -gt 0 ] || fail "usage: install-deps.sh [-l] build|demo|test|vm|arm64|clangs|roots..."
wanted=$(find_wanted "$@")
[ -z "$list" ] || { echo "$wanted" && exit; }
# shellcheck disable=SC2086
missing=$(find_missing $wanted)
others=()
dovecot=()
for package in $missing; do
	case $package in
	dovecot-*) dovecot+=("$package") ;;
	*) others+=("$package") ;;
	esac
done
[ ${#others[@]} -gt 0 ] || [ ${#dovecot[@]} -gt 0 ] || exit 0

if [ ${#dovecot[@]} -gt 0 ] && is_installed dovecot-core && is_dovecot_running; then
	# It would be restarted, and serve POP3 from then on.
	if [ "${dovecot[*]}" != dovecot-pop3d ] || [[ " $* " = *" test "* ]]; then
		fail "Dovecot is running on this host and would be changed;" \
			"do it yourself: apt-get install ${dovecot[*]}"
	fi
	echo "install-deps: leaving out dovecot-pop3d:" \
		"Dovecot is running on this host and would be changed"
	dovecot=()
	[ ${#others[@]} -gt 0 ] || exit 0
fi

[ "$(id -u)" = 0 ] || fail "must be root to install ${others[*]-} ${dovecot[*]-}"
[[ " ${others[*]-} " != *" postfix "* ]] || fresh_postfix=yes
if [ ${#dovecot[@]} -gt 0 ] || [ -n "$fresh_postfix" ]; then
	hold_services ${fresh_postfix:+postfix} "${dovecot[@]}"
fi
if [ ${#dovecot[@]} -gt 0 ]; then
	is_installed dovecot-core || fresh_dovecot=yes
fi
install_packages "${others[@]}" "${dovecot[@]}"
[ -z "$fresh_dovecot" ] || echo "install-deps: Dovecot is installed but not started;" \
	"to use it: systemctl enable --now dovecot"

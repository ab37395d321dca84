#!/bin/bash
# SPDX-License-Identifier: MIT
# Run a command as root in another Debian release, which has all that building and testing needs.
#
#   root.sh make RELEASE          make its root with debootstrap, from the mirror that apt uses
#                                 here. Does nothing if it has the newest packages already
#   root.sh run RELEASE COMMAND [ARG...]
#   root.sh other                 which of bookworm and trixie this host is not
#
# The releases are bookworm (Dovecot 2.3.19), trixie (2.4.1), sid (2.4.5) and bullseye (2.3.13),
# which has all else from bookworm: Debian 11 is too old to build rawtap.
#
# The command sees this tree, its working directory in it, /tmp, /proc, /sys, /dev and the network
# as they are here, at the same paths; all else is the release's own, and stays as the command
# leaves it. When it ends, what it left running is killed. The exit status is the command's.
#
# RAWTAP_ROOTS is the directory of the roots (default: .roots in this tree). One takes 2 GB and some
# minutes. A root that is half made is never used.
set -euo pipefail

SCRIPTS=$(dirname "$(realpath "$0")")
TREE=$(realpath "$SCRIPTS/..")
ROOTS=$(realpath -m "${RAWTAP_ROOTS:-$TREE/.roots}")
PACKAGES=/var/lib/rawtap-packages # of a root: what it was made with
tmp=
job=

fail()
{
	echo "root: $*" >&2
	exit 125
}

need()
{
	command -v "$1" >/dev/null || fail "$1 is missing: as root, ./scripts/install-deps.sh roots"
}

cleanup()
{
	[ -z "$tmp" ] || rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

need_release() # RELEASE
{
	case $1 in
	bookworm | trixie | sid | bullseye) ;;
	*) fail "no release '$1' (there are bookworm, trixie, sid and bullseye)" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "must be root"
}

# Inside: a namespace for the mounts of one command.

bind() # ROOT PATH
{
	mkdir -p "$1$2"
	mount --rbind "$2" "$1$2"
}

# All that the command started and left is in this namespace.
end_left()
{
	local space left

	disown -a # bash would say how it ended
	space=$(readlink /proc/self/ns/mnt)
	while true; do
		left=$(find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf '%p %l\n' 2>/dev/null |
			grep -F " $space" | cut -d / -f 3 | grep -vx $$) || true
		# shellcheck disable=SC2086
		kill -KILL $left 2>/dev/null || break # only find and the like were left
		sleep 0.05
	done
}

alone() # COMMAND [ARG...]
{
	local status=0

	trap end_left EXIT
	# In the background: bash handles signals only between commands, and in `wait`.
	exec -- "$@" <&0 & # `make` is no function of this script's
	wait $! || status=$?
	exit $status
}

inside() # ROOT COMMAND [ARG...]
{
	local root=$1 path directory

	shift
	mount --bind "$root" "$root" # a mount, as / has to be one
	for path in /proc /sys /dev /tmp; do
		bind "$root" "$path"
	done
	mkdir -p "$root$TREE"
	mount --bind "$TREE" "$root$TREE"
	mountpoint -q "$root/sys/fs/bpf" || mount -t bpf none "$root/sys/fs/bpf"
	mountpoint -q "$root/sys/kernel/tracing" ||
		mount -t tracefs none "$root/sys/kernel/tracing"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	unset TMPDIR MAKEFLAGS MFLAGS MAKELEVEL "${!LC_@}"
	export HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
	[[ $PWD/ = $TREE/* ]] || cd "$TREE"
	directory=$PWD
	# No chroot: a namespace that a test makes has to have the same root.
	pivot_root "$root" "$root/mnt"
	umount -l /mnt
	cd "$directory"
	alone "$@"
}

# In a namespace of its own, which ends even if this is killed.
apart() # alone|inside [ARG...]
{
	setpriv --pdeathsig TERM unshare -m "$SCRIPTS/root.sh" "$@" <&0 &
	job=$!
	trap 'kill $job 2>/dev/null; wait $job; exit 143' INT TERM HUP
	wait $job
}

enter() # ROOT COMMAND [ARG...]
{
	apart inside "$@"
}

run() # RELEASE COMMAND [ARG...]
{
	local root

	[ $# -gt 0 ] || fail "usage: root.sh run RELEASE COMMAND [ARG...]"
	[ $# -gt 1 ] || fail "no command"
	need_release "$1"
	root=$ROOTS/$1
	[ -d "$root" ] || fail "there is no root of $1 yet: as root, ./scripts/root.sh make $1"
	exec 9<"$root" && flock -s 9
	shift
	enter "$root" "$@" 9<&-
}

# Making one.

release_here()
{
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# Of Debian itself for this host's release; other archives can have one of that name.
find_mirror()
{
	local codename mirror

	codename=$(release_here)
	# shellcheck disable=SC2016
	read -r mirror < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Component: main' "Codename: $codename") ||
		fail "apt knows no mirror with Debian's $codename: apt-get update?"
	echo "$mirror"
}

# What is wanted, and which versions of it the root's apt would install now.
list_packages() # ROOT
{
	local wanted

	wanted=$("$SCRIPTS/install-deps.sh" -l build test)
	echo "$wanted"
	# shellcheck disable=SC2086
	enter "$1" apt-cache policy ${wanted//|/ } | grep -E '^[^ ]|Candidate:'
}

is_newest() # ROOT
{
	[ -d "$1" ] || return 1
	enter "$1" apt-get -qq -o APT::Update::Error-Mode=any update >/dev/null 2>&1 ||
		echo "root: $1 stays as it is: the mirror does not answer"
	list_packages "$1" | cmp -s - "$1$PACKAGES"
}

# As apt gets at the mirror here, it has to in there.
add_sources() # ROOT RELEASE
{
	apt-config dump Acquire::http Acquire::https >"$1/etc/apt/apt.conf.d/90host"
	[ "$2" = bullseye ] || return 0
	echo "deb $mirror $2 main" >>"$1/etc/apt/sources.list"
	printf '%s\n' "Package: *" "Pin: release n=$2" "Pin-Priority: 100" "" \
		"Package: dovecot-*" "Pin: release n=$2" "Pin-Priority: 1001" \
		>"$1/etc/apt/preferences"
}

make_root() # RELEASE
{
	local base=$1 log=$tmp/log options=(--variant=minbase)

	[ "$1" != bullseye ] || base=bookworm
	[[ $mirror != https:* ]] || options+=(--include=ca-certificates)
	eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
	export http_proxy
	# What it mounts goes with the namespace.
	apart alone debootstrap "${options[@]}" "$base" "$tmp/root" "$mirror" >"$log" 2>&1 ||
		fail "debootstrap cannot make $base:" \
			"$(grep -m 1 '^[EW]:' "$log" || tail -n 1 "$log")"
	add_sources "$tmp/root" "$1"
	enter "$tmp/root" "$SCRIPTS/install-deps.sh" build test >"$log" 2>&1 ||
		fail "$1: $(tail -n 1 "$log")"
	enter "$tmp/root" apt-get clean
	list_packages "$tmp/root" >"$tmp/root$PACKAGES"
}

make() # RELEASE
{
	local root mirror

	[ $# = 1 ] || fail "usage: root.sh make RELEASE"
	need_release "$1"
	root=$ROOTS/$1
	mkdir -p "$ROOTS"
	exec 8>"$ROOTS/.lock" && flock 8
	rm -rf --one-file-system "$ROOTS"/.make.* # of one that was killed
	! is_newest "$root" || return 0

	need debootstrap
	mirror=$(find_mirror)
	tmp=$(mktemp -d "$ROOTS/.make.XXXXXX")
	echo "root: making $root (some minutes)"
	make_root "$1"
	if [ -d "$root" ]; then
		exec 9<"$root" && flock 9 # nothing runs in it
		mv "$root" "$tmp/old"
	fi
	chmod 755 "$tmp/root"
	mv "$tmp/root" "$root"
}

# bookworm, trixie: each has the other's Dovecot besides its own, and any other release trixie's.
other()
{
	[ "$(release_here)" != trixie ] && echo trixie || echo bookworm
}

case ${1-} in
make | run | alone | inside | other) "$@" ;;
*) fail "usage: root.sh make|run|other ... (more at the top of $0)" ;;
esac

#!/bin/bash
# SPDX-License-Identifier: MIT
# Run a command as root under another kernel, in a QEMU VM that sees this host's files.
#
#   vm.sh fetch [-f] PACKAGE...   get Debian's kernels, as linux-image-amd64, or another
#                                 suite's, as bookworm/linux-image-amd64 (6.1),
#                                 trixie/... (6.12) and sid/...; -f: even those that are there
#   vm.sh list                    the kernels that are there, oldest first
#   vm.sh root ARCH PACKAGE...    make the root for guests of another architecture, of these
#                                 packages (bash at least) and what they depend on, unpacked
#                                 only. Does nothing if it is made of these already
#   vm.sh run [-k KERNEL] [-t SECONDS] [-e VAR]... [-o DIR] -- COMMAND [ARG...]
#
#   -k   one that `list` shows, the package that it was fetched as, or what its version
#        begins with: 6.12 is the newest of these, rt and cloud kernels aside (default: the
#        newest of all)
#   -t   the time limit, including 3 to 10 seconds for the boot (default: 600)
#   -e   an environment variable to pass on, as PATH always is
#   -o   a directory, made if missing, in which the command changes the host's files
#
# All else that the command changes is its own, and lost. It has the host's paths and the
# working directory, but not /run, /dev/shm and a network: there is only lo. Small writes
# below -o are slow (1 ms each), as is what computes much (20 to 500 times).
#
# A kernel for another architecture, as linux-image-6.12-arm64, runs with the root that `root`
# made; of the host's files only the working directory is there, and can't be changed.
#
# Standard output gets all output of the command. When it ends, what it left running is
# killed. The exit status is the command's, or
#   123  the command's was 0, but the kernel logged a BUG, an Oops or a WARNING
#   124  the time was up
#   125  the VM ended without a status, or could not be started
#
# Needs no root, but then the guest can read only what its user can. Only Debian's cloud kernels
# need it: they lack 9p, and QEMU's virtiofsd runs as root. RAWTAP_KERNELS is the directory of
# the kernels (default: .kernels in this tree).
set -euo pipefail

SCRIPTS=$(dirname "$(realpath "$0")")
KERNELS=$(realpath -m "${RAWTAP_KERNELS:-$SCRIPTS/../.kernels}")
HOST=amd64
ARCH=$HOST # that all this is about
SUITE=	   # of Debian, if not the host's
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
MODULES="virtio_pci virtio_console overlay" # what vm_init.sh needs, and a file system
VIRTIOFSD=/usr/lib/qemu/virtiofsd	    # of Debian's qemu-system-common
tmp=
jobs=()

fail()
{
	echo "vm: $*" >&2
	exit 125
}

end_jobs()
{
	# With its group: a timeout that has just forked forgets QEMU.
	[ ${#jobs[@]} = 0 ] || kill -- "${jobs[@]}" "${jobs[@]/#/-}" 2>/dev/null || true
	wait
	jobs=()
}

cleanup()
{
	end_jobs
	[ -z "$tmp" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

need()
{
	local tool

	for tool in "$@"; do
		command -v "$tool" >/dev/null ||
			fail "$tool is missing: as root, ./scripts/install-deps.sh" \
				"$([ "$ARCH" = "$HOST" ] && echo vm || echo "$ARCH")"
	done
}

# apt-get or apt-cache with the host's sources, but its own state: the host's may be out of
# date, is root's to change, and is for one architecture.
apt()
{
	local state=$tmp/apt-$ARCH-$SUITE sources=()

	[ -z "$SUITE" ] || sources=(-o Dir::Etc::sourcelist="$state/sources.list"
		-o Dir::Etc::sourceparts=/dev/null)
	"$1" -qq -o Dir::State="$state" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$state" -o APT::Architecture="$ARCH" \
		-o APT::Architectures::="$ARCH" -o APT::Sandbox::User=root \
		-o Acquire::Languages=none "${sources[@]}" "${@:2}" 2>>"$tmp/log"
}

# The mirror that the host has its own Debian from.
mirror()
{
	apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" |
		grep -m 1 '/debian/*$' || fail "apt's sources name no mirror of Debian"
}

# What apt() is about from here on: an architecture, and a suite other than the host's own.
use_apt() # ARCH [SUITE]
{
	local state

	ARCH=$1
	SUITE=${2-}
	state=$tmp/apt-$ARCH-$SUITE
	[ ! -d "$state" ] || return 0
	mkdir -p "$state"/{lists,archives}/partial
	if [ -n "$SUITE" ]; then
		echo "deb [signed-by=$KEYRING] $(mirror) $SUITE main" >"$state/sources.list"
	fi
	apt apt-get update >/dev/null || true # what failed may be another source
}

fail_to_get()
{
	fail "cannot get $*: $(grep -m 1 '^[EW]:' "$tmp/log")"
}

# Packages of Debian 12 have their files in /bin and /lib, later ones in /usr.
make_root() # DIRECTORY
{
	mkdir -p "$1/usr/"{bin,sbin,lib}
	ln -s usr/bin usr/sbin usr/lib "$1/"
}

extract() # DEB DIRECTORY
{
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink
}

unpack() # PACKAGE DIRECTORY
{
	mkdir "$tmp/download"
	(cd "$tmp/download" && apt apt-get download "$1") || fail_to_get "$1"
	extract "$tmp"/download/*.deb "$2"
	rm -r "$tmp/download"
}

# The ELF image inside a bzImage. QEMU boots that too (PVH), and the guest need not decompress
# it, which without KVM is the slowest part of a boot. For the offsets see the kernel's
# Documentation/x86/boot.rst; the payload's last 4 bytes are its length.
extract_elf() # BZIMAGE ELF
{
	local setup offset length tool

	setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	read -r offset length < <(od -An -tu4 -j $((0x248)) -N 8 "$1")
	head -c $(((setup + 1) * 512 + offset + length - 4)) "$1" |
		tail -c $((length - 4)) >"$tmp/payload"
	for tool in xz zstd lz4 gzip; do
		"$tool" -dc <"$tmp/payload" >"$2" 2>>"$tmp/log" && return
	done
	return 1
}

# QEMU can boot what this makes of a package's kernel.
prepare_kernel() # VMLINUZ KERNEL
{
	case $ARCH in
	amd64) extract_elf "$1" "$2" ;;
	arm64) cp "$1" "$2" ;;
	*) return 1 ;;
	esac
}

pack_initramfs() # DIRECTORY
{
	(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet)
}

# Prints "insmod FILE..." for each module, and for what it needs before it.
find_modules() # ROOT VERSION MODULE...
{
	local module

	for module in "${@:3}"; do
		modprobe -C /dev/null -d "$1" -S "$2" -D "$module" 2>>"$tmp/log" ||
			fail "the kernel $2 has no module $module, which the VM needs"
	done
}

depends() # PACKAGE
{
	apt apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr -s ', ' '\n'
}

# The packages of the same kernel that this one depends on.
parts() # PACKAGE VERSION
{
	depends "$1" | grep -E "^linux-[a-z]+-${2//+/\\+}\$" || true
}

first() # FILE...
{
	local file

	for file in "$@"; do
		[ ! -e "$file" ] || { echo "$file" && return; }
	done
	return 1
}

# Makes $KERNELS/VERSION: the kernel, an initramfs with busybox and the modules, and the file
# system that brings the host's files.
fetch_kernel() # PACKAGE
{
	local version=${1#linux-image-} root=$tmp/root initramfs=$tmp/initramfs
	local file count=100 filesystem=9p modules=$MODULES config image package

	echo "vm: fetching $1"
	make_root "$root"
	# Since 7.0 a kernel is in several packages, one for each kind of its files.
	for package in busybox-static "$1" $(parts "$1" "$version"); do
		unpack "$package" "$root"
	done
	image=$(first "$root/boot/vmlinuz-$version" "$root/lib/modules/$version/vmlinuz") ||
		fail "$1 has no kernel"
	config=$(first "$root/boot/config-$version" "$root/lib/modules/$version/config") ||
		fail "$1 has no configuration"
	mkdir -p "$initramfs"/{bin,modules,proc,lower,upper,new} "$tmp/kernel"
	cp "$root/bin/busybox" "$initramfs/bin/"
	depmod -b "$root" "$version"
	grep -q '^CONFIG_9P_FS=' "$config" || filesystem=virtiofs
	[ $filesystem = virtiofs ] || modules+=" 9pnet_virtio"
	# shellcheck disable=SC2086
	find_modules "$root" "$version" $modules $filesystem >"$tmp/modules"
	echo $filesystem >"$tmp/kernel/filesystem"
	while read -r file; do # a number keeps the order
		cp "$file" "$initramfs/modules/$((++count))-${file##*/}"
	done < <(awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$tmp/modules")
	find "$initramfs/modules" -name '*.xz' -exec xz -d {} +
	pack_initramfs "$initramfs" >"$tmp/kernel/initramfs"
	prepare_kernel "$image" "$tmp/kernel/kernel" ||
		fail "cannot boot the kernel of $1"
	rm -rf "${KERNELS:?}/$version"
	mv "$tmp/kernel" "$KERNELS/$version"
	rm -r "$root" "$initramfs"
}

# One at a time. $tmp is on the disk of what will be made.
begin_fetch()
{
	need apt-get dpkg-deb
	mkdir -p "$KERNELS"
	exec 9>"$KERNELS/.lock" && flock 9
	tmp=$(mktemp -d "$KERNELS/.fetch.XXXXXX")
}

fetch()
{
	local again='' package suite real missing=()

	[ "${1-}" != -f ] || { again=yes && shift; }
	begin_fetch
	for package in "$@"; do
		[ -e "$KERNELS/$package" ] && [ -z "$again" ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	need depmod modprobe cpio xz zstd lz4
	for package in "${missing[@]}"; do
		suite=$(dirname "/$package")
		use_apt "${package##*-}" "${suite#/}"
		# Most names are of packages that only depend on the newest kernel's.
		real=$(depends "${package##*/}" | grep -m 1 '^linux-image-') || true
		real=${real:-${package##*/}}
		fetch_kernel "$real"
		mkdir -p "$(dirname "$KERNELS/$package")"
		ln -sfn "${real#linux-image-}" "$KERNELS/$real"
		ln -sfnr "$KERNELS/${real#linux-image-}" "$KERNELS/$package"
	done
}

# Makes $KERNELS/root-ARCH, if it is not made of these packages already.
root() # ARCH PACKAGE...
{
	local root=$KERNELS/root-$1 packages=("${@:2}") package link

	begin_fetch
	[ "$(cat "$root/packages" 2>/dev/null)" != "${packages[*]}" ] || return 0
	use_apt "$1"
	echo "vm: fetching ${packages[*]} ($ARCH)"
	apt apt-get install --yes --download-only --no-install-recommends "${packages[@]}" \
		>/dev/null || fail_to_get "${packages[*]}"
	make_root "$tmp/root"
	for package in "$tmp/apt-$ARCH-"/archives/*.deb; do
		extract "$package" "$tmp/root"
	done
	# For a linker, which follows them on the host.
	find "$tmp/root" -type l -lname '/*' -printf '%P %l\n' | while read -r package link; do
		ln -snfr "$tmp/root$link" "$tmp/root/$package"
	done
	echo "${packages[*]}" >"$tmp/root/packages"
	rm -rf "$root"
	mv "$tmp/root" "$root"
}

list()
{
	[ -d "$KERNELS" ] || return 0
	find "$KERNELS" -maxdepth 1 -type d -name '[0-9]*' -printf '%f\n' | sort -V
}

# The name of the kernel that -k means.
find_kernel() # [NAME]
{
	if [ -e "$KERNELS/$1/kernel" ]; then
		echo "$1"
	else
		list | grep -E "^${1:-.*}[^0-9].*-$HOST\$" | grep -vE -- '-(rt|cloud)-' | tail -n 1
	fi
}

mount_share() # TAG DIRECTORY ro|rw
{
	local busybox=/run/vm/busybox

	echo "$busybox mkdir -p ${2@Q} && $busybox mount $mount -o $3 $1 ${2@Q} || exit"
}

# What the guest's bash runs.
write_command() # COMMAND [ARG...]
{
	local variable

	echo "export HOME=/root TERM=dumb"
	for variable in PATH "${variables[@]}"; do
		[ -z "${!variable+set}" ] || echo "export $variable=${!variable@Q}"
	done
	[ "$root" = / ] || mount_share directory "$PWD" ro
	[ -z "$output" ] || mount_share output "$output" rw
	echo "cd ${PWD@Q} || exit"
	echo "exec -- ${*@Q}"
}

# Adds to $qemu. Who serves virtiofs ends with QEMU.
share() # TAG DIRECTORY [OPTIONS]
{
	if [ "$filesystem" = 9p ]; then
		qemu+=(-fsdev "local,id=$1,security_model=none,path=${2//,/,,}${3-}"
			-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
		return
	fi
	rm -f "$tmp/$1.socket"
	"$VIRTIOFSD" -f --socket-path="$tmp/$1.socket" -o source="${2//,/\\,}" -o cache=always \
		-o sandbox=chroot >>"$tmp/virtiofsd" 2>&1 &
	jobs+=($!)
	while [ ! -S "$tmp/$1.socket" ]; do
		kill -0 $! 2>/dev/null || fail "$VIRTIOFSD: $(tail -n 1 "$tmp/virtiofsd")"
		sleep 0.05
	done
	qemu+=(-chardev "socket,id=$1.socket,path=$1.socket"
		-device "vhost-user-fs-pci,chardev=$1.socket,tag=$1")
}

# Returns QEMU's status, or 124 when the time is up. Leaves in $tmp: console (what the kernel
# logged), status ("started", then the command's) and log (QEMU's own messages).
run_qemu()
{
	local qemu append="panic=-1 loglevel=5 mitigations=off" memory=ram,share=off

	case $ARCH in
	amd64)
		# Page tables with five levels are slow to walk in software. Without tsc=reliable
		# a kernel with two CPUs may take the hpet, which is far slower to read.
		qemu=(qemu-system-x86_64 -machine q35 -cpu "max,la57=off")
		append+=" console=ttyS0 no_timer_check tsc=reliable"
		;;
	arm64)
		# Pointer authentication as the architecture defines it is slow in software.
		qemu=(qemu-system-aarch64 -machine virt -cpu "max,pauth-impdef=on")
		append+=" console=ttyAMA0"
		;;
	esac
	need "${qemu[0]}"
	[ "$filesystem" = 9p ] || memory=memfd,share=on # which virtiofsd maps, too
	share root "$root" ,readonly=on,multidevs=remap
	[ "$root" = / ] || share directory "$PWD" ,readonly=on
	[ -z "$output" ] || share output "$output"
	rm -f "$tmp/output" "$tmp/status"
	mkfifo "$tmp/output"
	# Both in the background: bash handles signals only between commands, and in `wait`.
	# One thread for both CPUs: no slower, and with two a kernel that patches itself may die.
	cat "$tmp/output" &
	reader=$!
	jobs+=($!)
	(cd "$tmp" && exec timeout --kill-after=5 "$limit" "${qemu[@]}" \
		-object "memory-backend-${memory/,/,id=memory,size=2048M,}" \
		-machine memory-backend=memory -m 2048 -smp 2 -accel "tcg,thread=single" \
		-nodefaults -no-user-config -no-reboot -display none \
		-kernel "$kernel/kernel" -initrd initrd -append "$append" -serial file:console \
		-device virtio-serial-pci \
		-chardev file,id=output,path=output -device virtserialport,chardev=output,nr=1 \
		-chardev file,id=status,path=status -device virtserialport,chardev=status,nr=2 \
	) </dev/null >"$tmp/output" 2>"$tmp/log" &
	jobs+=($!)
	wait $!
}

run()
{
	local wanted='' limit=600 variables=() output='' option kernel root=/ qemu try report=()
	local filesystem mount reader

	while getopts k:t:e:o: option; do
		case $option in
		k) wanted=$OPTARG ;;
		t) limit=$OPTARG ;;
		e) variables+=("$OPTARG") ;;
		o) output=$(mkdir -p "$OPTARG" && realpath "$OPTARG") || exit 125 ;;
		*) exit 125 ;;
		esac
	done
	shift $((OPTIND - 1))
	[ $# -gt 0 ] || fail "no command"
	[[ $limit =~ ^[1-9][0-9]*$ ]] || fail "-t $limit: not a number of seconds"
	kernel=$KERNELS/$(find_kernel "$wanted") ||
		fail "there is no kernel ${wanted:-yet}: see vm.sh list, vm.sh fetch"
	ARCH=$(realpath "$kernel")
	ARCH=${ARCH##*-}
	[ "$ARCH" = "$HOST" ] || root=$KERNELS/root-$ARCH
	[ -d "$root" ] || fail "there is no $root yet: see vm.sh root"
	filesystem=$(cat "$kernel/filesystem" 2>/dev/null || echo 9p)
	mount="-t $filesystem"
	[ "$filesystem" != 9p ] || mount+=" -o trans=virtio,version=9p2000.L,msize=524288,cache=loose"
	need cpio
	tmp=$(mktemp -d)
	mkdir "$tmp/initramfs"
	install -m 755 "$SCRIPTS/vm_init.sh" "$tmp/initramfs/init"
	echo "exec mount $mount -o ro root /lower" >"$tmp/initramfs/mount"
	write_command "$@" >"$tmp/initramfs/command"
	cat "$kernel/initramfs" <(pack_initramfs "$tmp/initramfs") >"$tmp/initrd"

	for try in 1 2; do
		# QEMU without KVM loses a boot in some hundred.
		[ "$try" = 1 ] || echo "vm: the VM died while it booted; trying again" >&2
		qemu=0
		run_qemu || qemu=$?
		wait "$reader" || true
		end_jobs
		if [ "$qemu" != 0 ] || [ -s "$tmp/status" ]; then
			break
		fi
	done
	[ ! -e "$tmp/status" ] || mapfile -t report <"$tmp/status"
	if [ ${#report[@]} -lt 2 ]; then
		tail -qn 60 "$tmp/log" "$tmp/console" >&2 || true
		[ "$qemu" != 124 ] || { echo "vm: time limit ($limit s)" >&2 && exit 124; }
		fail "the VM ended without a status (QEMU: $qemu)"
	fi
	if grep -E 'BUG:|BUG at|Oops|WARNING:|\[#[0-9]+\]' "$tmp/console" >"$tmp/bad"; then
		sed 's/^/vm: the kernel logged: /' "$tmp/bad" >&2
		[ "${report[1]}" != 0 ] || exit 123
	fi
	exit "${report[1]}"
}

case ${1-} in
fetch | list | root | run) "$@" ;;
*) fail "usage: vm.sh fetch|list|root|run ... (more at the top of $0)" ;;
esac

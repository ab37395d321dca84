#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The guest's side of vm.sh: process 1 of the VM.
#
#   vm_init.sh        in the initramfs: make the root, and go on there as
#   vm_init.sh run    which runs /run/command
#
# When something fails before that, process 1 ends, the kernel panics, and QEMU ends.
set -e

boot()
{
	/bin/busybox mount -t proc proc /proc
	/bin/busybox --install -s /bin
	for module in /modules/*; do insmod "$module"; done

	# Without a cache each look at a file yields another inode, and no uprobe finds its own.
	sh /mount # the host's root on /lower
	mount -t tmpfs -o size=75% upper /upper
	mkdir /upper/data /upper/work
	mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work root /new

	cd /new
	mkdir -p proc sys dev run
	mount -t proc proc proc
	mount -t sysfs sys sys
	mount -t cgroup2 cgroup sys/fs/cgroup
	mount -t bpf bpf sys/fs/bpf
	mount -t tracefs trace sys/kernel/tracing
	mount -t devtmpfs dev dev
	mkdir dev/pts dev/shm
	mount -t devpts -o gid=5,mode=620 pts dev/pts
	mount -t tmpfs -o mode=1777 shm dev/shm
	ln -s /proc/self/fd dev/fd
	ln -s /proc/self/fd/0 dev/stdin
	ln -s /proc/self/fd/1 dev/stdout
	ln -s /proc/self/fd/2 dev/stderr
	mount -t tmpfs -o mode=755 run run
	ip link set lo up

	mkdir run/vm
	cp /init /command /bin/busybox run/vm/
	exec switch_root . /run/vm/busybox sh /run/vm/init run
}

run()
{
	local output status=0 process

	while set -- /dev/vport?p1 /dev/vport?p2 && [ ! -c "$2" ]; do sleep 0.1; done
	exec 3>"$2"
	# The command gets a pipe, because it may open /dev/stdout: a port opens only once.
	mkfifo /run/vm/output
	/run/vm/busybox cat /run/vm/output >"$1" 3>&- &
	output=$!
	echo started >&3
	/bin/bash /run/vm/command </dev/null >/run/vm/output 2>&1 3>&- || status=$?
	# What it left behind holds the pipe open.
	for process in /proc/[0-9]*; do
		process=${process#/proc/}
		case $process in
		1 | "$output") ;;
		*) kill -KILL "$process" 2>/dev/null || true ;;
		esac
	done
	wait "$output"
	sync
	echo "$status" >&3
	echo o >/proc/sysrq-trigger
	sleep 60
}

${1:-boot}

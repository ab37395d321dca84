#!/bin/bash
# SPDX-License-Identifier: MIT
# Shows rawtap at work. As root: ./scripts/demo.sh
#
# Builds it, starts a Dovecot of its own (this host's is not touched), records a
# few sessions, shows the files, and removes everything again.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo "demo: must be root, as rawtap itself must" >&2
	exit 1
fi
./scripts/install-deps.sh build demo
echo "Building rawtap ..."
make -s -j"$(nproc)"
chown -R --reference=Makefile .output
exec /usr/bin/python3 scripts/demo.py

// SPDX-License-Identifier: GPL-2.0-only
#define RL_MAP
#define RL_DEFINE_MAPS
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

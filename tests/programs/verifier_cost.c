// SPDX-License-Identifier: MIT
/*
 * What it costs this kernel to verify rawtap's programs, a line each:
 *
 *   BACKEND PROGRAM INSTRUCTIONS TOTAL_STATES PEAK_STATES
 *
 * For each backend that loads here, all that rawtap would load with it, as it would.
 */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/backend.h"
#include "rl_maps.h" /* before the skeleton, which uses its types */
#include "rawtap.skel.h"

#define RING_SIZE    (1024 * 1024)
#define LOG_SIZE     4096
#define LOG_STATS    4 /* BPF_LOG_STATS of the kernel's own headers */
#define PROGRAMS_MAX 64

struct cost {
	const struct bpf_program *program;
	char log[LOG_SIZE];
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

/* The verifier takes this for constants: what they switch off costs nothing. */
static void configure(struct rawtap_bpf *skeleton)
{
	bpf_map__set_max_entries(skeleton->maps.ring, RING_SIZE);
	skeleton->rodata->config = (struct rl_config){
		.ring_size = RING_SIZE,
		.data_limit = RING_SIZE - RING_SIZE / 8,
		.wakeup_size = RING_SIZE / 8,
		.copies = RL_COPIES,
	};
}

static unsigned int ask(struct rawtap_bpf *skeleton, struct cost costs[PROGRAMS_MAX])
{
	struct bpf_program *program;
	unsigned int count = 0;

	bpf_object__for_each_program(program, skeleton->obj) {
		if (!bpf_program__autoload(program))
			continue;
		if (count == PROGRAMS_MAX)
			abort();
		costs[count].program = program;
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, costs[count].log, LOG_SIZE);
		count++;
	}
	return count;
}

static bool print(const struct backend *backend, const struct cost *cost)
{
	const char *name = bpf_program__name(cost->program), *end;
	unsigned int instructions, total, peak;
	/* a line of its own: 7.2 says "insns processed" before it */
	const char *line = strstr(cost->log, "\nprocessed ");

	if (!line || sscanf(line,
			    "\nprocessed %u insns (limit %*u) max_states_per_insn %*u "
			    "total_states %u peak_states %u",
			    &instructions, &total, &peak) != 3)
		return false;
	/* the copy's number says nothing */
	end = strstr(name, "__0");
	printf("%s %.*s %u %u %u\n", backend->name, end ? (int)(end - name) : (int)strlen(name),
	       name, instructions, total, peak);
	return true;
}

static bool measure(const struct backend *backend)
{
	struct cost *costs = calloc(PROGRAMS_MAX, sizeof(*costs));
	struct rawtap_bpf *skeleton = rawtap_bpf__open();
	unsigned int i, count;
	bool ok = true;

	if (!costs || !skeleton)
		abort();
	backend_select(backend, skeleton, 1); /* the others are the same */
	configure(skeleton);
	count = ask(skeleton, costs);
	if (rawtap_bpf__load(skeleton) == 0)
		for (i = 0; i < count; i++)
			ok = print(backend, &costs[i]) && ok;
	rawtap_bpf__destroy(skeleton);
	free(costs);
	return ok;
}

int main(void)
{
	bool ok = true;
	unsigned int i;

	libbpf_set_print(silent);
	for (i = 0; i < backends_count; i++)
		ok = measure(&backends[i]) && ok;
	return ok ? 0 : 1;
}

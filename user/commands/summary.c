// SPDX-License-Identifier: MIT
#include "commands/summary.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/str.h"

/* How many there are, and for which reasons: " 2 the user is root; 1 ..." is appended. Which they
 * are was said when it happened. */
static uint64_t add_reasons(const uint64_t counts[REASONS_COUNT], struct str *text)
{
	bool warned = false;
	uint64_t sum = 0;
	unsigned int i;

	for (i = REASON_NONE + 1; i < REASONS_COUNT; i++) {
		if (!counts[i])
			continue;
		sum += counts[i];
		str_printf(text, "%s %" PRIu64 " %s", text->len ? ";" : "", counts[i],
			   reason_text(i));
		warned = warned || reason_weight(i) != REASON_PLAIN;
	}
	if (warned)
		str_append_text(text, " (which: see the warnings)");
	return sum;
}

static void print_refused(const struct engine_summary *summary)
{
	struct str text = {0};
	uint64_t sum = add_reasons(summary->sessions, &text);

	log_info("%" PRIu64 " not recorded%s%s", sum, sum ? ":" : "", str_text(&text));
	str_clear(&text);
	sum = add_reasons(summary->logs, &text);
	if (sum)
		log_info("%" PRIu64 " logs of recorded sessions were not made:%s", sum,
			 str_text(&text));
	str_free(&text);
}

static void print_stats(const struct rl_stats *stats)
{
	struct str text = {0};

#define X(field, words) str_printf(&text, "%s%llu %s", text.len ? "; " : "", stats->field, words);
	RL_COUNTERS(X)
#undef X
	log_info("kernel: %s", text.data);
	str_free(&text);
}

void summary_print(const struct engine_summary *summary)
{
	log_info("%" PRIu64 " sessions recorded (%" PRIu64 " not ended), %" PRIu64
		 " files, %" PRIu64 " bytes in, %" PRIu64 " bytes out",
		 summary->sessions[REASON_NONE], summary->sessions_open, summary->files,
		 summary->bytes[RL_IN], summary->bytes[RL_OUT]);
	if (summary->sessions_found)
		log_info("%" PRIu64 " of them were open before: recorded from then on",
			 summary->sessions_found);
	print_refused(summary);
	if (summary->has_stats)
		print_stats(&summary->stats);
	if (summary->given_up)
		log_info("%" PRIu64 " logs could not be written to the end", summary->given_up);
	if (summary->malformed)
		log_info("%" PRIu64 " records or handshake lines made no sense",
			 summary->malformed);
	if (summary->stray_bytes)
		log_info("%" PRIu64 " bytes of connections whose beginning was not seen are in no "
			 "file",
			 summary->stray_bytes);
	log_info("%" PRIu64 " bytes lost%s%s", summary->lost_bytes,
		 summary->lost_bytes ? " (where: see the files)" : "",
		 summary->given_up ? ", and what came when those logs had ended" : "");
}

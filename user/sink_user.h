/* SPDX-License-Identifier: MIT */
/*
 * Logs in the users' own directories, on this host. Whatever is looked up or
 * created is looked up and created as the user: nobody's directory leads root
 * astray, and what the user could not have created is refused. What is there
 * already is appended to by the lib rule only, and only if it is a regular
 * file of that user's with no other link.
 */
#ifndef SINK_USER_H
#define SINK_USER_H

#include "rl_abi.h"
#include "sink.h"

/* `answer` is called for each question, with what is to become a FACT_LOG record. */
struct sink *sink_user_new(void (*answer)(void *context, const struct rl_log *fact), void *context);
void sink_user_free(struct sink **sink);

#endif

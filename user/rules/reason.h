/* SPDX-License-Identifier: MIT */
/*
 * Why a connection is not recorded: there is no other reason than these. -D, the
 * summary, the documentation and the tests use them.
 */
#ifndef REASON_H
#define REASON_H

/* X(name, text in the summary and with -D, is it a warning?) */
#define REASONS(X)                                                                                 \
	X(NONE, "recorded", 0)                                                                     \
	X(NO_DIR, "its log directory does not exist", 0)                                           \
	X(NOT_DIR, "dovecot.rawlog is not a directory", 0)                                         \
	X(LSTAT, "its log directory could not be examined", 1)                                     \
	X(EXPAND, "its log directory's variables could not be expanded", 1)                        \
	X(CREATE, "the files could not be created", 1)                                             \
	X(NO_HOME, "userdb returned no home directory", 0)                                         \
	X(RELATIVE_HOME, "userdb returned a home directory that is not an absolute path", 1)       \
	X(ROOT, "the user is root", 1)                                                             \
	X(NO_IDS, "the user's uid and gid are not known", 1)                                       \
	X(FORGED_IDS, "its process runs with other ids than the user lookup returned", 1)          \
	X(NOT_WANTED, "its user does not match -u", 0)                                             \
	X(NO_RULE, "no enabled mode records this protocol", 0)                                     \
	X(NO_USER, "the user lookup failed", 0)                                                    \
	X(SCRIPT, "the post-login service ended it", 0)                                            \
	X(OPEN_BEFORE, "it was open before rawtap started", 0)                                     \
	X(NO_LOGIN, "its login request was not seen", 1)                                           \
	X(BACKLOG, "too many bytes came before its user was known", 1)                             \
	X(MASTER, "its master process is not recorded", 0)                                         \
	X(ENDED, "it ended before it was clear whether to record it", 0)

enum reason {
#define X(name, text, warning) REASON_##name,
	REASONS(X)
#undef X
		REASONS_COUNT
};

static inline const char *reason_text(enum reason reason)
{
	static const char *const texts[] = {
#define X(name, text, warning) text,
		REASONS(X)
#undef X
	};

	return texts[reason];
}

static inline int reason_is_warning(enum reason reason)
{
	static const char warnings[] = {
#define X(name, text, warning) warning,
		REASONS(X)
#undef X
	};

	return warnings[reason];
}

#endif

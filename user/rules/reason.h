/* SPDX-License-Identifier: MIT */
/*
 * Why a connection is not recorded: there is no other reason than these. -D, the
 * summary, the documentation and the tests use them.
 */
#ifndef REASON_H
#define REASON_H

/* How much it matters: as the rules want it; an administrator should look into it; the rules want it
 * recorded, and it is not: that is a loss, which the exit status tells. */
enum reason_weight { REASON_PLAIN, REASON_WARNING, REASON_LOSS };

/* X(name, text in the summary and with -D, weight) */
#define REASONS(X)                                                                                 \
	X(NONE, "recorded", PLAIN)                                                                 \
	X(NO_DIR, "its log directory does not exist", PLAIN)                                       \
	X(NOT_DIR, "dovecot.rawlog is not a directory", PLAIN)                                     \
	X(LSTAT, "its log directory could not be examined", LOSS)                                  \
	X(EXPAND, "its log directory's variables could not be expanded", LOSS)                     \
	X(CREATE, "the files could not be created", LOSS)                                          \
	X(NO_HOME, "userdb returned no home directory", PLAIN)                                     \
	X(RELATIVE_HOME, "userdb returned a home directory that is not an absolute path", WARNING) \
	X(ROOT, "the user is root", WARNING)                                                       \
	X(NO_IDS, "the user's uid and gid are not known", WARNING)                                 \
	X(FORGED_IDS, "its process runs with other ids than the user lookup returned", WARNING)    \
	X(NOT_WANTED, "its user does not match -u", PLAIN)                                         \
	X(NO_RULE, "no enabled mode records this protocol", PLAIN)                                 \
	X(NO_USER, "the user lookup failed", PLAIN)                                                \
	X(SCRIPT, "the post-login service ended it", PLAIN)                                        \
	X(OPEN_BEFORE, "it was open before rawtap started", PLAIN)                                 \
	X(NO_LOGIN, "its login request was not seen", LOSS)                                        \
	X(RELEASE, "its Dovecot's release is not known, and login requests can't be read", LOSS)   \
	X(BACKLOG, "too many bytes came before its user was known", LOSS)                          \
	X(MASTER, "its master process is not recorded", PLAIN)                                     \
	X(ENDED, "it ended before it was clear whether to record it", PLAIN)                       \
	X(UNSEEN, "its connection was not seen", LOSS)                                             \
	X(CUT, "it ended, with bytes, before it was clear whether to record it", LOSS)             \
	X(UNANSWERED, "its master process was still being examined", LOSS)                         \
	X(UNEXAMINED, "its master process could not be examined", LOSS)                            \
	X(SETTINGS, "its Dovecot's settings could not be read", LOSS)                              \
	X(WHOSE, "it was open before rawtap started, and nothing tells whose it is", LOSS)         \
	X(UNTOLD, "it was open before rawtap started, and userdb does not tell of its user", LOSS)

enum reason {
#define X(name, text, weight) REASON_##name,
	REASONS(X)
#undef X
		REASONS_COUNT
};

static inline const char *reason_text(enum reason reason)
{
	static const char *const texts[] = {
#define X(name, text, weight) text,
		REASONS(X)
#undef X
	};

	return texts[reason];
}

static inline enum reason_weight reason_weight(enum reason reason)
{
	static const unsigned char weights[] = {
#define X(name, text, weight) REASON_##weight,
		REASONS(X)
#undef X
	};

	return (enum reason_weight)weights[reason];
}

#endif

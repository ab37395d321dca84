/* SPDX-License-Identifier: MIT */
/*
 * What is to be recorded, and how: the modes that are switched on and the users
 * that are wanted. Pure. Where a rule comes from (options, -c FILE, a saved
 * stream) does not matter to its readers.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

#include "rules/mode.h"
#include "base/str.h"

/*
 * The members of struct rule, X(type, name). They are lists so that none is
 * forgotten where rules are saved, loaded (rules.c) and compared (test_rules.c).
 * A saved rule is the word "way" and the values of RULE_HEAD, to which nothing
 * can be added, as old streams have these; then NAME and VALUE of RULE_SETTINGS.
 */
#define RULE_HEAD(X)                                                                               \
	X(const struct mode *, mode)                                                               \
	X(char *, protocol) /* owned; NULL: every one that no other rule of this mode names */     \
	X(struct log_flags, flags)
#define RULE_SETTINGS(X)                                                                           \
	X(char *, dir)			 /* owned; NULL: the mode has one of its own */            \
	X(const struct format *, format) /* the mode's, unless an option has set another */

/* A mode that is switched on. */
struct rule {
#define X(type, name) type name;
	RULE_HEAD(X) RULE_SETTINGS(X)
#undef X
};

/* What options say of the logs. */
struct log_options {
	struct log_flags flags; /* of the rawlog binary: for modes that follow its rules */
	bool flags_given;
};

#define RULES_MAX 32

/* Zero-initialise; rules_free() at the end. */
struct rules {
	struct rule all[RULES_MAX];
	unsigned int count;
	char **masks; /* of user names; none: every user */
	unsigned int masks_count;
	bool redact; /* credentials are replaced by a mark */
};

/* Takes copies of `protocol` and `dir` (both can be NULL). Returns the new rule, which `rules`
 * owns, or NULL if there are RULES_MAX already. Flags that the mode does not take are not set. */
struct rule *rules_add(struct rules *rules, const struct mode *mode, const char *protocol,
		       const struct log_flags *flags, const char *dir);
/* Adds copies of what `others` has: rules, masks, redaction. 0; -E2BIG: too many rules, of which
 * some were added. */
int rules_merge(struct rules *rules, const struct rules *others);
/* Applies the options to each rule whose mode takes them: in addition to the rule's own flags, or
 * `instead` of them. 0; -EINVAL: an option was given that no rule takes, which is appended to
 * `error` as a sentence. */
int rules_set_options(struct rules *rules, const struct log_options *options, bool instead,
		      struct str *error);
/* Does the rule of this number record this traffic of this protocol? */
bool rules_take(const struct rules *rules, unsigned int rule, enum traffic traffic,
		const char *protocol);
/* Does a rule record anything of this service? */
bool rules_need(const struct rules *rules, const struct service *service);
/* Does a rule record this traffic, of any protocol? */
bool rules_record(const struct rules *rules, enum traffic traffic);
/* Does a rule need the text inside TLS? */
bool rules_need_tls(const struct rules *rules);
/* Do files of these rules belong to root? */
bool rules_need_root(const struct rules *rules);
/* Do names of files depend on the zone of Dovecot's processes? Those of the rawlog program have the
 * host's, as script-login removes TZ (util/script-login.c, 2.3.19.1). */
bool rules_need_zone(const struct rules *rules);
/* Can a directory of these rules depend on the variable `name`? "": on any variable? */
bool rules_have_variable(const struct rules *rules, const char *name);
/* The rule of this mode that names `protocol` (NULL: the one that names none), or NULL. */
const struct rule *rules_find(const struct rules *rules, const struct mode *mode,
			      const char *protocol);
/* Does a rule of this mode record this protocol already? */
bool rules_have(const struct rules *rules, const struct mode *mode, const char *protocol);
/* Takes a copy. */
void rules_add_mask(struct rules *rules, const char *mask);
/* From now on every user is wanted. */
void rules_clear_masks(struct rules *rules);
/* Frees what it owns: no rules and no masks are left. */
void rules_free(struct rules *rules);

/* Does the user's name match a mask of -u, or are there none? `*` and `?` as in doveadm. */
bool rules_want_user(const struct rules *rules, const char *user);

/* As text, for a saved stream: appends NUL-terminated words. And back, into empty rules: 0, or
 * -EINVAL: then some may be loaded, and rules_free() frees them. */
void rules_save(const struct rules *rules, struct str *text);
int rules_load(struct rules *rules, const char *text, size_t size);

/* `*` any bytes, `?` any one byte, letters in either case: doveadm's wildcard_match_icase()
 * (lib/wildcard-match.c, 2.3.19.1). */
bool wildcard_match(const char *text, const char *mask);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets: processes by pid, command, cgroup, unit and user. */
#include "config/targets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/macro.h"
#include "base/parse.h"
#include "config/names.h"
#include "config/physical.h"

/* ---- One key ---- */

/* TASK_COMM_LEN without the NUL: the kernel cuts the names it shows in /proc/PID/comm here. */
#define COMMAND_MAX 15

/* The least number of bytes that a name has which matches. */
static size_t least_length(const char *glob) {
        size_t n = 0;

        for (const char *p = glob; *p; p++) {
                const char *end = *p == '[' ? strchr(p + 1 + (p[1] == '!' || p[1] == '^') + 1, ']') : NULL;

                if (*p == '*')
                        continue;
                if (*p == '\\' && p[1])
                        p++;
                else if (end && strlen(p) > 2)
                        p = end;
                n++;
        }
        return n;
}

static int check_command(const char *command, char **ret_error) {
        const char *base = strrchr(command, '/');
        char text[EXCERPT_MAX];

        if (*command == '/' && base[1])
                return error_setf(ret_error, -EINVAL, "'%s' is a path, must be a command's name "
                                                      "(did you mean '%.*s'?)",
                                  excerpt(text, command), COMMAND_MAX, base + 1);
        if (target_is_glob(command) && least_length(command) <= COMMAND_MAX)
                return 0;
        if (strlen(command) > COMMAND_MAX)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is longer than the %d bytes that the kernel keeps of it "
                                  "(did you mean '%.*s'?)",
                                  excerpt(text, command), COMMAND_MAX, COMMAND_MAX, command);
        return 0;
}

static int check_target_cgroup(const char *path, char **ret_error) {
        return check_cgroup(target_cgroup_path(path), ret_error);
}

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), k = strlen(end);

        return n >= k && streq(text + n - k, end);
}

static int check_unit_type(const char *unit, char **ret_error) {
        static const char *const with[] = { ".service", ".slice", ".scope", ".socket", ".mount", ".swap" };
        static const char *const without[] = { ".target", ".timer", ".path", ".device", ".automount" };
        char text[EXCERPT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(with); i++)
                if (ends_with(unit, with[i]) && strlen(unit) > strlen(with[i]))
                        return 0;
        for (size_t i = 0; i < ELEMENTSOF(without); i++)
                if (ends_with(unit, without[i]))
                        return error_setf(ret_error, -EINVAL, "'%s': units of the type %s have no processes",
                                          excerpt(text, unit), without[i] + 1);
        return error_setf(ret_error, -EINVAL, "'%s' is not the full name of a unit (did you mean '%s.service'?)",
                          excerpt(text, unit), text);
}

static int check_unit(const char *unit, char **ret_error) {
        static const char special[] = ":-_.\\@*?[]!^";
        char text[EXCERPT_MAX];
        const char *p = unit, *at;
        int r;

        while (isalnum((unsigned char) *p) || (*p && strchr(special, *p)))
                p++;
        if (*p == '/')
                return error_setf(ret_error, -EINVAL, "'%s' is a path, must be a unit's name "
                                                      "(a path is given as 'cgroup: %s')",
                                  excerpt(text, unit), text);
        if (*p)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is not a unit's name (such as 'ssh.service', as systemctl shows it)",
                                  excerpt(text, unit));
        r = check_unit_type(unit, ret_error);
        at = strchr(unit, '@');
        if (r == 0 && at && at[1] == '.' && at + 1 == strrchr(unit, '.'))
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is a template, which has no processes "
                                  "(did you mean '%.*s@*%s', every instance?)",
                                  excerpt(text, unit), (int) MIN(at - unit, (ptrdiff_t) EXCERPT_MAX), unit, at + 1);
        return r;
}

static int check_user(const char *user, char **ret_error) {
        char text[EXCERPT_MAX];
        uint64_t uid;

        if (isdigit((unsigned char) *user)) {
                /* the last one is no user: (uid_t) -1 */
                if (parse_u64(user, &uid) == 0 && uid < UINT32_MAX)
                        return 0;
        } else if (strlen(user) <= 256 && !strpbrk(user, ":/ \t\n") && *user != '-') {
                return 0;
        }
        return error_setf(ret_error, -EINVAL, "'%s' is neither a user's name nor a number of one", excerpt(text, user));
}

/* ---- One entry ---- */

static int init_target(void *object) {
        *(TargetConfig *) object = (TargetConfig) { .children = true, .node = TARGET_NO_NODE };
        return 0;
}

static void deinit_target(void *object) {
        target_config_deinit(object);
}

/* Physical memory, of the ops paddr. */
static bool is_memory(const TargetConfig *t) {
        return t->node != TARGET_NO_NODE || t->n_ranges > 0;
}

/* Which keys belong together. -EINVAL with the reason. */
static int check_keys(const TargetConfig *t, char **ret_error) {
        bool selects = t->cgroup || t->unit || t->user;

        if (is_memory(t) && (t->pid != 0 || t->command || selects || (t->node != TARGET_NO_NODE && t->n_ranges > 0)))
                return error_setf(ret_error, -EINVAL,
                                  "a target is a process, a 'node' or 'ranges' of memory: only one of them");
        if (is_memory(t))
                return 0;
        if (t->pid != 0 && t->command)
                return error_setf(ret_error, -EINVAL, "a target is either a 'pid' or a 'command', not both");
        if (t->pid != 0 && (selects || t->min_rss > 0))
                return error_setf(ret_error, -EINVAL, "a 'pid' is one process already: '%s' has no place beside it",
                                  t->cgroup ? "cgroup" : t->unit ? "unit" : t->user ? "user" : "min_rss");
        if (t->pid == 0 && !t->command && !selects)
                return error_setf(ret_error, -EINVAL, "a target needs a 'pid' or a 'command', or a 'cgroup', a 'unit' "
                                                      "or a 'user'%s",
                                  t->min_rss > 0 ? " ('cgroup: /' stands for every process)" : "");
        return 0;
}

int target_config_validate(const TargetConfig *t, char **ret_error) {
        const struct {
                const char *text;
                int (*check)(const char *text, char **ret_error);
        } rules[] = {
                { t->command, check_command },
                { t->cgroup, check_target_cgroup },
                { t->unit, check_unit },
                { t->user, check_user },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                if (!rules[i].text)
                        continue;
                if (!*rules[i].text)
                        return error_setf(ret_error, -EINVAL, "a text is empty");
                r = rules[i].check(rules[i].text, ret_error);
                if (r < 0)
                        return r;
        }
        return check_keys(t, ret_error);
}

/* What was given counts, even where it has no value that could be read. */
static int check_target(const SchemaPlace *place) {
        static char any[] = "*";
        const TargetConfig given = {
                .pid = schema_seen(place, "pid"),
                .command = schema_seen(place, "command") ? any : NULL,
                .cgroup = schema_seen(place, "cgroup") ? any : NULL,
                .unit = schema_seen(place, "unit") ? any : NULL,
                .user = schema_seen(place, "user") ? any : NULL,
                .min_rss = schema_seen(place, "min_rss"),
                .node = schema_seen(place, "node") ? 0 : TARGET_NO_NODE,
                .n_ranges = schema_seen(place, "ranges"),
        };
        _cleanup_free_ char *reason = NULL;

        /* what is wrong with a key was said there */
        if (!place->clean && !(given.pid && given.command))
                return 0;
        if (check_keys(&given, &reason) == 0)
                return physical_check_target(place);
        return reason ? schema_error(place->errors, place->node, "%s", reason) : -ENOMEM;
}

/* What is looked for by what it is needs no parent that leads to it. */
static bool has_children(const void *object) {
        const TargetConfig *t = object;

        return t->pid != 0 || t->command || (!t->cgroup && !t->unit && !t->user && !is_memory(t));
}

static bool has_size(const void *object) {
        const TargetConfig *t = object;

        return t->pid == 0 && !is_memory(t);
}

static const SchemaField target_fields[] = {
        { .key = "pid",
          .type = SCHEMA_PID,
          .offset = offsetof(TargetConfig, pid),
          .min = 1,
          .max = INT32_MAX,
          .unset = "none",
          .doc = "The process to watch. "
                 "A process that is gone, or whose ID has passed to another, ends the target." },
        { .key = "command",
          .type = SCHEMA_STRING,
          .offset = offsetof(TargetConfig, command),
          .check = check_command,
          .unset = "none",
          .doc = "Every process of that name, now and later, instead of a single one. "
                 "Compared with /proc/PID/comm, which holds 15 bytes. "
                 "It may be a pattern such as php-fpm*, as in fnmatch(3)." },
        { .key = "cgroup",
          .type = SCHEMA_STRING,
          .offset = offsetof(TargetConfig, cgroup),
          .max = 4095,
          .check = check_target_cgroup,
          .unset = "none",
          .doc = "Every process in that control group (of cgroup v2) and in all below it, now and later. "
                 "A path from /sys/fs/cgroup on, with or without that in front. "
                 "The group may come later, and come back." },
        { .key = "unit",
          .type = SCHEMA_STRING,
          .offset = offsetof(TargetConfig, unit),
          .max = 255,
          .check = check_unit,
          .unset = "none",
          .doc = "Every process of that unit of systemd, now and later, written as systemctl shows it: a service, a "
                 "scope, or a slice with all that is in it. "
                 "It may be a pattern, as of all instances: getty@*.service. "
                 "Units of the system are meant; together with user, those of that user's manager as well." },
        { .key = "user",
          .type = SCHEMA_STRING,
          .offset = offsetof(TargetConfig, user),
          .check = check_user,
          .unset = "none",
          .doc = "Every process of that user, by name or number, now and later: the effective one, as in ps(1)." },
        { .key = "min_rss",
          .type = SCHEMA_SIZE,
          .offset = offsetof(TargetConfig, min_rss),
          .usual = UINT64_C(100) << 20,
          .applies = has_size,
          .only = "targets other than a pid or memory",
          .unset = "any size",
          .doc = "Of those, only processes with at least so much resident memory. "
                 "One that falls below half of it is let go." },
        { .key = "children",
          .type = SCHEMA_BOOL,
          .offset = offsetof(TargetConfig, children),
          .applies = has_children,
          .only = "targets with a pid or a command",
          .doc = "Whether processes forked by the target are watched too, each as a target of its "
                 "own. Only with pid or command." },
        PHYSICAL_TARGET_FIELDS,
};

const SchemaMap target_map = {
        .where = "in a target",
        .doc = "What to watch: a pid, or one or several of command, cgroup, unit, user and min_rss: then processes "
               "that are all of that. With the ops paddr: one of node and ranges.",
        .fields = target_fields,
        .n_fields = ELEMENTSOF(target_fields),
        .size = sizeof(TargetConfig),
        .init = init_target,
        .deinit = deinit_target,
        .check = check_target,
};

/* ---- The list ---- */

static bool same_text(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static const char *path_of(const TargetConfig *t) {
        return t->cgroup ? target_cgroup_path(t->cgroup) : NULL;
}

/* The name alone decides, whatever is said of its children. */
static bool same_target(const TargetConfig *a, const TargetConfig *b) {
        if (a->pid != 0 || b->pid != 0)
                return a->pid == b->pid;
        if (a->node != TARGET_NO_NODE || b->node != TARGET_NO_NODE)
                return a->node == b->node;
        if (!a->command && !a->cgroup && !a->unit && !a->user)
                return false; /* ranges, or wrong already */
        return same_text(a->command, b->command) && same_text(a->unit, b->unit) && same_text(a->user, b->user) &&
               a->min_rss == b->min_rss &&
               same_text(path_of(a), path_of(b));
}

int check_targets(const YamlNode *list, const TargetConfig *targets, size_t n, ConfigErrors *errors) {
        size_t i = 0;
        int r = 0;

        if (!list || n == 0)
                return 0;

        for (const YamlNode *node = list->first; node && r == 0; node = node->next, i++) {
                const YamlNode *first = list->first;
                size_t j = 0;

                for (; j < i && !same_target(&targets[j], &targets[i]); j++)
                        first = first->next;
                if (j < i)
                        r = schema_error(errors, node, "the same target as at %u:%u", first->line, first->column);
        }
        return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamond.conf: the tables of its sections. */
#include "config/settings.h"

#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/macro.h"
#include "config/errors.h"
#include "config/ini.h"
#include "config/names.h"
#include "config/schema-doc.h"
#include "config/schema-value.h"
#include "config/suggest.h"

#define SOCKET_PATH_MAX 107 /* sun_path without its NUL */

/* Behind a path a comment would be easily taken for part of it. */
static int check_path(const char *path, char **ret_error) {
        char text[EXCERPT_MAX];

        if (*path != '/')
                return error_setf(ret_error, -EINVAL, "'%s' is no absolute path", excerpt(text, path));
        if (strpbrk(path, " \t\"'"))
                return error_setf(ret_error, -EINVAL,
                                  "a blank or a quotation mark in '%s'; a comment needs a line of its own",
                                  excerpt(text, path));
        return 0;
}

static const SchemaChoice log_levels[] = {
        { "error", "What failed.", NULL },
        { "warning", "What will not work as it was meant.", NULL },
        { "notice", "What an administrator wants to know.", NULL },
        { "info", "What begins and ends.", NULL },
        { "debug", "More.", NULL },
        {},
};

static const SchemaField daemon_fields[] = {
        { .key = "socket",
          .type = SCHEMA_STRING,
          .offset = offsetof(Settings, socket),
          .max = SOCKET_PATH_MAX,
          .check = check_path,
          .unset = "the socket that the service manager passes under the name varlink, else "
                   "/run/udamon/io.udamon.monitor",
          .doc = "Listen on this path. Counts when the daemon starts." },
        { .key = "monitors",
          .type = SCHEMA_STRING,
          .offset = offsetof(Settings, monitors),
          .check = check_path,
          .unset = "the usual directories, see FILES",
          .doc = "Read the monitors from this file, or from the files *.yaml of this directory, instead." },
        { .key = "log_level",
          .type = SCHEMA_CHOICE,
          .offset = offsetof(Settings, log_level),
          .choices = log_levels,
          .doc = "Log what is at least so urgent:" },
        { .key = "state_directory",
          .type = SCHEMA_STRING,
          .offset = offsetof(Settings, state_directory),
          .check = check_path,
          .unset = "the one that the service manager gives it, else /var/lib/udamon",
          .doc = "Keep here what is worth keeping over a restart. Counts when the daemon starts." },
        { .key = "cpu_limit",
          .type = SCHEMA_SHARE,
          .offset = offsetof(Settings, cpu_limit),
          .min = SCHEMA_SHARE_ONE / 10000,
          .max = SCHEMA_SHARE_ONE,
          .word = "none",
          .doc = "What monitoring may take of one CPU, see udamond(8)." },
};

static const SchemaField access_fields[] = {
        { .key = "read_group",
          .type = SCHEMA_STRING,
          .offset = offsetof(Settings, read_group),
          .max = 31,
          .check = check_name,
          .doc = "Members of this group may look at everything. "
                 "The socket belongs to it, where the daemon makes the socket itself; else the socket unit "
                 "says who may connect." },
        { .key = "admin_group",
          .type = SCHEMA_STRING,
          .offset = offsetof(Settings, admin_group),
          .max = 31,
          .check = check_name,
          .doc = "Members of this group may also change things. "
                 "A group that does not exist has no members; root may do everything in any case." },
};

static const SchemaField limit_fields[] = {
        { .key = "connections",
          .type = SCHEMA_U32,
          .offset = offsetof(Settings, connections),
          .min = 1,
          .max = 1024,
          .doc = "How many clients may be connected at once." },
        { .key = "connections_per_user",
          .type = SCHEMA_U32,
          .offset = offsetof(Settings, connections_per_user),
          .min = 1,
          .max = 1024,
          .doc = "How many of them may be one user's. Root is exempt from this limit and the next." },
        { .key = "streams_per_user",
          .type = SCHEMA_U32,
          .offset = offsetof(Settings, streams_per_user),
          .min = 1,
          .max = 1024,
          .doc = "How many streams of snapshots or events one user may have open." },
        { .key = "output",
          .type = SCHEMA_SIZE,
          .offset = offsetof(Settings, output),
          .min = UINT64_C(1) << 20,
          .max = UINT64_C(1) << 28,
          .doc = "How much may wait for a client to read it. "
                 "A client that is so far behind loses snapshots, or its connection." },
        { .key = "unfinished",
          .type = SCHEMA_DURATION,
          .offset = offsetof(Settings, unfinished),
          .min = NSEC_PER_SEC,
          .max = 3600 * NSEC_PER_SEC,
          .doc = "How long a client may take for a message that it has begun." },
        { .key = "unread",
          .type = SCHEMA_DURATION,
          .offset = offsetof(Settings, unread),
          .min = NSEC_PER_SEC,
          .max = 3600 * NSEC_PER_SEC,
          .doc = "How long a client may leave what waits for it unread." },
};

static const struct {
        const char *name;
        SchemaMap map; /* all of them read into the same struct */
} sections[] = {
        { "daemon",
          { .where = "in [daemon]",
            .doc = "The process.",
            .fields = daemon_fields,
            .n_fields = ELEMENTSOF(daemon_fields) } },
        { "access",
          { .where = "in [access]",
            .doc = "Who may do what with the socket, see udamond(8).",
            .fields = access_fields,
            .n_fields = ELEMENTSOF(access_fields) } },
        { "limits",
          { .where = "in [limits]",
            .doc = "What clients may take of the daemon.",
            .fields = limit_fields,
            .n_fields = ELEMENTSOF(limit_fields) } },
};

int settings_init(Settings *settings) {
        *settings = (Settings) {
                .log_level = 3,
                .read_group = strdup("udamon-read"),
                .admin_group = strdup("udamon-admin"),
                .cpu_limit = 0.01,
                .connections = SETTINGS_CONNECTIONS,
                .connections_per_user = SETTINGS_CONNECTIONS_PER_USER,
                .streams_per_user = SETTINGS_STREAMS_PER_USER,
                .output = SETTINGS_OUTPUT,
                .unfinished = SETTINGS_UNFINISHED,
                .unread = SETTINGS_UNREAD,
        };
        if (settings->read_group && settings->admin_group)
                return 0;
        settings_deinit(settings);
        return -ENOMEM;
}

void settings_deinit(Settings *settings) {
        free(settings->socket);
        free(settings->monitors);
        free(settings->state_directory);
        free(settings->read_group);
        free(settings->admin_group);
        *settings = (Settings) {};
}

/* ---- Reading ---- */

static int report_section(const YamlNode *node, ConfigErrors *errors) {
        Suggestion suggestion = SUGGESTION(node->key);
        char text[EXCERPT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                suggestion_consider(&suggestion, sections[i].name);
        excerpt(text, node->key);
        if (suggestion.best)
                return schema_error(errors, node, "unknown section [%s] (did you mean [%s]?)", text, suggestion.best);
        return schema_error(errors, node, "unknown section [%s]", text);
}

static int read_section(Settings *settings, const YamlNode *node, ConfigErrors *errors) {
        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (streq(sections[i].name, node->key))
                        return schema_read(&sections[i].map, node, settings, errors);
        return report_section(node, errors);
}

int settings_parse(Settings *settings, const char *text, size_t size, ConfigErrors *errors) {
        _cleanup_(yaml_tree_freep) YamlNode *root = NULL;
        size_t before = config_errors_count(errors);
        int r;

        r = ini_tree_read(text, size, &root, errors);
        if (r < 0)
                return r;
        for (const YamlNode *node = root->first; node && r == 0; node = node->next)
                r = read_section(settings, node, errors);
        if (r < 0)
                return r;
        return config_errors_count(errors) > before ? -EINVAL : 0;
}

/* ---- Single keys ---- */

static const SchemaField *find_field(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                for (size_t k = 0; k < sections[i].map.n_fields; k++)
                        if (streq(sections[i].map.fields[k].key, key))
                                return &sections[i].map.fields[k];
        return NULL;
}

int settings_set(Settings *settings, const char *key, const char *value, char **ret_error) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        YamlNode node = { .kind = YAML_KIND_SCALAR, .plain = true, .text = (char *) value };
        const SchemaField *field = find_field(key);
        int r;

        assert(field);
        r = schema_value_read(field, &node, settings, &errors);
        if (r < 0 || errors.n == 0)
                return r;
        return error_setf(ret_error, -EINVAL, "%s", errors.errors[0].text);
}

size_t settings_fixed_differences(const Settings *a, const Settings *b, const char **keys, size_t n) {
        static const char *const fixed[] = { "socket", "state_directory" };
        size_t found = 0;

        for (size_t i = 0; i < ELEMENTSOF(fixed); i++) {
                const SchemaField *field = find_field(fixed[i]);
                const char *x = *(char *const *) ((const char *) a + field->offset);
                const char *y = *(char *const *) ((const char *) b + field->offset);

                if (x == y || (x && y && streq(x, y)))
                        continue;
                if (found < n)
                        keys[found] = fixed[i];
                found++;
        }
        return found;
}

int settings_print_roff(FILE *out) {
        _cleanup_(settings_deinit) Settings defaults = {};
        char heading[64];
        int r;

        r = settings_init(&defaults);
        for (size_t i = 0; i < ELEMENTSOF(sections) && r == 0; i++) {
                (void) snprintf(heading, sizeof(heading), "[%s]", sections[i].name);
                r = schema_print_map_roff(&sections[i].map, &defaults, heading, out);
        }
        return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion. The shells' scripts ask here, so that there is one place that knows all words. */
#include "complete.h"

#include <stdio.h>

#include "base/dir.h"
#include "base/parse.h"
#include "connect.h"
#include "ctl.h"
#include "message.h"
#include "option-values.h"
#include "options.h"

/* Whoever presses Tab does not wait for a daemon that is stuck. */
#define PATIENCE_MS 1000

typedef struct Line {
        char **words; /* all in front of the one to complete */
        int n;
        const char *prefix; /* what there is of it */
        const char *glue;   /* what stands in front of the value within the same word ("--sort="); never NULL */
        Verb verb;
} Line;

static bool begins_with(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A word with a control character in it would be more than a line. */
static void offer(const Line *line, const char *word, const char *meaning) {
        for (const char *c = word; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return;
        if (begins_with(word, line->prefix))
                (void) printf("%s%s%s%s\n", line->glue, word, meaning ? "\t" : "", meaning ?: "");
}

static void offer_list(const Line *line, const char *const *words) {
        for (; *words; words++)
                offer(line, *words, NULL);
}

/* ---- What the daemon runs ---- */

static const char *socket_of(const Line *line) {
        for (int i = 0; i < line->n; i++) {
                if (begins_with(line->words[i], "--socket="))
                        return line->words[i] + strlen("--socket=");
                if (streq(line->words[i], "--socket") && i + 1 < line->n)
                        return line->words[i + 1];
        }
        return NULL;
}

static json_t *ask(Connection *connection, const char *method, json_t *parameters) {
        _cleanup_free_ char *error = NULL;
        json_t *reply = NULL;

        if (wire_client_call(connection->client, method, parameters, &reply, &error) == 0)
                return reply;
        json_decref(reply);
        return NULL;
}

static void offer_monitor(const Line *line, Connection *connection, json_t *monitor, bool schemes, bool alone) {
        const char *name = json_string_value(json_object_get(monitor, "name"));
        _cleanup_json_ json_t *reply = NULL;
        json_t *scheme;
        size_t i;

        if (!name)
                return;
        if (!schemes) {
                offer(line, name, json_string_value(json_object_get(json_object_get(monitor, "runtime"), "state")));
                return;
        }
        reply = ask(connection, MONITOR_INTERFACE "GetSchemes", name_parameters(name));
        json_array_foreach(json_object_get(reply, "schemes"), i, scheme) {
                const char *own = json_string_value(json_object_get(scheme, "name"));
                const char *action = json_string_value(json_object_get(json_object_get(scheme, "context"), "action"));
                char full[512];

                (void) snprintf(full, sizeof(full), "%s/%s", name, own ?: "");
                offer(line, full, action);
                if (alone && own)
                        offer(line, own, action);
        }
}

/* Monitors, or their schemes as MONITOR/SCHEME; where one monitor runs, the schemes alone, too. */
static void offer_running(const Line *line, bool schemes) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *status = NULL;
        json_t *monitors, *monitor;
        size_t i;

        if (!connection_try(&connection, socket_of(line)))
                return;
        wire_client_set_timeout(connection.client, PATIENCE_MS);
        status = ask(&connection, MONITOR_INTERFACE "GetStatus", NULL);
        monitors = json_object_get(json_object_get(status, "runtime"), "monitors");
        json_array_foreach(monitors, i, monitor)
                offer_monitor(line, &connection, monitor, schemes, json_array_size(monitors) == 1);
}

/* ---- Processes ---- */

static bool read_command(const char *pid, char *command, size_t size) {
        char path[64];
        FILE *file;
        bool read;

        (void) snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
        file = fopen(path, "re");
        if (!file)
                return false;
        read = fgets(command, (int) size, file);
        (void) fclose(file);
        if (read)
                command[strcspn(command, "\n")] = '\0';
        return read;
}

/* By pid, or by the name of their command. */
static void offer_processes(const Line *line, bool pids) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc");
        struct dirent *entry;
        char command[64];
        uint64_t pid;

        while (dir && (entry = readdir(dir)))
                if (parse_u64(entry->d_name, &pid) == 0 && read_command(entry->d_name, command, sizeof(command)))
                        offer(line, pids ? entry->d_name : command, pids ? text_sanitize(command) : NULL);
}

/* ---- Values, options, words ---- */

static void complete_value(const Line *line, const OptionInfo *option) {
        const char *const *choices = option_choices(option->value);

        if (choices)
                offer_list(line, choices);
        else if (streq(option->value, "FILE") || streq(option->value, "PATH"))
                (void) puts(":files");
        else if (streq(option->value, "PID"))
                offer_processes(line, true);
        else if (streq(option->name, "command"))
                offer_processes(line, false);
        else if (streq(option->name, "monitor"))
                offer_running(line, false);
}

static void offer_options(const Line *line) {
        OptionInfo option;
        char word[64];

        for (size_t i = 0; (i = options_next(i, line->verb, &option)) > 0;) {
                (void) snprintf(word, sizeof(word), "--%s", option.name);
                offer(line, word, option.help);
        }
}

/* The option that a word is ("--sort", "-i"), which may go on after its name. */
static bool find_option(const Line *line, const char *word, size_t length, OptionInfo *ret) {
        for (size_t i = 0; (i = options_next(i, line->verb, ret)) > 0;) {
                if (length > 2 && word[0] == '-' && word[1] == '-' && strlen(ret->name) == length - 2 &&
                    strncmp(ret->name, word + 2, length - 2) == 0)
                        return true;
                if (length == 2 && word[0] == '-' && ret->letter && ret->letter == word[1])
                        return true;
        }
        return false;
}

/* Takes the next word as its value. */
static bool wants_value(const Line *line, const char *word, OptionInfo *ret) {
        return find_option(line, word, strlen(word), ret) && ret->value && ret->value[0] != '[';
}

static void complete_scheme(const Line *line, char **operands, int n) {
        static const char *const what[] = { "enable", "disable", "dry-run", "set", "input", NULL };
        static const char *const on_off[] = { "on", "off", NULL };
        static const char *const keys[] = {
                "enabled=", "dry_run=", "apply_interval=", "access_pattern.sz=", "access_pattern.access_rate=",
                "access_pattern.age=", "quotas.sz=", "quotas.time=", "quotas.reset_interval=", "watermarks.high=",
                "watermarks.mid=", "watermarks.low=", NULL,
        };

        if (n == 0)
                offer_list(line, what);
        else if (n == 1)
                offer_running(line, true);
        else if (streq(operands[0], "dry-run"))
                offer_list(line, on_off);
        else if (streq(operands[0], "set"))
                offer_list(line, keys);
}

#define VERBS_NAMED (VERBS_FRAMES | VERB_STOP | VERB_RECORD | VERB_SCHEMES | VERB_EVENTS)

static void complete_operand(const Line *line) {
        char *operands[3] = {};
        OptionInfo option;
        int n = 0;

        for (int i = 2; i < line->n; i++) {
                if (line->words[i][0] == '-')
                        i += wants_value(line, line->words[i], &option);
                else if (n < (int) ELEMENTSOF(operands))
                        operands[n++] = line->words[i];
        }
        if (line->verb == VERB_RUN)
                (void) puts(n == 0 ? ":commands" : ":files");
        else if (line->verb == VERB_SCHEME)
                complete_scheme(line, operands, n);
        else if (line->verb == VERB_CONFIG && n == 0)
                offer(line, "show", NULL);
        else if ((line->verb & VERBS_NAMED) && n == 0)
                offer_running(line, false);
}

static bool find_verb(Line *line, const char *name) {
        const char *purpose, *verb;

        for (size_t i = 0; (verb = ctl_verb_name(i, &line->verb, &purpose)); i++)
                if (streq(verb, name))
                        return true;
        return false;
}

static void offer_verbs(const Line *line) {
        const char *purpose, *name;
        Verb verb;

        for (size_t i = 0; (name = ctl_verb_name(i, &verb, &purpose)); i++)
                offer(line, name, purpose);
}

static void complete_line(Line *line) {
        const char *last = line->words[line->n - 1], *equals = strchr(line->prefix, '=');
        char glue[64];
        OptionInfo option;

        if (line->n == 1 || (line->n == 2 && streq(last, "help"))) {
                offer_verbs(line);
                return;
        }
        if (!find_verb(line, line->words[1]))
                return;
        for (int i = 2; i < line->n && line->verb == VERB_RUN; i++)
                if (streq(line->words[i], "--")) {
                        (void) puts(i + 1 == line->n ? ":commands" : ":files");
                        return;
                }
        if (begins_with(line->prefix, "--") && equals) {
                if (!find_option(line, line->prefix, (size_t) (equals - line->prefix), &option) || !option.value)
                        return;
                (void) snprintf(glue, sizeof(glue), "--%s=", option.name);
                line->glue = glue;
                line->prefix = equals + 1;
                complete_value(line, &option);
        } else if (line->n > 2 && wants_value(line, last, &option))
                complete_value(line, &option);
        else if (line->prefix[0] == '-')
                offer_options(line);
        else
                complete_operand(line);
}

int complete(int argc, char **argv) {
        uint64_t index;
        Line line;

        if (argc < 2 || parse_u64(argv[0], &index) < 0 || index < 1 || index > (uint64_t) argc - 1)
                return fail(CTL_USAGE, "complete: for the completion of shells; see udamonctl(1)");
        line = (Line) {
                .words = argv + 1,
                .n = (int) index,
                .prefix = index < (uint64_t) argc - 1 ? argv[index + 1] : "",
                .glue = "",
        };
        complete_line(&line);
        return 0;
}

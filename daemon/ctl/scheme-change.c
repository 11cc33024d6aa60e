/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `scheme`: changing one scheme while it runs. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "connect.h"
#include "message.h"
#include "settings.h"
#include "verbs.h"
#include "view.h"

/* What is to be done, to which scheme. */
typedef struct Change {
        const char *scheme;
        char *monitor;  /* NULL: the only one */
        char *settings; /* YAML; NULL: an input */
        double input;
} Change;

static void change_deinit(Change *change) {
        free(change->monitor);
        free(change->settings);
}

typedef int (*ChangeParse)(Change *change, const char *const *words, size_t n);

static int fixed_settings(Change *change, const char *settings) {
        change->settings = strdup(settings);
        return change->settings ? 0 : -ENOMEM;
}

static int no_more(const char *const *words, size_t n) {
        return n > 0 ? fail(CTL_USAGE, "'%s': one scheme at a time, as SCHEME or MONITOR/SCHEME", words[0]) : 0;
}

static int parse_enable(Change *change, const char *const *words, size_t n) {
        int r = no_more(words, n);

        return r != 0 ? r : fixed_settings(change, "{enabled: true}");
}

static int parse_disable(Change *change, const char *const *words, size_t n) {
        int r = no_more(words, n);

        return r != 0 ? r : fixed_settings(change, "{enabled: false}");
}

static int parse_dry_run(Change *change, const char *const *words, size_t n) {
        if (n > 1)
                return no_more(words + 1, n - 1);
        if (n == 0 || streq(words[0], "on"))
                return fixed_settings(change, "{dry_run: true}");
        if (streq(words[0], "off"))
                return fixed_settings(change, "{dry_run: false}");
        return fail(CTL_USAGE, "scheme dry-run: '%s' is neither on nor off", words[0]);
}

static int parse_set(Change *change, const char *const *words, size_t n) {
        _cleanup_free_ char *error = NULL;
        int r;

        if (n == 0)
                return fail(CTL_USAGE, "scheme set: which setting? Give KEY=VALUE, such as quotas.sz=64MiB; "
                                       "'udamonctl config show' lists all");
        r = settings_compose(words, n, &change->settings, &error);
        return r == -EINVAL ? fail(CTL_USAGE, "scheme set: %s", error) : r;
}

static int parse_input(Change *change, const char *const *words, size_t n) {
        char *end;

        if (n == 0)
                return fail(CTL_USAGE, "scheme input: which value? Give a number in the unit of the goal's target");
        if (n > 1)
                return no_more(words + 1, n - 1);
        errno = 0;
        change->input = strtod(words[0], &end);
        /* hexadecimal and the like would be read by nobody as it was meant */
        if (end == words[0] || *end || errno != 0 || !isfinite(change->input) ||
            words[0][strspn(words[0], "0123456789.eE+-")])
                return fail(CTL_USAGE, "scheme input: '%s' is not a number", words[0]);
        return 0;
}

static const struct {
        const char *name;
        ChangeParse parse;
} kinds[] = {
        { "enable", parse_enable }, { "disable", parse_disable }, { "dry-run", parse_dry_run },
        { "set", parse_set },       { "input", parse_input },
};

static int unknown_kind(const char *word) {
        const char *names[ELEMENTSOF(kinds)], *near;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                names[i] = kinds[i].name;
        near = nearest_name(word, names, ELEMENTSOF(kinds));
        if (near)
                return fail(CTL_USAGE, "scheme: unknown word '%s' (did you mean %s?)", word, near);
        return fail(CTL_USAGE, "scheme: unknown word '%s'; there is: enable, disable, dry-run, set, input", word);
}

/* "MONITOR/SCHEME", or just "SCHEME". */
static int parse_name(Change *change, const char *name) {
        _cleanup_json_ json_t *string = json_string(name);
        const char *slash = strchr(name, '/');

        /* no name is anything but UTF-8 */
        if (!string || !*name || slash == name || (slash && (!slash[1] || strchr(slash + 1, '/'))))
                return fail(CTL_USAGE, "'%s' is not the name of a scheme: write SCHEME or MONITOR/SCHEME", name);
        if (slash) {
                change->monitor = strndup(name, (size_t) (slash - name));
                if (!change->monitor)
                        return -ENOMEM;
        }
        change->scheme = slash ? slash + 1 : name;
        return 0;
}

static int parse_change(Change *change, const Arguments *args) {
        int r;

        if (args->n_words == 0)
                return fail(CTL_USAGE, "scheme: what is to be done? enable, disable, dry-run, set or input; "
                                       "'udamonctl schemes' shows what there is");
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                if (!streq(args->words[0], kinds[i].name))
                        continue;
                if (args->n_words == 1)
                        return fail(CTL_USAGE, "scheme %s: which scheme? 'udamonctl schemes' lists them",
                                    kinds[i].name);
                r = parse_name(change, args->words[1]);
                return r != 0 ? r : kinds[i].parse(change, args->words + 2, args->n_words - 2);
        }
        return unknown_kind(args->words[0]);
}

static json_t *change_parameters(const Change *change) {
        json_t *parameters = name_parameters(change->monitor);
        json_t *scheme = json_string(change->scheme);

        if (!parameters || !scheme) {
                json_decref(parameters);
                json_decref(scheme);
                return NULL;
        }
        (void) json_object_set_new(parameters, "scheme", scheme);
        if (change->settings)
                (void) json_object_set_new(parameters, "settings", json_string(change->settings));
        else
                (void) json_object_set_new(parameters, "value", json_real(change->input));
        return parameters;
}

static int refused(const Change *change, const char *error, json_t *parameters) {
        char buf[256];

        if (streq(error, MONITOR_INTERFACE "NameNeeded"))
                return fail(CTL_USAGE, "there are several monitors: write MONITOR/%s, where MONITOR is one of: %s",
                            change->scheme,
                            join_names(json_object_get(parameters, "monitors"), buf, sizeof(buf)));
        return connection_refused(error, parameters, NULL);
}

static int show_input(const Arguments *args, const Change *change) {
        if (args->json)
                return print_json(json_pack("{s:s?, s:s, s:f}", "monitor", change->monitor, "scheme", change->scheme,
                                            "value", change->input));
        (void) printf("%s: the input is %g now\n", change->scheme, change->input);
        return verb_finish(0);
}

int verb_scheme(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_(change_deinit) Change change = {};
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = parse_change(&change, args);
        if (r == 0)
                r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_ask(&connection, change.settings ? "SetScheme" : "SetGoalInput",
                                   change_parameters(&change), &reply, &error);
        if (r != 0)
                return r;
        if (error)
                return refused(&change, error, reply);
        if (!change.settings)
                return show_input(args, &change);
        return args->json ? print_json(TAKE_PTR(reply)) : verb_finish(view_scheme_line(&screen, reply));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `config show` and `reload`: the daemon's configuration as a whole. */
#include <stdio.h>

#include "connect.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

static int check_words(const Arguments *args) {
        static const char *const known[] = { "show" };
        const char *near;

        if (args->n_words == 0)
                return fail(CTL_USAGE, "config: what is to be done? 'udamonctl config show' prints it");
        if (!streq(args->words[0], "show")) {
                near = nearest_name(args->words[0], known, ELEMENTSOF(known));
                return fail(CTL_USAGE, "config: unknown word '%s'%s", args->words[0],
                            near ? " (did you mean show?)" : "; there is: show");
        }
        if (args->n_words > 1)
                return fail(CTL_USAGE, "'%s': 'config show' takes no operand", args->words[1]);
        return 0;
}

int verb_config(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        const char *yaml;
        int r;

        r = check_words(args);
        if (r == 0)
                r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "GetConfig", json_object(), &reply);
        if (r != 0)
                return r;
        yaml = json_text(reply, "yaml");
        if (!yaml)
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no yaml");
        if (args->json)
                return print_json(TAKE_PTR(reply));
        (void) fputs(yaml, stdout);
        if (*yaml && yaml[strlen(yaml) - 1] != '\n')
                (void) fputc('\n', stdout);
        return verb_finish(0);
}

/* "started   web, db"; nothing for an empty list. */
static void print_names(const Screen *screen, const char *label, json_t *names) {
        size_t at = 0, i;
        json_t *item;

        if (json_array_size(names) == 0)
                return;
        at = (size_t) fprintf(screen->out, "%-10s", label);
        json_array_foreach(names, i, item) {
                _cleanup_free_ char *name = display_name(json_string_value(item) ? json_string_value(item) : "?", 64);
                size_t length = name ? strlen(name) : 1;

                if (i > 0 && at + 2 + length > screen->width)
                        at = (size_t) fprintf(screen->out, ",\n%10s", "") - 2;
                else if (i > 0)
                        at += (size_t) fprintf(screen->out, ", ");
                at += (size_t) fprintf(screen->out, "%s", name ? name : "?");
        }
        (void) fputc('\n', screen->out);
}

int verb_reload(const Arguments *args) {
        static const char *const kinds[] = { "started", "changed", "stopped", "unchanged" };
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        size_t total = 0, at;
        json_t *key;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "Reload", json_object(), &reply);
        if (r != 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                json_t *names = json_object_get(reply, kinds[i]);

                if (!json_is_array(names))
                        return fail(CTL_REFUSED, "the daemon's reply is malformed: no %s", kinds[i]);
                total += json_array_size(names);
        }
        if (args->json)
                return print_json(TAKE_PTR(reply));
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                print_names(&screen, kinds[i], json_object_get(reply, kinds[i]));
        json_array_foreach(json_object_get(reply, "restart_needed"), at, key)
                (void) printf("%s has changed, which counts only when the daemon starts again\n",
                              json_string_value(key) ? json_string_value(key) : "?");
        if (total == 0)
                (void) puts("the configuration holds no monitor, and none was stopped");
        return verb_finish(0);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `schemes`: what the schemes of one monitor, or of all, see and do. */
#include <errno.h>
#include <stdio.h>

#include "connect.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

/* More entries than any daemon keeps would only be refused. */
#define LOG_MAX UINT64_C(256)

static json_t *log_parameters(const Arguments *args, const char *name) {
        json_t *parameters = name_parameters(name);

        if (parameters && args->limit > 0)
                (void) json_object_set_new(parameters, "limit",
                                           json_integer((json_int_t) MIN(args->limit, LOG_MAX)));
        return parameters;
}

/* The reply for one monitor; *ret_error as in connection_ask(). */
static int ask_one(Connection *connection, const Arguments *args, const char *name, json_t **ret, char **ret_error) {
        int r;

        if (args->log)
                r = connection_ask(connection, "GetSchemeLog", log_parameters(args, name), ret, ret_error);
        else
                r = connection_ask(connection, "GetSchemes", name_parameters(name), ret, ret_error);
        if (r != 0 || *ret_error)
                return r;
        if (!json_text(*ret, "monitor") || !json_is_array(json_object_get(*ret, args->log ? "acts" : "schemes")))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no monitor or %s",
                            args->log ? "acts" : "schemes");
        return 0;
}

/* A monitor may be stopped between the list and the question: then it is not there. */
static int add_one(Connection *connection, const Arguments *args, const char *name, bool must, json_t *monitors) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = ask_one(connection, args, name, &reply, &error);
        if (r != 0)
                return r;
        if (error && !must && streq(error, MONITOR_INTERFACE "NoSuchMonitor"))
                return 0;
        if (error)
                return connection_refused(error, reply, NULL);
        return json_array_append(monitors, reply) < 0 ? -ENOMEM : 0;
}

static int add_all(Connection *connection, const Arguments *args, json_t *monitors) {
        _cleanup_json_ json_t *status = NULL;
        json_t *list, *item;
        size_t i;
        int r;

        r = connection_call(connection, "GetStatus", json_object(), &status);
        if (r != 0)
                return r;
        list = json_object_get(json_object_get(status, "runtime"), "monitors");
        if (!json_is_array(list))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no runtime.monitors");
        json_array_foreach(list, i, item) {
                const char *name = json_text(item, "name");

                r = name ? add_one(connection, args, name, false, monitors) : 0;
                if (r != 0)
                        return r;
        }
        return 0;
}

static int show(const Screen *screen, const Arguments *args, json_t *monitors) {
        json_t *item;
        size_t i;
        int r;

        json_array_foreach(monitors, i, item) {
                if (i > 0)
                        (void) fputc('\n', screen->out);
                r = args->log ? view_scheme_log(screen, item) : view_schemes(screen, item);
                if (r != 0)
                        return r;
        }
        if (json_array_size(monitors) == 0)
                (void) fputs("no monitors: start one with 'udamonctl start --pid PID --scheme FILE'\n", screen->out);
        return 0;
}

int verb_schemes(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *monitors = json_array();
        Screen screen = screen_for(stdout, args);
        int r;

        if (!monitors)
                return -ENOMEM;
        r = connection_open(&connection, args->socket);
        if (r != 0)
                return r;
        r = args->operand ? add_one(&connection, args, args->operand, true, monitors)
                          : add_all(&connection, args, monitors);
        if (r != 0)
                return r;
        return args->json ? print_json(json_pack("{s:O}", "monitors", monitors))
                          : verb_finish(show(&screen, args, monitors));
}

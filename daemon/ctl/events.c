/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `events`: what the daemon decided, did and refused, and why; as it happens, too. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "connect.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

/* Without --limit, so much of what was before is shown to whoever follows. */
#define FOLLOW_BEFORE 10

static json_t *parameters_of(const Arguments *args) {
        json_t *parameters = args->operand ? json_pack("{s:s}", "monitor", args->operand) : json_object();
        uint64_t limit = args->limit > 0 ? args->limit : args->follow ? FOLLOW_BEFORE : 0;

        if (parameters && limit > 0)
                (void) json_object_set_new(parameters, "limit",
                                           json_integer((json_int_t) MIN(limit, (uint64_t) INT64_MAX)));
        return parameters;
}

static int check_reply(json_t *reply) {
        return json_is_array(json_object_get(reply, "events"))
                       ? 0 : fail(CTL_REFUSED, "the daemon's reply is malformed: no events");
}

/* One document a line: a reader takes them as they come. */
static int print_lines(json_t *events) {
        json_t *event;
        size_t i;
        int r = 0;

        json_array_foreach(events, i, event) {
                r = print_json(json_incref(event));
                if (r != 0)
                        break;
        }
        return r;
}

static int show(const Screen *screen, const Arguments *args, json_t *reply) {
        int r = check_reply(reply);

        if (r != 0)
                return r;
        if (args->json)
                return print_lines(json_object_get(reply, "events"));
        return verb_finish(view_events(screen, reply));
}

static int follow(const Screen *screen, const Arguments *args, Connection *connection) {
        bool continues = true;
        int r;

        r = wire_client_start(connection->client, MONITOR_INTERFACE "GetEvents", parameters_of(args));
        if (r != 0)
                return connection_broken(r);
        while (continues) {
                _cleanup_json_ json_t *reply = NULL;
                _cleanup_free_ char *error = NULL;

                r = wire_client_next(connection->client, &continues, &reply, &error);
                if (r == -EINTR) {
                        continues = true;
                        continue;
                }
                if (r == WIRE_E_ERROR)
                        return connection_refused(error, reply, NULL);
                if (r != 0)
                        return connection_broken(r);
                r = show(screen, args, reply);
                if (r != 0)
                        return r;
        }
        return fail(CTL_NO_DAEMON, "the daemon has ended");
}

int verb_events(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = connection_open(&connection, args->socket);
        if (r != 0)
                return r;
        if (args->follow)
                return follow(&screen, args, &connection);
        r = connection_call(&connection, "GetEvents", parameters_of(args), &reply);
        if (r == 0)
                r = check_reply(reply);
        if (r != 0)
                return r;
        if (args->json)
                return print_json(TAKE_PTR(reply));
        if (json_array_size(json_object_get(reply, "events")) == 0)
                (void) fputs(args->operand ? "nothing has happened to it yet\n" : "nothing has happened yet\n", stdout);
        return verb_finish(view_events(&screen, reply));
}

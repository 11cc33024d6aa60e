/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections to a daemon, and its errors in words. */
#include "connect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/format.h"
#include "private.h"
#include "message.h"

static const char *socket_path(const char *path) {
        const char *env;

        if (path)
                return path;
        env = getenv("UDAMON_SOCKET");
        return env && *env ? env : SOCKET_DEFAULT;
}

int connection_open(Connection *connection, const char *path) {
        int r;

        path = socket_path(path);
        r = wire_client_connect(path, &connection->client, NULL);
        switch (r) {
        case 0:
                return 0;
        case -ENOENT:
        case -ECONNREFUSED:
        case -ENOTSOCK:
        case -ENOTDIR:
                return fail(CTL_NO_DAEMON,
                            "no udamond on %s (%s): start one as root with 'udamond --socket %s', or "
                            "watch a command without one: 'udamonctl run -- CMD'",
                            path,
                            r == -ENOENT         ? "no such file"
                            : r == -ECONNREFUSED ? "connection refused"
                                                 : "not a socket",
                            path);
        case -EACCES:
        case -EPERM:
                return fail(CTL_DENIED,
                            "not permitted to use %s: be root or join the group udamon-read "
                            "(udamon-admin to start and stop monitors)",
                            path);
        case -ENOMEM:
                return r;
        default:
                return fail(CTL_NO_DAEMON, "cannot connect to %s: %s", path, error_text(r));
        }
}

bool connection_try(Connection *connection, const char *path) {
        return wire_client_connect(socket_path(path), &connection->client, NULL) == 0;
}

int connection_open_private(Connection *connection) {
        _cleanup_close_ int fd = -1;
        int r;

        r = private_daemon_start(&fd, &connection->daemon);
        if (r != 0)
                return r;
        return wire_client_new_fd(TAKE_FD(fd), &connection->client);
}

void connection_close(Connection *connection) {
        connection->client = wire_client_free(connection->client);
        if (connection->daemon > 0)
                private_daemon_reap(connection->daemon);
        *connection = CONNECTION_NONE;
}

json_t *name_parameters(const char *name) {
        return name ? json_pack("{s:s}", "name", name) : json_object();
}

/* "a, b, c" from an array of strings, for messages. */
static char *join_names(json_t *names, char *buf, size_t size) {
        json_t *item;
        size_t i, used = 0;

        buf[0] = 0;
        json_array_foreach(names, i, item) {
                const char *name = json_string_value(item);
                int n = snprintf(buf + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 name ? name : "?");

                if (n < 0 || (size_t) n >= size - used)
                        break;
                used += (size_t) n;
        }
        return buf;
}

static const char *text_of(json_t *parameters, const char *key) {
        const char *text = json_string_value(json_object_get(parameters, key));

        return text ? text : "?";
}

static int no_such_monitor(json_t *parameters) {
        json_t *monitors = json_object_get(parameters, "monitors");
        char buf[256];

        if (json_array_size(monitors) == 0)
                return fail(CTL_GONE,
                            "no monitor runs: start one with 'udamonctl start --pid PID', or watch "
                            "a command with 'udamonctl run -- CMD'");
        return fail(CTL_GONE, "no monitor is called '%s'; there is: %s",
                    text_of(parameters, "name"), join_names(monitors, buf, sizeof(buf)));
}

static int no_snapshot_yet(json_t *parameters) {
        char buf[FORMAT_MAX];
        json_int_t wait = json_integer_value(json_object_get(parameters, "wait_ns"));

        return fail(
                CTL_GONE, "monitor '%s' has no snapshot yet; its first window closes in about %s",
                text_of(parameters, "name"), format_duration(buf, wait > 0 ? (nsec_t) wait : 0));
}

static int monitor_error(const char *name, json_t *parameters) {
        char buf[256];

        if (streq(name, "NoSuchMonitor"))
                return no_such_monitor(parameters);
        if (streq(name, "NoSnapshotYet"))
                return no_snapshot_yet(parameters);
        if (streq(name, "NameNeeded"))
                return fail(CTL_USAGE, "there are several monitors; name one of: %s",
                            join_names(json_object_get(parameters, "monitors"), buf, sizeof(buf)));
        if (streq(name, "MonitorExists"))
                return fail(CTL_REFUSED,
                            "a monitor called '%s' runs already: stop it, or choose another --name",
                            text_of(parameters, "name"));
        if (streq(name, "TargetInvalid"))
                return fail(CTL_GONE, "%s cannot be watched: %s", text_of(parameters, "target"),
                            text_of(parameters, "reason"));
        if (streq(name, "SourceUnavailable"))
                return fail(
                        CTL_REFUSED,
                        "the source '%s' cannot be used here: %s ('udamonctl check' tells more)",
                        text_of(parameters, "source"), text_of(parameters, "reason"));
        if (streq(name, "RequestInvalid"))
                return fail(CTL_REFUSED, "the daemon does not accept the value of '%s': %s",
                            text_of(parameters, "parameter"), text_of(parameters, "reason"));
        if (streq(name, "TooManyMonitors"))
                return fail(CTL_REFUSED,
                            "the daemon's limit of %" PRIi64 " monitors is reached: stop one first",
                            (int64_t) json_integer_value(json_object_get(parameters, "limit")));
        if (streq(name, "TooManyStreams"))
                return fail(CTL_REFUSED,
                            "you follow %" PRIi64 " streams of snapshots already: end one first",
                            (int64_t) json_integer_value(json_object_get(parameters, "limit")));
        return fail(CTL_REFUSED, "the daemon refused: %s", name);
}

int connection_refused(const char *error, json_t *parameters) {
        static const char service[] = "org.varlink.service.";

        if (strncmp(error, MONITOR_INTERFACE, sizeof(MONITOR_INTERFACE) - 1) == 0)
                return monitor_error(error + sizeof(MONITOR_INTERFACE) - 1, parameters);
        if (strncmp(error, service, sizeof(service) - 1) != 0)
                return fail(CTL_REFUSED, "the daemon refused: %s", error);

        error += sizeof(service) - 1;
        if (streq(error, "PermissionDenied"))
                return fail(CTL_DENIED,
                            "the daemon does not permit this to you: be root, or join udamon-admin "
                            "(to change) or udamon-read (to look)");
        if (streq(error, "InvalidParameter"))
                return fail(CTL_REFUSED, "the daemon does not accept the value of '%s'",
                            text_of(parameters, "parameter"));
        if (streq(error, "MethodNotFound") || streq(error, "InterfaceNotFound"))
                return fail(CTL_REFUSED,
                            "whoever answers there is no udamond, or an older one than this client "
                            "(%s)",
                            error);
        return fail(CTL_REFUSED, "the daemon refused: %s", error);
}

int connection_broken(int outcome) {
        if (outcome == WIRE_E_CLOSED)
                return fail(CTL_NO_DAEMON, "the daemon closed the connection");
        if (outcome == WIRE_E_TIMEOUT)
                return fail(CTL_NO_DAEMON, "the daemon does not answer");
        if (outcome == -ENOMEM)
                return outcome;
        return fail(CTL_REFUSED, "talking to the daemon failed: %s", error_text(outcome));
}

int connection_call(Connection *connection, const char *method, json_t *parameters, json_t **ret) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        char full[128];
        int r;

        if (!parameters)
                return -ENOMEM;
        (void) snprintf(full, sizeof(full), MONITOR_INTERFACE "%s", method);
        r = wire_client_call(connection->client, full, parameters, &reply, &error);
        if (r == WIRE_E_ERROR)
                return connection_refused(error, reply);
        if (r != 0)
                return connection_broken(r);
        *ret = TAKE_PTR(reply);
        return 0;
}

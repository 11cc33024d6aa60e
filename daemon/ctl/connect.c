/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections to a daemon. */
#include "connect.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
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

/* A program that is being loaded, from a disk that is slow, is no daemon that hangs: there is no limit until its first
 * answer. One that fails to start closes the connection. */
static int wait_until_loaded(WireClient *client) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        wire_client_set_timeout(client, -1);
        r = wire_client_call(client, "org.varlink.service.GetInfo", NULL, &reply, &error);
        wire_client_set_timeout(client, WIRE_TIMEOUT_DEFAULT_MS);
        return r == 0 || r == WIRE_E_ERROR ? 0 : connection_broken(r);
}

int connection_open_private(Connection *connection, const char *cpu_limit) {
        int fds[2], r;

        r = private_daemon_start(cpu_limit, fds, &connection->daemon);
        if (r != 0)
                return r;
        r = wire_client_new_fd(fds[0], &connection->client);
        if (r == 0)
                r = wire_client_new_fd(fds[1], &connection->aside);
        else
                (void) close(fds[1]);
        return r == 0 ? wait_until_loaded(connection->client) : r;
}

int connection_call_aside(Connection *connection, const char *method, json_t *parameters, json_t **ret) {
        Connection aside = { .client = connection->aside };

        return connection_call(&aside, method, parameters, ret);
}

void connection_close(Connection *connection) {
        connection->aside = wire_client_free(connection->aside);
        connection->client = wire_client_free(connection->client);
        if (connection->daemon > 0)
                private_daemon_reap(connection->daemon);
        *connection = CONNECTION_NONE;
}

json_t *name_parameters(const char *name) {
        return name ? json_pack("{s:s}", "name", name) : json_object();
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

int connection_ask(Connection *connection, const char *method, json_t *parameters, json_t **ret,
                   char **ret_error) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        char full[128];
        int r;

        if (!parameters)
                return -ENOMEM;
        (void) snprintf(full, sizeof(full), MONITOR_INTERFACE "%s", method);
        r = wire_client_call(connection->client, full, parameters, &reply, &error);
        if (r != 0 && r != WIRE_E_ERROR)
                return connection_broken(r);
        *ret = TAKE_PTR(reply);
        *ret_error = TAKE_PTR(error);
        return 0;
}

int connection_call(Connection *connection, const char *method, json_t *parameters, json_t **ret) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = connection_ask(connection, method, parameters, &reply, &error);
        if (r != 0)
                return r;
        if (error)
                return connection_refused(error, reply, connection->text_file);
        *ret = TAKE_PTR(reply);
        return 0;
}

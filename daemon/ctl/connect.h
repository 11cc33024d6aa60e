/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection to a daemon: the one that runs, or a private one that lives as long as the
 * connection. All functions tell the user what went wrong and return an ExitStatus, or a negative
 * error number that was not told. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/macro.h"
#include "wire/client.h"

#define SOCKET_DEFAULT "/run/udamon/io.udamon.monitor"
#define MONITOR_INTERFACE "io.udamon.monitor."

typedef struct Connection {
        WireClient *client;
        pid_t daemon; /* the private daemon; 0 for the one that runs */
} Connection;

#define CONNECTION_NONE ((Connection) {})

/* Connects to the running daemon: path, else $UDAMON_SOCKET, else SOCKET_DEFAULT. */
int connection_open(Connection *connection, const char *path);

/* Whether anything answers there; tells nothing. */
bool connection_try(Connection *connection, const char *path);

/* Starts a daemon of our own. */
int connection_open_private(Connection *connection);

/* Ends the connection; a private daemon is waited for, as it ends by itself then. */
void connection_close(Connection *connection);

/* Calls MONITOR_INTERFACE method. `parameters` is stolen. A varlink error is told and becomes an
 * ExitStatus. */
int connection_call(Connection *connection, const char *method, json_t *parameters, json_t **ret);

/* Tells the user about a varlink error, and gives its ExitStatus. */
int connection_refused(const char *error, json_t *parameters);

/* Tells the user why a call had no answer (a wire_client_…() outcome other than WIRE_E_ERROR). */
int connection_broken(int outcome);

/* {"name": name}, or {} without one. NULL when out of memory. */
json_t *name_parameters(const char *name);

static inline void json_decrefp_(json_t **json) {
        json_decref(*json);
}
#define _cleanup_json_ _cleanup_(json_decrefp_)

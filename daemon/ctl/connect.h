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
        WireClient *aside; /* of a private daemon: to ask something while a stream is open; else NULL */
        pid_t daemon; /* the private daemon; 0 for the one that runs */
        const char *text_file; /* borrowed: the file whose text goes along with a call; NULL: none does */
} Connection;

#define CONNECTION_NONE ((Connection) {})

/* Connects to the running daemon: path, else $UDAMON_SOCKET, else SOCKET_DEFAULT. */
int connection_open(Connection *connection, const char *path);

/* Whether anything answers there; tells nothing. */
bool connection_try(Connection *connection, const char *path);

/* Starts a daemon of our own, with this limit (such as "1%"; NULL: its default). */
int connection_open_private(Connection *connection, const char *cpu_limit);

/* Ends the connection; a private daemon is waited for, as it ends by itself then. */
void connection_close(Connection *connection);

/* Calls MONITOR_INTERFACE method. `parameters` is stolen. A varlink error is told and becomes an
 * ExitStatus. */
int connection_call(Connection *connection, const char *method, json_t *parameters, json_t **ret);

/* The same beside an open stream of a private daemon. */
int connection_call_aside(Connection *connection, const char *method, json_t *parameters, json_t **ret);

/* The same, but a varlink error is not told: 0 with its full name in *ret_error (allocated) and its
 * parameters in *ret. */
int connection_ask(Connection *connection, const char *method, json_t *parameters, json_t **ret,
                   char **ret_error);

/* Tells the user about a varlink error, and gives its ExitStatus. `file`: where the text that went along with
 * the call came from; NULL: there was none. */
int connection_refused(const char *error, json_t *parameters, const char *file);

/* Tells the user why a call had no answer (a wire_client_…() outcome other than WIRE_E_ERROR). */
int connection_broken(int outcome);

/* "a, b, c" from an array of strings, for messages. Returns buf. */
char *join_names(json_t *names, char *buf, size_t size);

/* {"name": name}, or {} without one. NULL when out of memory. */
json_t *name_parameters(const char *name);

static inline void json_decrefp_(json_t **json) {
        json_decref(*json);
}
#define _cleanup_json_ _cleanup_(json_decrefp_)

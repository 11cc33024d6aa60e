/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A blocking varlink client. No threads, no event loop. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/macro.h"

typedef struct WireClient WireClient;

/* Outcomes of calls. Other failures are -errno: -EBADMSG for a reply that is no varlink, -EMSGSIZE
 * for one of more than 16 MiB, -EBUSY for a call while another is under way. After the first two,
 * WIRE_E_CLOSED and a call that could not be sent, the connection is of no use any more; after
 * WIRE_E_TIMEOUT the reply is still due: wire_client_next() may go on waiting, another call is
 * -EBUSY. */
enum {
        WIRE_E_ERROR = 1,   /* the service answered with a varlink error */
        WIRE_E_CLOSED = 2,  /* the peer closed the connection */
        WIRE_E_TIMEOUT = 3,
};

/* Connects to a socket path ("unix:" in front is accepted). 0 or -errno (-ENOENT, -ECONNREFUSED,
 * -EACCES …) with a text. */
int wire_client_connect(const char *path, WireClient **ret, char **ret_error);

/* Takes over a connected stream socket (on failure it stays the caller's). */
int wire_client_new_fd(int fd, WireClient **ret);

WireClient *wire_client_free(WireClient *client);

/* The socket, to poll on between replies of a stream. */
int wire_client_fd(const WireClient *client);

/* The server's own patience with a silent peer, so that neither side waits for nothing. */
#define WIRE_TIMEOUT_DEFAULT_MS (45 * 1000)

/* Milliseconds to wait for each message; -1 for ever. */
void wire_client_set_timeout(WireClient *client, int timeout_ms);

/* One call, one reply. `parameters` is stolen (NULL for none). On 0, *ret_parameters is the reply's
 * parameters (an object, owned by the caller). On WIRE_E_ERROR, *ret_error_name is the error's full
 * name (allocated) and *ret_parameters its parameters. */
int wire_client_call(WireClient *client, const char *method, json_t *parameters,
                     json_t **ret_parameters, char **ret_error_name);

/* A call without a reply (`oneway`): nobody ever tells whether it worked. */
int wire_client_send(WireClient *client, const char *method, json_t *parameters);

/* Starts a call with `more`; replies are then read one at a time with wire_client_next(), which is
 * also how a stream is waited for: call it when wire_client_fd() is readable, or let it block.
 * *ret_continues is false on the last reply. It returns -EINTR when a signal handler ran while it
 * waited (wire_client_call() goes on by itself), and may then be called again. All ret_ may be
 * NULL. */
int wire_client_start(WireClient *client, const char *method, json_t *parameters);
int wire_client_next(WireClient *client, bool *ret_continues, json_t **ret_parameters,
                     char **ret_error_name);

/* Whether a whole message is already buffered, so that wire_client_next() will not block. */
bool wire_client_pending(const WireClient *client);

static inline void wire_client_freep(WireClient **client) {
        *client = wire_client_free(*client);
}

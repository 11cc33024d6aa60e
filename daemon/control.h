/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket: a varlink server on sd-event. It knows framing, connections, limits and
 * org.varlink.service; what methods mean is the table's business.
 *
 * Replies are in call order: one call at a time per connection, the next is only looked at once it
 * is answered. Every peer is bounded, and a peer that breaks the protocol is disconnected without a
 * reply. This file never logs: facts go to the log callback.
 *
 * A handler answers exactly once (control_reply(), or control_reply_begin() to control_reply_end(),
 * or control_error()), or keeps the call open (control_stream_open()) and answers later. It returns
 * what those returned; a call that is neither answered nor kept open costs the peer its connection.
 * Nothing that a handler or a publisher calls here closes a connection or runs a callback at once:
 * that waits for the event loop. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/macro.h"
#include "config/settings.h"
#include "wire/field.h"
#include "wire/service.h"
#include "wire/varlink.h"
#include "wire/writer.h"

typedef struct Control Control;
typedef struct ControlCall ControlCall;
typedef struct ControlStream ControlStream;

enum {
        CONTROL_E_NONE = 1,    /* no socket of that name was inherited */
        CONTROL_E_LIMIT = 2,   /* too many open streams of this user */
        CONTROL_E_FULL = 3,    /* the reply is too long, or does not fit into the output queue now;
                                * nothing was sent, the call is still to be answered */
        CONTROL_E_IN_USE = 4,  /* somebody answers on that path already */
};

typedef struct ControlLimits {
        unsigned connections;
        unsigned connections_root;    /* so many more for root, whom others cannot lock out */
        unsigned connections_per_uid; /* root is exempt from this and the next limit */
        unsigned streams_per_uid;
        size_t request_bytes;         /* one call */
        size_t reply_bytes;           /* one reply */
        size_t output_bytes;          /* replies queued per connection */
        size_t output_bytes_per_uid;  /* and for all connections of a user: with more, they all count
                                       * as behind that have anything queued */
        size_t ready_bytes;           /* with more queued than this a peer counts as behind: no
                                       * further call of it is looked at, and
                                       * control_stream_ready() is false */
        nsec_t unfinished;            /* for the rest of a message that has begun */
        nsec_t unread;                /* with replies queued and none of them taken */
        nsec_t accept_interval;       /* at most accept_burst times accept_batch new connections in
                                       * this time */
        unsigned accept_burst;
        unsigned accept_batch;
        nsec_t accept_pause;          /* after accept() failed for want of descriptors or memory */
} ControlLimits;

#define CONTROL_LIMITS_DEFAULT                                                                     \
        ((ControlLimits) {                                                                         \
                .connections = SETTINGS_CONNECTIONS,                                               \
                .connections_root = 16,                                                            \
                .connections_per_uid = SETTINGS_CONNECTIONS_PER_USER,                              \
                .streams_per_uid = SETTINGS_STREAMS_PER_USER,                                      \
                .request_bytes = VARLINK_CALL_MAX,                                                 \
                .reply_bytes = (size_t) 1024 * 1024,                                               \
                .output_bytes = SETTINGS_OUTPUT,                                                   \
                .output_bytes_per_uid = (size_t) 16 * 1024 * 1024,                                 \
                .ready_bytes = (size_t) 64 * 1024,                                                 \
                .unfinished = SETTINGS_UNFINISHED,                                                 \
                .unread = SETTINGS_UNREAD,                                                         \
                .accept_interval = NSEC_PER_SEC,                                                   \
                .accept_burst = 1000,                                                              \
                .accept_batch = 32,                                                                \
                .accept_pause = NSEC_PER_SEC,                                                      \
        })

typedef struct ControlMethod {
        const char *name;    /* in full: "io.udamon.monitor.GetStatus" */
        const Field *fields; /* its parameters; checked before `handle` is called (NULL: none) */
        /* `parameters` is an object, borrowed for the time of the call. `userdata` is that of
         * ControlConfig. */
        int (*handle)(ControlCall *call, json_t *parameters, void *userdata);
        unsigned access; /* means something to ControlConfig.allowed alone */
} ControlMethod;

/* Who called, as of its connect(). Decide on uid and groups only: the pid may be another process's
 * by now. */
typedef struct ControlPeer {
        uid_t uid;
        gid_t gid;
        pid_t pid;
        const gid_t *groups; /* supplementary */
        size_t n_groups;
} ControlPeer;

typedef enum ControlFact {
        CONTROL_DROPPED, /* a peer was disconnected, for what it did or did not do */
        CONTROL_LOST,    /* the connection broke */
        CONTROL_REFUSED, /* a peer was not let in */
        CONTROL_PAUSED,  /* nobody can be let in for a while */
} ControlFact;

/* All of it is borrowed and must outlive the server, except `limits`, which is copied. */
typedef struct ControlConfig {
        const ServiceInfo *info; /* what GetInfo tells, and the interfaces */
        const ControlMethod *methods;
        size_t n_methods;
        ControlLimits limits;
        /* Whether the peer may call the method; otherwise it is answered PermissionDenied, whatever
         * the parameters. Not asked for org.varlink.service. May be NULL: everybody may all. */
        bool (*allowed)(void *userdata, const ControlPeer *peer, const ControlMethod *method);
        /* One of `methods` was called. `error`: the one that was answered; NULL: none, the call was
         * answered or is kept open; "" when it could not be answered. May be NULL. */
        void (*called)(void *userdata, const ControlPeer *peer, const ControlMethod *method,
                       const char *error);
        /* Facts about peers. `peer` is NULL where there is none (yet). May be NULL. */
        void (*log)(void *userdata, ControlFact fact, const ControlPeer *peer, const char *text);
        void *userdata; /* for all of these and for the handlers */
} ControlConfig;

bool control_peer_in_group(const ControlPeer *peer, gid_t group);

int control_new(sd_event *event, const ControlConfig *config, Control **ret);

/* Closes everything, runs the closed callbacks and removes the socket if it was made here. Not to
 * be called from a handler or a callback. */
Control *control_free(Control *control);

/* Puts other limits in force, for what comes: a connection keeps the sizes that it began with, a listener the rate. */
void control_set_limits(Control *control, const ControlLimits *limits);
const ControlLimits *control_limits(const Control *control);

/* How clients come in; any number of these. */

/* Listens on a path. A missing parent directory is made (0755); the socket of a daemon that died is
 * replaced, that of a living one is CONTROL_E_IN_USE. The socket gets `mode` and `group` (-1
 * leaves it) before anybody can connect, whatever the umask. 0, CONTROL_E_IN_USE or -errno, with a
 * text. */
int control_listen_path(Control *control, const char *path, mode_t mode, gid_t group,
                        char **ret_error);

/* Takes the listening socket that the service manager passed under this name. 0, CONTROL_E_NONE, or
 * -errno with a text when it is no listening AF_UNIX stream socket. $LISTEN_FDS stays set. */
int control_listen_inherited(Control *control, const char *name, char **ret_error);

/* Takes over a connected AF_UNIX stream socket (always: on failure it is closed). When that
 * connection has ended, `closed` (may be NULL) is called. Limits per user and in total do not apply
 * to it. */
int control_add_connection(Control *control, int fd, void (*closed)(void *userdata),
                           void *userdata);

/* Connections there are now. */
unsigned control_n_connections(const Control *control);

/* What became of others, since the start. */
typedef struct ControlCounters {
        uint64_t accepted;
        uint64_t refused; /* over a limit */
        uint64_t dropped; /* disconnected by us: what they sent was wrong, or they did not read */
} ControlCounters;

ControlCounters control_counters(const Control *control);

/* Calls. */

const ControlPeer *control_call_peer(const ControlCall *call);

/* Whether several replies are allowed. */
bool control_call_wants_more(const ControlCall *call);

/* The answer. Steals `parameters` (NULL: none). 0, CONTROL_E_FULL or -errno. To a oneway call
 * nothing is sent, errors included, and all of these succeed. */
int control_reply(ControlCall *call, json_t *parameters);

/* The same for a long answer, written piece by piece: the writer stands inside `parameters`.
 * control_reply_end() returns what control_reply() would; on failure nothing has been sent. To
 * answer with an error after all, call writer_abort() first. */
Writer *control_reply_begin(ControlCall *call);
int control_reply_end(ControlCall *call);

/* The same with a reply that was written once for many (writer_end_shared()). */
int control_reply_shared(ControlCall *call, FrameShared *reply);

/* Answers with an error. Steals `parameters`. Names and texts in it must be UTF-8:
 * varlink_string(). */
int control_error(ControlCall *call, const char *name, json_t *parameters);
int control_error_invalid(ControlCall *call, const char *field); /* InvalidParameter */
int control_error_denied(ControlCall *call);                     /* PermissionDenied */
int control_error_expected_more(ControlCall *call);              /* ExpectedMore */

/* Streams: calls that are kept open. */

/* Keeps the call open beyond its handler (also to answer once, later, a call without `more`).
 * `closed` is called when the peer has gone, or the server goes; the handle is gone with it. It is
 * not called after a last reply or control_stream_close(). 0, CONTROL_E_LIMIT or -errno. */
int control_stream_open(ControlCall *call, void (*closed)(void *userdata), void *userdata,
                        ControlStream **ret);

const ControlPeer *control_stream_peer(const ControlStream *stream);

/* Whether the peer keeps up. Push a snapshot only when it does (and all parts of it then): a peer
 * that does not misses whole snapshots and costs no memory. */
bool control_stream_ready(const ControlStream *stream);

/* Bytes that still fit into the output queue. */
size_t control_stream_room(const ControlStream *stream);

/* A reply; the last one unless `continues`, and then the handle is gone (when 0 was returned).
 * `continues` needs a call with `more` (-EINVAL). Steals `parameters`. */
int control_stream_reply(ControlStream *stream, json_t *parameters, bool continues);

/* The same, piece by piece. */
Writer *control_stream_begin(ControlStream *stream);
int control_stream_end(ControlStream *stream, bool continues);

/* The same with a reply that was written once for many. */
int control_stream_shared(ControlStream *stream, FrameShared *reply, bool continues);

/* A last reply that is an error. Steals `parameters`. */
int control_stream_error(ControlStream *stream, const char *name, json_t *parameters);

/* Gives the stream up without a last reply: the connection is closed once what is queued has been
 * read. */
void control_stream_close(ControlStream *stream);

static inline void control_freep(Control **control) {
        *control = control_free(*control);
}

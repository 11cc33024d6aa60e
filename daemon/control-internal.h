/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the server share: control.c (calls), control-connection.c (bytes and deadlines of
 * one peer), control-turn.c (whose turn it is), control-listen.c (how peers come in). */
#pragma once

#include "control.h"
#include "wire/frame.h"

typedef struct Connection Connection;
typedef struct Listener Listener;

struct ControlCall {
        Connection *connection;
        VarlinkCall message;
        bool answered; /* or kept open */
        const char *error; /* the name of the error it was answered with */
};

struct ControlStream {
        Connection *connection;
        void (*closed)(void *userdata);
        void *userdata;
        bool more;
        bool oneway;
};

/* All connections of one user. */
typedef struct User User;
struct User {
        uid_t uid;
        unsigned n_ref; /* connections */
        size_t output;  /* bytes queued for them */
        nsec_t used;    /* what its calls took, and what others had before it came */
        User *next;
};

struct Connection {
        Control *control;
        Connection *previous, *next;
        int fd;
        sd_event_source *io;
        sd_event_source *again; /* its end is due */
        sd_event_source *timer;
        ControlPeer peer;
        gid_t *groups;
        User *user;
        bool waiting;       /* for its turn: a call is buffered and can be looked at */
        uint64_t last_turn;
        size_t accounted;   /* of its output, in user->output */
        bool exempt;    /* from the limits on connections */
        bool hung_up;   /* nobody is there any more; what was sent before is read in its turns */
        bool read_over; /* nothing more is read: end of input, or the peer broke the protocol */
        FrameInput input;
        FrameOutput output;
        Writer writer;
        ControlStream *stream;   /* the call that is kept open */
        nsec_t unfinished_since; /* 0: no message has begun */
        nsec_t unread_since;     /* 0: nothing is queued */
        void (*closed)(void *userdata);
        void *closed_userdata;
};

struct Control {
        sd_event *event;
        ControlConfig config;
        Connection *connections;
        unsigned n_connections;
        Listener *listeners;
        User *users;
        sd_event_source *turn;
        uint64_t turns;
        nsec_t floor; /* what the user in turn had used */
        bool recheck; /* connections that could not be served before may be now */
        nsec_t refusal_logged;
        ControlCounters counters;
};

/* control.c */

/* Runs one message. False: the connection must end, `ret_reason` says why (static or allocated into
 * it; freed by the caller). */
bool control_dispatch(Connection *c, const char *text, size_t size, char **ret_reason);

void control_log(const Control *control, ControlFact fact, const ControlPeer *peer, const char *format, ...)
        _printf_(4, 5);

/* Monotonic, of this turn of the event loop. */
nsec_t control_now(const Control *control);

/* control-connection.c */

/* Takes the descriptor in any case. */
int connection_new(Control *control, int fd, bool exempt, Connection **ret);

/* Runs the closed callbacks. */
Connection *connection_free(Connection *c);

/* After something was queued or a stream ended: lets the event loop do what there is to do. */
void connection_update(Connection *c);

/* Whether what is queued for the peer, and for its user, is little enough for more. */
bool connection_keeps_up(const Connection *c);

/* Nothing more is read; what is queued is still delivered. */
void connection_end(Connection *c, const char *reason);

/* Runs one call. May free the connection. */
void connection_take_turn(Connection *c);

/* control-turn.c */
int turn_init(Control *control);
void turn_request(Connection *c);
User *user_ref(Control *control, uid_t uid); /* NULL without memory */
void user_unref(Control *control, User *user); /* accepts NULL */

/* control-listen.c */
Listener *listener_free(Listener *listener);

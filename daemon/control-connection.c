/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One peer of the varlink server: its bytes, its deadlines, its end. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "control-internal.h"

#define READ_SIZE ((size_t) 4096)

/* Deadlines are about misbehaving peers; a little late is early enough. */
#define TIMER_ACCURACY_USEC 10000

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_again(sd_event_source *source, void *userdata);
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static int read_groups(Connection *c) {
        socklen_t size = 16 * sizeof(gid_t);
        gid_t *groups;

        for (;;) {
                groups = realloc(c->groups, MAX(size, (socklen_t) sizeof(gid_t)));
                if (!groups)
                        return -ENOMEM;
                c->groups = groups;

                if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
                        break;
                /* The kernel has told how much it needs. */
                if (errno == ERANGE)
                        continue;
                if (errno != ENODATA && errno != ENOPROTOOPT)
                        return -errno;
                size = 0;
                break;
        }

        c->peer.groups = c->groups;
        c->peer.n_groups = size / sizeof(gid_t);
        return 0;
}

static int read_peer(Connection *c) {
        struct ucred ucred;
        socklen_t size = sizeof(ucred);

        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0)
                return -errno;

        c->peer.uid = ucred.uid;
        c->peer.gid = ucred.gid;
        c->peer.pid = ucred.pid;
        c->user = user_ref(c->control, ucred.uid);
        return c->user ? read_groups(c) : -ENOMEM;
}

/* All sources are made here, so that nothing can fail for want of one later. */
static int add_sources(Connection *c) {
        sd_event *event = c->control->event;
        int r;

        r = sd_event_add_io(event, &c->io, c->fd, EPOLLIN, on_io, c);
        if (r < 0)
                return r;

        r = sd_event_add_defer(event, &c->again, on_again, c);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(c->again, SD_EVENT_OFF);
        if (r < 0)
                return r;

        r = sd_event_add_time(event, &c->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, on_timer,
                              c);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
}

int connection_new(Control *control, int fd, bool exempt, Connection **ret) {
        Connection *c;
        int r;

        c = malloc(sizeof(*c));
        if (!c) {
                closep(&fd);
                return -ENOMEM;
        }

        *c = (Connection) {
                .control = control,
                .next = control->connections,
                .fd = fd,
                .exempt = exempt,
                .input = FRAME_INPUT_INIT(control->config.limits.request_bytes),
                .output = FRAME_OUTPUT_INIT(control->config.limits.output_bytes),
        };
        if (c->next)
                c->next->previous = c;
        control->connections = c;
        control->n_connections++;

        r = read_peer(c);
        if (r == 0)
                r = add_sources(c);
        if (r < 0) {
                connection_free(c);
                return r;
        }

        *ret = c;
        return 0;
}

Connection *connection_free(Connection *c) {
        ControlStream *stream = TAKE_PTR(c->stream);

        if (c->previous)
                c->previous->next = c->next;
        else
                c->control->connections = c->next;
        if (c->next)
                c->next->previous = c->previous;
        c->control->n_connections--;

        if (stream && stream->closed)
                stream->closed(stream->userdata);
        free(stream);

        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->again);
        sd_event_source_disable_unref(c->timer);
        closep(&c->fd);
        if (c->closed)
                c->closed(c->closed_userdata);

        frame_input_deinit(&c->input);
        frame_output_deinit(&c->output);
        if (c->user)
                c->user->output -= c->accounted;
        user_unref(c->control, c->user);
        free(c->groups);
        free(c);
        return NULL;
}

static void say(const Connection *c, ControlFact fact, const char *reason) {
        if (fact == CONTROL_DROPPED)
                c->control->counters.dropped++;
        control_log(c->control, fact, &c->peer, "client %d of user %u disconnected: %s",
                    (int) c->peer.pid, (unsigned) c->peer.uid, reason);
}

void connection_end(Connection *c, const char *reason) {
        if (reason)
                say(c, CONTROL_DROPPED, reason);
        c->read_over = true;
        frame_input_deinit(&c->input);
        connection_update(c);
}

bool connection_keeps_up(const Connection *c) {
        const ControlLimits *limits = &c->control->config.limits;

        return c->output.size <= limits->ready_bytes &&
               (c->output.size == 0 || c->user->output <= limits->output_bytes_per_uid);
}

/* Whether the next call may be looked at: the last is answered, and the answer is on its way. */
static bool may_call(const Connection *c) {
        return !c->stream && connection_keeps_up(c);
}

/* What is queued for all connections of the user. */
static void account(Connection *c) {
        size_t most = c->control->config.limits.output_bytes_per_uid, before = c->user->output;

        c->user->output += c->output.size - c->accounted;
        c->accounted = c->output.size;
        if (before > most && c->user->output <= most) {
                c->control->recheck = true;
                (void) sd_event_source_set_enabled(c->control->turn, SD_EVENT_ONESHOT);
        }
}

static bool wants_read(Connection *c) {
        return !c->read_over && may_call(c) && !frame_input_pending(&c->input);
}

/* Nothing can come in and nothing is left to go out. */
static bool is_over(Connection *c) {
        return c->read_over && !c->stream && c->output.size == 0 && !frame_input_pending(&c->input);
}

static void update_timer(Connection *c) {
        const ControlLimits *limits = &c->control->config.limits;
        nsec_t now = control_now(c->control), deadline = NSEC_INFINITY;

        /* Only while it is the peer's turn: a message that waits behind a stream is not late. */
        if (!wants_read(c) || frame_input_unfinished(&c->input) == 0)
                c->unfinished_since = 0;
        else if (c->unfinished_since == 0)
                c->unfinished_since = now;

        if (c->output.size == 0)
                c->unread_since = 0;
        else if (c->unread_since == 0)
                c->unread_since = now;

        if (c->unfinished_since > 0)
                deadline = c->unfinished_since + limits->unfinished;
        if (c->unread_since > 0)
                deadline = MIN(deadline, c->unread_since + limits->unread);

        if (deadline != NSEC_INFINITY)
                (void) sd_event_source_set_time(c->timer, deadline / NSEC_PER_USEC);
        (void) sd_event_source_set_enabled(c->timer, deadline == NSEC_INFINITY ? SD_EVENT_OFF
                                                                               : SD_EVENT_ONESHOT);
}

void connection_update(Connection *c) {
        uint32_t events = 0;

        account(c);
        if (wants_read(c))
                events |= EPOLLIN;
        if (c->output.size > 0)
                events |= EPOLLOUT;
        (void) sd_event_source_set_io_events(c->io, events);

        if ((may_call(c) && frame_input_pending(&c->input)) || (c->hung_up && wants_read(c)))
                turn_request(c);
        else
                c->waiting = false;
        /* the end must not come from within a handler */
        (void) sd_event_source_set_enabled(c->again, is_over(c) ? SD_EVENT_ONESHOT : SD_EVENT_OFF);

        update_timer(c);
}

/* 0, or an error that ends the connection at once. */
static int read_input(Connection *c) {
        int r;

        r = frame_input_read(&c->input, c->fd, READ_SIZE);
        if (r == FRAME_E_CLOSED) {
                c->read_over = true;
                if (!frame_input_pending(&c->input))
                        frame_input_deinit(&c->input);
                return 0;
        }
        return r == FRAME_E_AGAIN ? 0 : r;
}

static void run_call(Connection *c) {
        _cleanup_free_ char *reason = NULL;
        const char *text;
        size_t size;
        int r;

        if (!may_call(c))
                return;
        r = frame_input_next(&c->input, &text, &size);
        if (r == FRAME_E_NONE)
                return;
        /* The next message has its own deadline. */
        c->unfinished_since = 0;

        if (r == FRAME_E_TOO_BIG)
                connection_end(c, "the message is too long");
        else if (!control_dispatch(c, text, size, &reason))
                connection_end(c, reason ?: "out of memory");
        /* nothing is held between messages */
        else if (frame_input_unfinished(&c->input) == 0)
                frame_input_deinit(&c->input);
}

static int write_output(Connection *c) {
        size_t before = c->output.size;
        int r;

        r = frame_output_write(&c->output, c->fd);
        if (c->output.size < before)
                c->unread_since = 0;
        if (r == FRAME_E_CLOSED)
                return -EPIPE;
        return r == FRAME_E_AGAIN ? 0 : r;
}

/* Sends what there is, and sees what is to be done next. */
static void go_on(Connection *c, int r) {
        if (c->hung_up)
                frame_output_truncate(&c->output, 0);
        else if (r == 0)
                r = write_output(c);
        if (r != 0) {
                say(c, CONTROL_LOST, error_text(r));
                connection_free(c);
        } else if (is_over(c) || (c->hung_up && c->stream))
                connection_free(c);
        else
                connection_update(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Connection *c = userdata;

        /* Nobody is left to read the stream (a half-closed peer is still there: that is no HUP). */
        if (c->stream && (revents & (EPOLLHUP | EPOLLERR)))
                connection_free(c);
        else if (revents & (EPOLLHUP | EPOLLERR)) {
                /* it would be told again and again */
                c->hung_up = true;
                (void) sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
                go_on(c, 0);
        } else
                go_on(c, (revents & EPOLLIN) && wants_read(c) ? read_input(c) : 0);
        return 0;
}

void connection_take_turn(Connection *c) {
        int r = c->hung_up && wants_read(c) ? read_input(c) : 0;

        if (r == 0)
                run_call(c);
        go_on(c, r);
}

static int on_again(sd_event_source *source, void *userdata) {
        go_on(userdata, 0);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Connection *c = userdata;
        const ControlLimits *limits = &c->control->config.limits;
        nsec_t now = control_now(c->control);

        if (c->unread_since > 0 && now >= c->unread_since + limits->unread) {
                say(c, CONTROL_DROPPED, "it does not read its replies");
                connection_free(c);
        } else if (c->unfinished_since > 0 && now >= c->unfinished_since + limits->unfinished) {
                say(c, CONTROL_DROPPED, "it did not finish its message");
                connection_free(c);
        } else
                connection_update(c);
        return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server with a few methods on a real event loop, and a peer that speaks raw bytes to it. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control.h"

typedef struct Fixture {
        char directory[32];
        char path[64];
        sd_event *event;
        Control *control;
        ControlConfig config;
        ControlStream *stream;
        unsigned closed; /* streams and private connections that ended */
        unsigned counted;
        unsigned slow; /* calls that took their time */
        unsigned logged;
        char last_log[200];
} Fixture;

static _unused_ int handle_echo(ControlCall *call, json_t *parameters, void *userdata) {
        return control_reply(call, json_incref(parameters));
}

static _unused_ int handle_fail(ControlCall *call, json_t *parameters, void *userdata) {
        return control_error(call, "org.test.Failed", json_pack("{s:s}", "reason", "because"));
}

static _unused_ int handle_forget(ControlCall *call, json_t *parameters, void *userdata) {
        writer_string(control_reply_begin(call), "half", "way");
        return -EIO;
}

static _unused_ int handle_count(ControlCall *call, json_t *parameters, void *userdata) {
        Fixture *f = userdata;

        return control_reply(call, json_pack("{s:i}", "count", (int) ++f->counted));
}

/* Takes its time, on the event loop. */
static _unused_ int handle_slow(ControlCall *call, json_t *parameters, void *userdata) {
        nsec_t end = clock_nsec(CLOCK_MONOTONIC) + 2 * NSEC_PER_MSEC;
        Fixture *f = userdata;

        while (clock_nsec(CLOCK_MONOTONIC) < end)
                ;
        f->slow++;
        return control_reply(call, NULL);
}

static _unused_ int handle_who(ControlCall *call, json_t *parameters, void *userdata) {
        const ControlPeer *peer = control_call_peer(call);

        return control_reply(call, json_pack("{s:i,s:b}", "uid", (int) peer->uid, "in_group",
                                             control_peer_in_group(peer, getegid())));
}

static _unused_ void fill(Writer *w, int64_t bytes) {
        char line[101];

        memset(line, 'x', 100);
        line[100] = '\0';
        writer_open_array(w, "list");
        for (int64_t i = 0; i < bytes / 100; i++)
                writer_string(w, NULL, line);
        writer_close(w);
}

static _unused_ int handle_big(ControlCall *call, json_t *parameters, void *userdata) {
        int r;

        fill(control_reply_begin(call), field_int(parameters, "size", 0));
        r = control_reply_end(call);
        return r == CONTROL_E_FULL ? control_error(call, "org.test.TooBig", NULL) : r;
}

static _unused_ void on_closed(void *userdata) {
        Fixture *f = userdata;

        f->closed++;
        f->stream = NULL;
}

static _unused_ int handle_stream(ControlCall *call, json_t *parameters, void *userdata) {
        Fixture *f = userdata;
        int r;

        r = control_stream_open(call, on_closed, f, &f->stream);
        return r == CONTROL_E_LIMIT ? control_error(call, "org.test.TooMany", NULL) : r;
}

static _unused_ int handle_watch(ControlCall *call, json_t *parameters, void *userdata) {
        return control_call_wants_more(call) ? handle_stream(call, parameters, userdata)
                                             : control_error_expected_more(call);
}

static _unused_ int handle_denied(ControlCall *call, json_t *parameters, void *userdata) {
        return control_error_denied(call);
}

static const Field echo_fields[] = {
        { "text", FIELD_STRING, FIELD_NULLABLE },
        FIELD_END,
};
static const Field big_fields[] = { { "size", FIELD_INT }, FIELD_END };

static const ControlMethod methods[] = {
        { "org.test.Echo", echo_fields, handle_echo }, { "org.test.Fail", NULL, handle_fail },
        { "org.test.Forget", NULL, handle_forget },    { "org.test.Count", NULL, handle_count },
        { "org.test.Who", NULL, handle_who },          { "org.test.Big", big_fields, handle_big },
        { "org.test.Stream", NULL, handle_stream },    { "org.test.Watch", NULL, handle_watch },
        { "org.test.Denied", NULL, handle_denied },    { "org.test.Slow", NULL, handle_slow },
};
static const ServiceInterface interfaces[] = { { "org.test", "interface org.test\n" } };
static const ServiceInfo info = {
        .vendor = "v", .product = "p", .version = "1", .url = "u",
        .interfaces = interfaces, .n_interfaces = 1,
};

static _unused_ void on_log(void *userdata, ControlFact fact, const ControlPeer *peer, const char *text) {
        Fixture *f = userdata;

        f->logged++;
        (void) snprintf(f->last_log, sizeof(f->last_log), "%s", text);
}

static _unused_ void setup_with(Fixture *f, ControlLimits limits) {
        *f = (Fixture) { .directory = "/tmp/control-XXXXXX" };
        f->config = (ControlConfig) {
                .info = &info,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = limits,
                .log = on_log,
                .userdata = f,
        };
        ck_assert_ptr_nonnull(mkdtemp(f->directory));
        ck_assert_int_eq(chmod(f->directory, 0755), 0);
        ck_assert_int_lt(snprintf(f->path, sizeof(f->path), "%s/socket", f->directory), 64);
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        ck_assert_int_eq(control_new(f->event, &f->config, &f->control), 0);
        ck_assert_int_eq(control_listen_path(f->control, f->path, 0666, (gid_t) -1, NULL), 0);
}

static _unused_ void setup(Fixture *f) {
        setup_with(f, CONTROL_LIMITS_DEFAULT);
}

static _unused_ void teardown(Fixture *f) {
        f->control = control_free(f->control);
        sd_event_unref(f->event);
        (void) unlink(f->path);
        (void) rmdir(f->directory);
}

/* One turn of the loop, without waiting longer than a moment. */
static _unused_ void turn(Fixture *f) {
        ck_assert_int_ge(sd_event_run(f->event, 1000), 0);
}

static _unused_ int dial(Fixture *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) strcpy(address.sun_path, f->path);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

/* Sends everything, letting the server work; false when it would not take it. */
static _unused_ bool say(Fixture *f, int fd, const char *text, size_t size) {
        ssize_t n;

        while (size > 0) {
                n = send(fd, text, size, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN)
                        return false;
                if (n > 0) {
                        text += n;
                        size -= (size_t) n;
                }
                turn(f);
        }
        return true;
}

/* Reads until `messages` have come or the server closed; NULs become newlines, the end "EOF". */
static _unused_ char *hear(Fixture *f, int fd, unsigned messages) {
        size_t length = 0, allocated = 3 << 20;
        char *text = malloc(allocated);
        ssize_t n;

        for (unsigned idle = 0; messages > 0; idle++) {
                ck_assert_uint_lt(idle, 5000);
                n = recv(fd, text + length, allocated - length - 4, MSG_DONTWAIT);
                if (n == 0 || (n < 0 && errno == ECONNRESET)) {
                        length = (size_t) (stpcpy(text + length, "EOF") - text);
                        break;
                }
                if (n < 0) {
                        turn(f);
                        continue;
                }
                idle = 0;
                for (; n > 0; n--, length++)
                        if (text[length] == '\0') {
                                text[length] = '\n';
                                messages -= messages > 0;
                        }
        }
        text[length] = '\0';
        return text;
}

static _unused_ int dial_as(Fixture *f, uid_t uid) {
        int fd;

        if (geteuid() == 0 && uid != 0)
                ck_assert_int_eq(seteuid(uid), 0);
        fd = dial(f);
        if (getuid() == 0)
                ck_assert_int_eq(seteuid(0), 0);
        for (unsigned i = 0; i < 5; i++)
                turn(f);
        return fd;
}

static _unused_ void assert_heard(Fixture *f, int fd, const char *expected) {
        _cleanup_free_ char *text = NULL;
        unsigned messages = 0;

        for (const char *p = expected; *p; p++)
                messages += *p == '\n';
        text = hear(f, fd, messages + (strstr(expected, "EOF") != NULL));
        ck_assert_str_eq(text, expected);
}

#define SAY(f, fd, text) ck_assert(say(f, fd, text, sizeof(text)))

/* Says something that keeps a call open. */
#define OPEN(f, fd, text)                                                                          \
        do {                                                                                       \
                (f)->stream = NULL;                                                                \
                SAY(f, fd, text);                                                                  \
                while (!(f)->stream)                                                               \
                        turn(f);                                                                   \
        } while (false)

#define CALL(name, rest) "{\"method\":\"" name "\"" rest "}"
#define REPLY(parameters) "{\"parameters\":{" parameters "}}\n"
#define ERROR(name, parameters) "{\"error\":\"" name "\",\"parameters\":{" parameters "}}\n"

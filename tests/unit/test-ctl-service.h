/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scripted varlink service for the tests of the client. Each test program says how it answers. */
#pragma once

#include <jansson.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "test-ctl.h"

typedef struct Service {
        int fd;
        const char *scenario;
        char buffer[1 << 20];
        size_t filled;
        uint64_t sequence;
} Service;

/* Answers one call; false when the client has gone. */
static bool answer(Service *service, json_t *call);

/* The next call; NULL when the client has gone. */
_unused_ static json_t *next_call(Service *service) {
        for (;;) {
                char *end = memchr(service->buffer, 0, service->filled);
                ssize_t n;

                if (end) {
                        json_t *call = json_loads(service->buffer, 0, NULL);
                        size_t used = (size_t) (end - service->buffer) + 1;

                        memmove(service->buffer, end + 1, service->filled - used);
                        service->filled -= used;
                        return call;
                }
                n = read(service->fd, service->buffer + service->filled,
                         sizeof(service->buffer) - service->filled);
                if (n <= 0)
                        return NULL;
                service->filled += (size_t) n;
        }
}

/* False when the client has gone. */
_unused_ static bool send_reply(Service *service, json_t *parameters, const char *error, bool continues) {
        json_t *reply = json_pack("{s:o}", "parameters", parameters);
        char *text;
        size_t length;
        bool sent;

        if (error)
                (void) json_object_set_new(reply, "error", json_string(error));
        if (continues)
                (void) json_object_set_new(reply, "continues", json_true());
        text = json_dumps(reply, JSON_COMPACT);
        length = strlen(text) + 1;
        sent = send(service->fd, text, length, MSG_NOSIGNAL) == (ssize_t) length;
        free(text);
        json_decref(reply);
        return sent;
}

_unused_ static json_t *load_data(const char *name) {
        return json_load_file(test_data(name), 0, NULL);
}

_unused_ static void nap(nsec_t t) {
        const struct timespec ts = { (time_t) (t / NSEC_PER_SEC), (long) (t % NSEC_PER_SEC) };

        (void) nanosleep(&ts, NULL);
}

_unused_ static void serve(int fd, const char *scenario) {
        Service service = { .fd = fd, .scenario = scenario };
        json_t *call;
        bool go_on = true;

        while (go_on && (call = next_call(&service))) {
                go_on = answer(&service, call);
                json_decref(call);
        }
        (void) close(fd);
}

typedef struct Daemon {
        Scratch scratch;
        char *socket;
        pid_t pid;
} Daemon;

_unused_ static void daemon_init(Daemon *daemon, const char *scenario) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        scratch_init(&daemon->scratch);
        daemon->socket = strdup(scratch_path(&daemon->scratch, "s"));
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->socket);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_eq(listen(fd, 8), 0);
        daemon->pid = fork();
        if (daemon->pid == 0)
                for (;;)
                        serve(accept(fd, NULL, NULL), scenario);
        (void) close(fd);
}

_unused_ static void daemon_deinit(Daemon *daemon) {
        (void) kill(daemon->pid, SIGKILL);
        (void) waitpid(daemon->pid, NULL, 0);
        scratch_deinit(&daemon->scratch);
        free(daemon->socket);
}

#define DAEMON(name, scenario)                                                                     \
        _cleanup_(daemon_deinit) Daemon name;                                                      \
        daemon_init(&name, scenario)

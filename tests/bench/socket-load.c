/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many clients of one daemon in one process: pollers of snapshots, subscribers, one of them that does not read, and one
 * that asks for the status all the time. Prints what it measured as lines "name value". Usage: socket-load SOCKET
 * POLLERS POLL_MS SUBSCRIBERS SECONDS */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/macro.h"

#define STATUS_INTERVAL (20 * NSEC_PER_MSEC)
#define CLIENTS_MAX 256

static const char snapshot_call[] = "{\"method\":\"io.udamon.monitor.GetSnapshot\"}";
static const char stream_call[] = "{\"method\":\"io.udamon.monitor.GetSnapshot\",\"more\":true}";
static const char status_call[] = "{\"method\":\"io.udamon.monitor.GetStatus\"}";

typedef enum Kind {
        POLLER,
        SUBSCRIBER,
        SILENT, /* a subscriber that never reads */
        STATUS,
        _KIND_MAX,
} Kind;

typedef struct Client {
        Kind kind;
        int fd;
        nsec_t next;  /* when to ask again */
        nsec_t asked; /* 0: no answer is due */
        bool gone;
} Client;

typedef struct Samples {
        nsec_t *values;
        size_t n;
        size_t allocated;
} Samples;

typedef struct Load {
        Client clients[CLIENTS_MAX];
        size_t n;
        Samples latencies[_KIND_MAX];
        uint64_t messages[_KIND_MAX];
        uint64_t bytes;
        nsec_t silent_dropped; /* after so long; 0: not yet */
        unsigned lost; /* clients that were disconnected though they read */
} Load;

static void fail(const char *what) {
        (void) fprintf(stderr, "socket-load: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

static void add_sample(Samples *s, nsec_t value) {
        if (s->n == s->allocated) {
                s->allocated = MAX(2 * s->allocated, (size_t) 1024);
                s->values = reallocarray(s->values, s->allocated, sizeof(*s->values));
                if (!s->values)
                        fail("memory");
        }
        s->values[s->n++] = value;
}

static int compare(const void *a, const void *b) {
        nsec_t x = *(const nsec_t *) a, y = *(const nsec_t *) b;

        return x < y ? -1 : x > y;
}

static void print_quantiles(const char *name, Samples *s) {
        qsort(s->values, s->n, sizeof(*s->values), compare);
        printf("%s_count %zu\n", name, s->n);
        if (s->n == 0)
                return;
        printf("%s_p50 %" PRIu64 "\n", name, s->values[s->n / 2]);
        printf("%s_p99 %" PRIu64 "\n", name, s->values[s->n * 99 / 100]);
        printf("%s_max %" PRIu64 "\n", name, s->values[s->n - 1]);
}

static void dial(Load *load, int epoll, const char *path, Kind kind) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        Client *c = &load->clients[load->n];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

        (void) strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        *c = (Client) { .kind = kind, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                fail("connect");
        if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
                fail("fcntl");
        if (kind == SILENT)
                event.events = EPOLLRDHUP;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
                fail("epoll");
        load->n++;
}

static void say(Client *c, const char *text, size_t size) {
        if (send(c->fd, text, size, MSG_NOSIGNAL) != (ssize_t) size)
                c->gone = true;
        c->asked = clock_nsec(CLOCK_MONOTONIC);
}

static void ask(Client *c, nsec_t now, nsec_t poll) {
        if (c->asked > 0 || c->gone || now < c->next)
                return;
        if (c->kind == POLLER)
                say(c, snapshot_call, sizeof(snapshot_call));
        else if (c->kind == STATUS)
                say(c, status_call, sizeof(status_call));
        else
                say(c, stream_call, sizeof(stream_call));
        c->next = MAX(c->next + (c->kind == POLLER ? poll : STATUS_INTERVAL), now);
}

static void lose(Load *load, Client *c, nsec_t start) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);

        if (c->gone)
                return;
        c->gone = true;
        if (c->kind == SILENT)
                load->silent_dropped = now - start;
        else
                load->lost++;
        (void) close(c->fd);
}

/* Counts NULs: one ends each message. */
static void hear(Load *load, Client *c, nsec_t start) {
        static char buffer[1 << 18];
        ssize_t n;

        while ((n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
                load->bytes += (uint64_t) n;
                for (const char *p = buffer; (p = memchr(p, 0, (size_t) (buffer + n - p))); p++) {
                        load->messages[c->kind]++;
                        if (c->kind == POLLER || c->kind == STATUS) {
                                add_sample(&load->latencies[c->kind], clock_nsec(CLOCK_MONOTONIC) - c->asked);
                                c->asked = 0;
                        }
                }
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                lose(load, c, start);
}

static void turn(Load *load, int epoll, nsec_t start, nsec_t poll) {
        struct epoll_event events[64];
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        int n;

        for (size_t i = 0; i < load->n; i++)
                ask(&load->clients[i], now, poll);
        n = epoll_wait(epoll, events, ELEMENTSOF(events), 1);
        for (int i = 0; i < n; i++) {
                Client *c = events[i].data.ptr;

                if (c->kind == SILENT)
                        lose(load, c, start);
                else if (!c->gone)
                        hear(load, c, start);
        }
}

int main(int argc, char **argv) {
        static Load load;
        nsec_t start = clock_nsec(CLOCK_MONOTONIC), poll, end, now;
        int pollers, subscribers, epoll;

        if (argc != 6) {
                (void) fprintf(stderr, "usage: socket-load SOCKET POLLERS POLL_MS SUBSCRIBERS SECONDS\n");
                return 2;
        }
        pollers = atoi(argv[2]);
        poll = (nsec_t) atoi(argv[3]) * NSEC_PER_MSEC;
        subscribers = atoi(argv[4]);
        end = start + (nsec_t) atoi(argv[5]) * NSEC_PER_SEC;
        if (pollers + subscribers + 1 > CLIENTS_MAX)
                return 2;

        (void) signal(SIGPIPE, SIG_IGN);
        epoll = epoll_create1(EPOLL_CLOEXEC);
        for (int i = 0; i < pollers; i++) {
                dial(&load, epoll, argv[1], POLLER);
                /* spread over the interval */
                load.clients[load.n - 1].next = start + (nsec_t) i * poll / (nsec_t) pollers;
        }
        for (int i = 0; i < subscribers; i++)
                dial(&load, epoll, argv[1], i == 0 ? SILENT : SUBSCRIBER);
        dial(&load, epoll, argv[1], STATUS);
        while (clock_nsec(CLOCK_MONOTONIC) < end)
                turn(&load, epoll, start, poll);

        now = clock_nsec(CLOCK_MONOTONIC);
        printf("elapsed %" PRIu64 "\n", now - start);
        print_quantiles("snapshot", &load.latencies[POLLER]);
        print_quantiles("status", &load.latencies[STATUS]);
        printf("streamed_count %" PRIu64 "\nbytes %" PRIu64 "\nsilent_dropped %" PRIu64 "\nlost %u\n",
               load.messages[SUBSCRIBER], load.bytes, load.silent_dropped, load.lost);
        for (size_t i = 0; i < ELEMENTSOF(load.latencies); i++)
                free(load.latencies[i].values);
        return EXIT_SUCCESS;
}

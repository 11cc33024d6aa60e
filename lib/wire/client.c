/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocking varlink client. */
#include "wire/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error.h"
#include "wire/frame.h"
#include "wire/varlink.h"

/* A listener whose queue is full makes connect() wait; a living one takes far less. */
#define CONNECT_TIMEOUT_SEC 10

#define READ_SIZE ((size_t) 64 * 1024)

struct WireClient {
        int fd;
        int timeout_ms;
        FrameInput input;
        bool outstanding; /* a reply is due */
        bool more;        /* and further ones may follow */
        bool broken;      /* no reply can be told from another any more */
};

int wire_client_new_fd(int fd, WireClient **ret) {
        WireClient *client;

        client = malloc(sizeof(*client));
        if (!client)
                return -ENOMEM;

        *client = (WireClient) {
                .fd = fd,
                .timeout_ms = WIRE_TIMEOUT_DEFAULT_MS,
                .input = FRAME_INPUT_INIT(VARLINK_REPLY_MAX),
        };
        *ret = client;
        return 0;
}

WireClient *wire_client_free(WireClient *client) {
        if (!client)
                return NULL;

        frame_input_deinit(&client->input);
        closep(&client->fd);
        free(client);
        return NULL;
}

static int socket_connect(const char *path, int *ret_fd) {
        const struct timeval patience = { .tv_sec = CONNECT_TIMEOUT_SEC };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        size_t length = strlen(path);

        if (length == 0)
                return -EINVAL;
        if (length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, length);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int wire_client_connect(const char *path, WireClient **ret, char **ret_error) {
        _cleanup_close_ int fd = -1;
        int r;

        if (strncmp(path, "unix:", 5) == 0)
                path += 5;

        r = socket_connect(path, &fd);
        if (r == 0)
                r = wire_client_new_fd(fd, ret);
        if (r < 0)
                return error_setf(ret_error, r, "%s: %s", path, error_text(r));

        (void) TAKE_FD(fd);
        return 0;
}

int wire_client_fd(const WireClient *client) {
        return client->fd;
}

void wire_client_set_timeout(WireClient *client, int timeout_ms) {
        client->timeout_ms = timeout_ms;
}

bool wire_client_pending(const WireClient *client) {
        /* Scanning only moves a mark that remembers what was scanned. */
        return frame_input_pending((FrameInput *) &client->input);
}

static nsec_t deadline_of(const WireClient *client) {
        if (client->timeout_ms < 0)
                return NSEC_INFINITY;
        return clock_nsec(CLOCK_MONOTONIC) + (nsec_t) client->timeout_ms * NSEC_PER_MSEC;
}

/* 0, WIRE_E_TIMEOUT, -EINTR or another -errno. */
static int wait_for(const WireClient *client, short events, nsec_t deadline) {
        struct pollfd pollfd = { .fd = client->fd, .events = events };
        struct timespec left;
        nsec_t now;
        int r;

        now = clock_nsec(CLOCK_MONOTONIC);
        now = deadline > now ? deadline - now : 0;
        left = (struct timespec) {
                .tv_sec = (time_t) (now / NSEC_PER_SEC),
                .tv_nsec = (long) (now % NSEC_PER_SEC),
        };

        r = ppoll(&pollfd, 1, deadline == NSEC_INFINITY ? NULL : &left, NULL);
        if (r < 0)
                return -errno;
        return r == 0 ? WIRE_E_TIMEOUT : 0;
}

static int send_all(WireClient *client, FrameOutput *output) {
        nsec_t deadline = deadline_of(client);
        int r;

        for (;;) {
                r = frame_output_write(output, client->fd);
                if (r == FRAME_E_CLOSED)
                        return WIRE_E_CLOSED;
                if (r != FRAME_E_AGAIN)
                        return r;

                r = wait_for(client, POLLOUT, deadline);
                if (r != 0 && r != -EINTR)
                        return r;
        }
}

static int send_call(WireClient *client, const char *method, json_t *parameters,
                     VarlinkMode mode) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(VARLINK_REPLY_MAX);
        json_auto_t *stolen = parameters;
        int r;

        if (client->broken)
                return WIRE_E_CLOSED;
        if (client->outstanding)
                return -EBUSY;

        r = varlink_call_write(&output, method, stolen, mode);
        if (r != 0)
                return r == FRAME_E_TOO_BIG ? -EMSGSIZE : r;

        r = send_all(client, &output);
        /* Part of a message may be out: nothing can follow it. */
        client->broken = r != 0;
        client->outstanding = r == 0 && mode != VARLINK_ONEWAY;
        client->more = mode == VARLINK_MORE;
        return r;
}

int wire_client_send(WireClient *client, const char *method, json_t *parameters) {
        return send_call(client, method, parameters, VARLINK_ONEWAY);
}

int wire_client_start(WireClient *client, const char *method, json_t *parameters) {
        return send_call(client, method, parameters, VARLINK_MORE);
}

/* The next message, which stays valid until the next read. */
static int receive(WireClient *client, nsec_t deadline, const char **ret_text, size_t *ret_size) {
        int r;

        for (;;) {
                r = frame_input_next(&client->input, ret_text, ret_size);
                if (r == FRAME_E_TOO_BIG)
                        return -EMSGSIZE;
                if (r == 0)
                        return 0;

                r = frame_input_read(&client->input, client->fd, READ_SIZE);
                if (r == FRAME_E_AGAIN)
                        r = wait_for(client, POLLIN, deadline);
                else if (r == FRAME_E_CLOSED)
                        r = WIRE_E_CLOSED;
                if (r != 0)
                        return r;
        }
}

/* A reply that makes no sense means that the next one makes none either. */
static int next_reply(WireClient *client, nsec_t deadline, VarlinkReply *ret) {
        const char *text;
        size_t size;
        int r;

        r = receive(client, deadline, &text, &size);
        if (r == 0) {
                r = varlink_reply_parse(text, size, ret, NULL);
                if (r == VARLINK_E_MALFORMED)
                        r = -EBADMSG;
        }
        if (r == 0 && ret->continues && !client->more) {
                varlink_reply_deinit(ret);
                r = -EBADMSG;
        }
        if (r != 0 && r != WIRE_E_TIMEOUT && r != -EINTR)
                client->broken = true;
        return r;
}

static int next(WireClient *client, nsec_t deadline, bool *ret_continues, json_t **ret_parameters,
                char **ret_error_name) {
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = {};
        int r;

        if (client->broken)
                return WIRE_E_CLOSED;
        if (!client->outstanding)
                return -EINVAL;

        r = next_reply(client, deadline, &reply);
        if (r != 0)
                return r;

        client->outstanding = reply.continues;
        if (ret_continues)
                *ret_continues = reply.continues;
        if (ret_parameters)
                *ret_parameters = TAKE_PTR(reply.parameters);
        if (!reply.error)
                return 0;
        if (ret_error_name)
                *ret_error_name = TAKE_PTR(reply.error);
        return WIRE_E_ERROR;
}

int wire_client_next(WireClient *client, bool *ret_continues, json_t **ret_parameters,
                     char **ret_error_name) {
        return next(client, deadline_of(client), ret_continues, ret_parameters, ret_error_name);
}

int wire_client_call(WireClient *client, const char *method, json_t *parameters,
                     json_t **ret_parameters, char **ret_error_name) {
        nsec_t deadline;
        int r;

        r = send_call(client, method, parameters, VARLINK_ONE);
        if (r != 0)
                return r;

        /* One deadline for all: a timer's signals must not put it off for ever. */
        deadline = deadline_of(client);
        do
                r = next(client, deadline, NULL, ret_parameters, ret_error_name);
        while (r == -EINTR);
        return r;
}

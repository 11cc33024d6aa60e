/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How peers come to the varlink server: a path, an inherited socket, a connection handed over. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/error.h"
#include "control-internal.h"

struct Listener {
        Control *control;
        Listener *next;
        int fd;
        sd_event_source *io;
        sd_event_source *resume;
        char *path; /* of a socket made here */
        dev_t device;
        ino_t inode;
};

/* Removes the socket, unless another one has taken its place. */
static void remove_path(const Listener *listener) {
        struct stat st;

        if (!listener->path || lstat(listener->path, &st) < 0)
                return;
        if (st.st_dev == listener->device && st.st_ino == listener->inode)
                (void) unlink(listener->path);
}

Listener *listener_free(Listener *listener) {
        Listener *next = listener->next;

        remove_path(listener);
        sd_event_source_disable_unref(listener->io);
        sd_event_source_disable_unref(listener->resume);
        closep(&listener->fd);
        free(listener->path);
        free(listener);
        return next;
}

static void count_connections(const Control *control, uid_t uid, unsigned *ret_all,
                              unsigned *ret_user) {
        unsigned all = 0, user = 0;

        for (const Connection *c = control->connections; c; c = c->next) {
                all += !c->exempt;
                user += !c->exempt && c->peer.uid == uid;
        }
        *ret_all = all;
        *ret_user = user;
}

/* A peer that tries again and again shall not fill the log. */
static void log_refusal(Control *control, const ControlPeer *peer) {
        nsec_t now = control_now(control);

        control->counters.refused++;
        if (control->refusal_logged > 0 && now - control->refusal_logged < NSEC_PER_SEC)
                return;

        control_log(control, CONTROL_REFUSED, peer,
                    "client %d of user %u refused: too many connections (%" PRIu64 " refused so far)",
                    (int) peer->pid, (unsigned) peer->uid, control->counters.refused);
        control->refusal_logged = now;
}

/* Whether one more is too many. */
static bool is_full(const Control *control, uid_t uid) {
        const ControlLimits *limits = &control->config.limits;
        unsigned all, user;

        count_connections(control, uid, &all, &user);
        return all >= limits->connections + (uid == 0 ? limits->connections_root : 0) ||
               (uid != 0 && user >= limits->connections_per_uid);
}

/* To refuse must cost as little as possible: somebody may try as fast as he can. */
static void take_connection(Control *control, int fd) {
        struct ucred ucred = {};
        socklen_t size = sizeof(ucred);
        Connection *c;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0 || is_full(control, ucred.uid)) {
                closep(&fd);
                log_refusal(control, &(const ControlPeer) { .uid = ucred.uid, .gid = ucred.gid, .pid = ucred.pid });
                return;
        }
        r = connection_new(control, fd, false, &c);
        if (r < 0)
                control_log(control, CONTROL_REFUSED, NULL, "client refused: %s", error_text(r));
        else
                control->counters.accepted++;
}

/* Without descriptors or memory the connection stays in the queue, and the listener readable: it is
 * left alone for a while instead of trying for ever. */
static void pause_listener(Listener *listener, int error) {
        uint64_t pause = listener->control->config.limits.accept_pause / NSEC_PER_USEC;

        control_log(listener->control, CONTROL_PAUSED, NULL, "cannot accept connections for now: %s",
                    error_text(error));
        (void) sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
        (void) sd_event_source_set_time_relative(listener->resume, pause);
        (void) sd_event_source_set_enabled(listener->resume, SD_EVENT_ONESHOT);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata) {
        Listener *listener = userdata;

        return sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
}

/* Several at a time: who connects again and again must not be faster than this. */
static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Listener *listener = userdata;

        for (unsigned i = 0; i < listener->control->config.limits.accept_batch; i++) {
                int connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (connection >= 0)
                        take_connection(listener->control, connection);
                else if (errno == EAGAIN)
                        return 0;
                else if (errno != EINTR && errno != ECONNABORTED) {
                        pause_listener(listener, -errno);
                        return 0;
                }
        }
        return 0;
}

static int add_sources(Listener *listener) {
        const ControlLimits *limits = &listener->control->config.limits;
        sd_event *event = listener->control->event;
        int r;

        r = sd_event_add_io(event, &listener->io, listener->fd, EPOLLIN, on_accept, listener);
        if (r < 0)
                return r;
        r = sd_event_source_set_ratelimit(listener->io, limits->accept_interval / NSEC_PER_USEC,
                                          limits->accept_burst);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &listener->resume, CLOCK_MONOTONIC, 0, 0, on_resume,
                                       listener);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(listener->resume, SD_EVENT_OFF);
}

/* Takes the descriptor in any case; `path` is copied, NULL for a socket that others made. */
static int add_listener(Control *control, int fd, const char *path) {
        Listener *listener;
        struct stat st = {};
        int r;

        listener = malloc(sizeof(*listener));
        if (!listener) {
                closep(&fd);
                return -ENOMEM;
        }

        if (path && lstat(path, &st) < 0)
                st = (struct stat) {};
        *listener = (Listener) {
                .control = control,
                .fd = fd,
                .path = path ? strdup(path) : NULL,
                .device = st.st_dev,
                .inode = st.st_ino,
        };

        r = path && !listener->path ? -ENOMEM : add_sources(listener);
        if (r < 0) {
                listener_free(listener);
                return r;
        }

        listener->next = control->listeners;
        control->listeners = listener;
        return 0;
}

static int make_parent(const char *path) {
        _cleanup_free_ char *copy = strdup(path);
        const char *parent;

        if (!copy)
                return -ENOMEM;

        parent = dirname(copy);
        if (mkdir(parent, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        /* Whatever the umask: clients of other users must get through. */
        return chmod(parent, 0755) < 0 ? -errno : 0;
}

/* 0: nobody answers, the socket may be removed. */
static int probe(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        /* Never remove what is no socket. */
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0 ||
            errno == EAGAIN)
                return CONTROL_E_IN_USE;
        return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int bind_path(int fd, const struct sockaddr_un *address) {
        int r;

        if (bind(fd, (const struct sockaddr *) address, sizeof(*address)) == 0)
                return 0;
        if (errno != EADDRINUSE)
                return -errno;

        r = probe(address);
        if (r != 0)
                return r;
        if (unlink(address->sun_path) < 0 && errno != ENOENT)
                return -errno;
        return bind(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 ? -errno : 0;
}

/* Between bind() and listen() nobody can connect: the order of the rights does not matter. */
static int open_path(const char *path, mode_t mode, gid_t group, int *ret_fd) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));

        r = make_parent(path);
        if (r < 0)
                return r;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        r = bind_path(fd, &address);
        if (r != 0)
                return r;
        if ((group != (gid_t) -1 && lchown(path, (uid_t) -1, group) < 0) || chmod(path, mode) < 0 ||
            listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                (void) unlink(path);
                return r;
        }

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int control_listen_path(Control *control, const char *path, mode_t mode, gid_t group,
                        char **ret_error) {
        int fd, r;

        r = open_path(path, mode, group, &fd);
        if (r == 0)
                r = add_listener(control, fd, path);
        if (r == CONTROL_E_IN_USE)
                return error_setf(ret_error, r, "%s: somebody answers there already", path);
        if (r == -EEXIST)
                return error_setf(ret_error, r, "%s: it is there, and it is no socket", path);
        if (r < 0)
                return error_setf(ret_error, r, "%s: %s", path, error_text(r));
        return 0;
}

static void free_names(char ***names) {
        for (char **name = *names; name && *name; name++)
                free(*name);
        free(*names);
}

static int take_inherited(Control *control, int fd, char **ret_error) {
        int flags, r;

        r = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);
        if (r < 0)
                return error_setf(ret_error, r, "inherited descriptor %d: %s", fd, error_text(r));
        if (r == 0)
                return error_setf(ret_error, -ENOTSOCK,
                                  "inherited descriptor %d is no listening unix stream socket", fd);

        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return error_setf(ret_error, -errno, "inherited descriptor %d: %m", fd);

        r = add_listener(control, fd, NULL);
        return r < 0 ? error_setf(ret_error, r, "inherited descriptor %d: %s", fd, error_text(r))
                     : 0;
}

int control_listen_inherited(Control *control, const char *name, char **ret_error) {
        _cleanup_(free_names) char **names = NULL;
        bool found = false;
        int n, r;

        n = sd_listen_fds_with_names(false, &names);
        if (n < 0)
                return error_setf(ret_error, n, "inherited descriptors: %s", error_text(n));

        for (int i = 0; i < n; i++) {
                if (!streq(names[i], name))
                        continue;
                r = take_inherited(control, SD_LISTEN_FDS_START + i, ret_error);
                if (r < 0)
                        return r;
                found = true;
        }
        return found ? 0 : CONTROL_E_NONE;
}

int control_add_connection(Control *control, int fd, void (*closed)(void *userdata),
                           void *userdata) {
        Connection *c;
        int r;

        r = connection_new(control, fd, true, &c);
        if (r < 0)
                return r;

        c->closed = closed;
        c->closed_userdata = userdata;
        return 0;
}

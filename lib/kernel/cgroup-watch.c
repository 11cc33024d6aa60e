/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watching cgroups come and go. */
#include "kernel/cgroup-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/macro.h"
#include "kernel/cgroup.h"

/* ---- Paths ---- */

bool cgroup_is_within(const char *path, const char *above) {
        size_t n = strlen(above);

        if (n == 1)
                return true; /* "/" */
        return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* As strcmp(), but '/' is the least of all characters: so nothing stands between a path and what is below it. */
static int compare_paths(const char *a, const char *b) {
        for (; *a && *a == *b; a++)
                b++;
        if (*a == *b)
                return 0;
        if (*a == '\0' || *b == '\0')
                return *a == '\0' ? -1 : 1;
        if (*a == '/' || *b == '/')
                return *a == '/' ? -1 : 1;
        return (unsigned char) *a < (unsigned char) *b ? -1 : 1;
}

static char *join(const char *path, const char *name) {
        char *joined;

        return asprintf(&joined, "%s/%s", path[1] ? path : "", name) < 0 ? NULL : joined;
}

/* ---- Nodes ---- */

/* Where the path is, or would be. */
static size_t place_of(const CgroupWatch *w, const char *path) {
        size_t low = 0, high = w->n_nodes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_paths(w->nodes[middle]->path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

CgroupNode *cgroup_watch_find(const CgroupWatch *w, const char *path) {
        size_t i = place_of(w, path);

        return i < w->n_nodes && streq(w->nodes[i]->path, path) ? w->nodes[i] : NULL;
}

static void node_free(CgroupWatch *w, CgroupNode *node) {
        /* the kernel drops the watches of what is gone by itself */
        if (node->on_dir >= 0)
                (void) inotify_rm_watch(w->inotify, node->on_dir);
        if (node->on_events >= 0)
                (void) inotify_rm_watch(w->inotify, node->on_events);
        free(node->path);
        free(node);
}

static void remove_nodes(CgroupWatch *w, size_t i, size_t n) {
        for (size_t k = i; k < i + n; k++)
                node_free(w, w->nodes[k]);
        memmove(&w->nodes[i], &w->nodes[i + n], (w->n_nodes - i - n) * sizeof(CgroupNode *));
        w->n_nodes -= n;
}

/* The path and all below it. */
static void drop(CgroupWatch *w, const char *path) {
        size_t i = place_of(w, path), n = 0;

        while (i + n < w->n_nodes && cgroup_is_within(w->nodes[i + n]->path, path))
                n++;
        if (n > 0)
                remove_nodes(w, i, n);
}

static int reserve(CgroupWatch *w) {
        CgroupNode **nodes;
        size_t n;

        if (w->n_nodes < w->allocated)
                return 0;
        n = MAX(w->allocated * 2, (size_t) 16);
        nodes = reallocarray(w->nodes, n, sizeof(CgroupNode *));
        if (!nodes)
                return -ENOMEM;
        w->nodes = nodes;
        w->allocated = n;
        return 0;
}

static int insert(CgroupWatch *w, const char *path, CgroupNode **ret) {
        size_t i = place_of(w, path);
        CgroupNode *node;
        int r;

        r = reserve(w);
        if (r < 0)
                return r;
        node = calloc(1, sizeof(*node));
        if (!node)
                return -ENOMEM;
        *node = (CgroupNode) { .path = strdup(path), .on_dir = -1, .on_events = -1 };
        if (!node->path) {
                free(node);
                return -ENOMEM;
        }

        memmove(&w->nodes[i + 1], &w->nodes[i], (w->n_nodes - i) * sizeof(CgroupNode *));
        w->nodes[i] = node;
        w->n_nodes++;
        *ret = node;
        return 0;
}

/* ---- Looking ---- */

/* A path to look at, the next of which waits behind it. */
typedef struct Queue {
        char **paths;
        size_t n;
        size_t allocated;
} Queue;

static void queue_deinit(Queue *queue) {
        while (queue->n > 0)
                free(queue->paths[--queue->n]);
        free(queue->paths);
}

/* Takes the path over. */
static int queue_push(Queue *queue, char *path) {
        char **paths;

        if (!path)
                return -ENOMEM;
        if (queue->n == queue->allocated) {
                paths = reallocarray(queue->paths, queue->allocated * 2 + 16, sizeof(char *));
                if (!paths) {
                        free(path);
                        return -ENOMEM;
                }
                queue->paths = paths;
                queue->allocated = queue->allocated * 2 + 16;
        }
        queue->paths[queue->n++] = path;
        return 0;
}

/* A watch on what is open at fd, or below it. -1: none, for there are too many, or it is gone. */
static int add_watch(const CgroupWatch *w, int fd, const char *file, uint32_t mask) {
        char path[64];

        if (w->inotify < 0)
                return -1;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, file);
        return inotify_add_watch(w->inotify, path, mask);
}

/* Watches first, reads then: what happens in between is told twice rather than never. */
static void begin(const CgroupWatch *w, CgroupNode *node, int fd) {
        if (node->on_dir < 0)
                node->on_dir = add_watch(w, fd, ".", IN_CREATE | IN_DELETE | IN_ONLYDIR);
        if (node->on_events < 0 && node->members)
                node->on_events = add_watch(w, fd, "cgroup.events", IN_MODIFY);
}

static int push_children(const CgroupNode *node, DIR *dir, Queue *queue) {
        struct dirent *entry;
        int r = 0;

        while (r == 0 && (entry = readdir(dir)))
                if (entry->d_type == DT_DIR && !streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = queue_push(queue, join(node->path, entry->d_name));
        return r;
}

/* Takes note of one directory, and of what is to be looked at next. */
static int enter(CgroupWatch *w, const char *path, CgroupInterest interest, int fd, Queue *queue) {
        _cleanup_(closedirp) DIR *dir = NULL;
        CgroupNode *node = cgroup_watch_find(w, path);
        bool populated;
        struct stat st;
        int r;

        r = dir_take(fd, &dir);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (node && node->inode != st.st_ino) {
                drop(w, path);
                node = NULL;
        }
        if (!node) {
                if (w->n_nodes >= w->nodes_max) {
                        w->n_left_out++;
                        return 0;
                }
                r = insert(w, path, &node);
                if (r < 0)
                        return r;
                node->inode = st.st_ino;
                node->fresh = true;
        }

        node->walk = w->walk;
        node->members = interest == CGROUP_MEMBERS;
        begin(w, node, fd);
        populated = cgroup_is_populated(fd);
        node->fresh |= populated != node->populated;
        node->populated = populated;
        return push_children(node, dir, queue);
}

static int look_at(CgroupWatch *w, const char *path, Queue *queue) {
        CgroupInterest interest = w->interest(w->userdata, path);
        int fd;

        if (interest == CGROUP_NONE)
                return 0;
        fd = cgroup_open_dir(w->roots, path);
        switch (fd) {
        case -ENOENT: /* gone meanwhile: that will be told */
        case -ENODEV:
        case -ENOTDIR:
        case -ENAMETOOLONG:
                return 0;
        case -EACCES:
        case -EPERM:
                w->n_denied++;
                return 0;
        }
        return fd < 0 ? fd : enter(w, path, interest, fd, queue);
}

/* The path, and all below it. */
static int walk(CgroupWatch *w, const char *path) {
        _cleanup_(queue_deinit) Queue queue = {};
        int r;

        r = queue_push(&queue, strdup(path));
        while (r == 0 && queue.n > 0) {
                _cleanup_free_ char *next = queue.paths[--queue.n];

                r = look_at(w, next, &queue);
        }
        return r;
}

int cgroup_watch_look(CgroupWatch *w) {
        int r;

        w->walk++;
        w->stale = false;
        w->n_denied = w->n_left_out = 0;
        r = walk(w, "/");
        if (r < 0) {
                w->stale = true;
                return r;
        }
        for (size_t i = w->n_nodes; i > 0; i--)
                if (w->nodes[i - 1]->walk != w->walk)
                        remove_nodes(w, i - 1, 1);
        return 0;
}

int cgroup_watch_init(CgroupWatch *w, const RootFds *roots, cgroup_interest_t interest, void *userdata) {
        int r;

        *w = (CgroupWatch) {
                .roots = roots,
                .interest = interest,
                .userdata = userdata,
                .inotify = -1,
                .nodes_max = CGROUP_NODES_MAX,
        };
        if (!cgroup_is_unified(roots))
                return CGROUP_E_NONE;

        w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        r = cgroup_watch_look(w);
        if (r < 0)
                cgroup_watch_deinit(w);
        return r;
}

void cgroup_watch_deinit(CgroupWatch *w) {
        remove_nodes(w, 0, w->n_nodes);
        free(w->nodes);
        closep(&w->inotify);
        *w = (CgroupWatch) { .inotify = -1 };
}

size_t cgroup_watch_unnoticed(const CgroupWatch *w) {
        size_t n = 0;

        for (size_t i = 0; i < w->n_nodes; i++) {
                const CgroupNode *node = w->nodes[i];

                /* the root has no cgroup.events */
                n += node->on_dir < 0 || (node->members && node->on_events < 0 && node->path[1]);
        }
        return n;
}

/* ---- Events ---- */

static CgroupNode *find_watch(const CgroupWatch *w, int wd) {
        for (size_t i = 0; i < w->n_nodes; i++)
                if (w->nodes[i]->on_dir == wd || w->nodes[i]->on_events == wd)
                        return w->nodes[i];
        return NULL;
}

static void note_events_file(CgroupWatch *w, CgroupNode *node) {
        int fd = cgroup_open(w->roots, node->path);

        node->populated = fd >= 0 && cgroup_is_populated(fd);
        node->fresh = true;
        closep(&fd);
}

static int take_event(CgroupWatch *w, const struct inotify_event *event) {
        _cleanup_free_ char *path = NULL;
        CgroupNode *node;

        if (event->mask & IN_Q_OVERFLOW) {
                w->stale = true;
                return 0;
        }
        node = find_watch(w, event->wd);
        if (!node)
                return 0; /* of one that was dropped before */
        if (event->mask & IN_IGNORED) {
                if (node->on_dir == event->wd)
                        node->on_dir = -1;
                else
                        node->on_events = -1;
                return 0;
        }
        if (event->wd == node->on_events) {
                note_events_file(w, node);
                return 0;
        }
        if (!(event->mask & IN_ISDIR) || event->len == 0)
                return 0;
        path = join(node->path, event->name);
        if (!path)
                return -ENOMEM;
        if (event->mask & IN_CREATE)
                return walk(w, path);
        drop(w, path);
        return 0;
}

/* Events are many when cgroups come by the thousand: the rest waits for the next call. */
#define READS_MAX 64

int cgroup_watch_read(CgroupWatch *w, bool *ret_changed) {
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        bool changed = false;
        ssize_t n;
        int r = 0;

        for (int i = 0; i < READS_MAX && r == 0; i++) {
                n = read(w->inotify, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        r = n == 0 || errno == EAGAIN ? 0 : -errno;
                        break;
                }
                changed = true;
                for (const char *p = buffer; p < buffer + n && r == 0;) {
                        const struct inotify_event *event = (const struct inotify_event *) (const void *) p;

                        r = take_event(w, event);
                        p += sizeof(*event) + event->len;
                }
        }
        if (r < 0)
                w->stale = true;
        *ret_changed = changed;
        return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of the tree of cgroups (of the unified hierarchy), kept up to date by inotify: directories that come and go,
 * and cgroup.events of each, which tells when the first process comes and the last one goes. What happens between
 * events is not lost: every directory is watched before it is read, and the whole is looked at again on demand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

/* What somebody wants of a cgroup; a function of its path alone. */
typedef enum CgroupInterest {
        CGROUP_NONE,    /* nothing, and nothing of what is below it */
        CGROUP_PASSAGE, /* not its processes, but there may be something below it */
        CGROUP_MEMBERS, /* its processes, and those of what is below it */
} CgroupInterest;

typedef CgroupInterest (*cgroup_interest_t)(void *userdata, const char *path);

typedef struct CgroupNode {
        char *path;      /* "/" or "/a.slice/b.service" */
        uint64_t inode;  /* one that was made anew under the same path has another */
        uint64_t walk;   /* when it was last looked at */
        int on_dir;      /* watches; -1: none */
        int on_events;
        bool members;    /* its processes are wanted */
        bool populated;  /* it, or one below it, has processes */
        bool fresh;      /* something may have changed since its processes were last read; the reader's to clear */
} CgroupNode;

typedef struct CgroupWatch {
        const RootFds *roots; /* borrowed */
        cgroup_interest_t interest;
        void *userdata;
        int inotify;          /* to be polled for reading; -1: none, then looking again is all there is */
        CgroupNode **nodes;   /* by path; what is below a path follows it without a gap */
        size_t n_nodes;
        size_t allocated;
        uint64_t walk;
        bool stale;           /* events were lost: it is to be looked at again */
        size_t n_denied;      /* directories that may not be read, in the last look at the whole */
        size_t n_left_out;    /* beyond nodes_max, likewise */
        size_t nodes_max;     /* CGROUP_NODES_MAX, unless it is changed after the start */
} CgroupWatch;

#define CGROUP_NODES_MAX 16384

/* No unified hierarchy is mounted. */
enum {
        CGROUP_E_NONE = 1,
};

/* Begins to watch. 0, CGROUP_E_NONE or -errno. */
int cgroup_watch_init(CgroupWatch *watch, const RootFds *roots, cgroup_interest_t interest, void *userdata);
void cgroup_watch_deinit(CgroupWatch *watch);

/* Looks at the whole: what was overlooked is found, what has gone is dropped. 0 or -errno. */
int cgroup_watch_look(CgroupWatch *watch);

/* Takes in what inotify has to tell. *ret_changed: whether anything came, went, or is fresh. 0 or -errno. */
int cgroup_watch_read(CgroupWatch *watch, bool *ret_changed);

/* How many give no notice of changes, for the limits on inotify are reached: only the next look at the whole sees
 * these. */
size_t cgroup_watch_unnoticed(const CgroupWatch *watch);

/* The node of that path, or NULL. */
CgroupNode *cgroup_watch_find(const CgroupWatch *watch, const char *path);

/* Whether `path` is `above`, or below it. */
bool cgroup_is_within(const char *path, const char *above);

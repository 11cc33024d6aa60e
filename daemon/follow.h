/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes a monitor watches: those named by pid or command, and the children they fork. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/pidref.h"
#include "config/config.h"

/* One process that is followed. */
typedef struct Followed {
        PidRef ref;
        uint64_t target; /* the monitor's id for it */
        uint32_t address_space; /* as last seen, to notice an exec */
        bool children;   /* whether what it forks is followed, too */
        bool named;      /* by pid or command; otherwise it is the child of one that is followed */
        uint32_t spec;   /* which entry of the configuration it, or the ancestor that was named, comes from */
        sd_event_source *exit; /* NULL where the kernel has no pidfds */
} Followed;

/* A followed process has ended: learned from its pidfd, so at once, and never fooled by a reused pid. */
typedef void (*follow_exit_t)(void *userdata, uint64_t target);

typedef struct Follower {
        sd_event *event; /* borrowed */
        follow_exit_t on_exit;
        void *userdata;
        const RootFds *roots; /* borrowed */
        const TargetConfig *specs; /* borrowed */
        size_t n_specs;
        Followed *followed;
        size_t n_followed;
        size_t allocated;
        bool full_scans; /* this kernel has no /proc/PID/task/TID/children */
} Follower;

/* Called for every process that shall become a target. Takes over ref when it returns 0 and sets
 * *ret_target. `named`: not found as somebody's child. Positive: not now (gone, denied …), ref stays the
 * caller's. Negative: fatal. */
typedef int (*follow_add_t)(void *userdata, const PidRef *ref, const ProcStat *stat, bool named,
                            uint64_t *ret_target);

void follower_init(Follower *follower, const RootFds *roots, const TargetConfig *specs, size_t n_specs);

/* Tells of exits from now on. */
void follower_watch_exits(Follower *follower, sd_event *event, follow_exit_t on_exit, void *userdata);

void follower_deinit(Follower *follower);

/* Looks for processes named by command that are not followed yet: reads all of /proc. 0 or -errno. */
int follower_scan_commands(Follower *follower, follow_add_t add, void *userdata);

/* Looks for children of what is followed. 0 or -errno. */
int follower_scan_children(Follower *follower, follow_add_t add, void *userdata);

/* Follows one process by pid; one that is followed already is followed once. 0, PIDREF_E_GONE, what add
 * returned, or -errno. */
int follower_add_pid(Follower *follower, pid_t pid, bool children, follow_add_t add, void *userdata);

/* Forgets the process behind a target. */
void follower_forget(Follower *follower, uint64_t target);

Followed *follower_find(Follower *follower, uint64_t target);
bool follower_wants_commands(const Follower *follower);

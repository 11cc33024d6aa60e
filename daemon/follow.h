/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes a monitor watches: those that entries of its configuration describe, and the children they fork.
 *
 * One process is one target of a monitor, whatever number of entries it fits: the first of them in the order of the
 * file has it. Never a target: kernel threads, zombies, and what may not be looked at. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/file.h"
#include "base/pidref.h"
#include "config/config.h"
#include "follow-others.h"
#include "kernel/cgroup-watch.h"
#include "kernel/cgroup.h"

/* One process that is followed. */
typedef struct Followed {
        PidRef ref;
        uint64_t target; /* the monitor's id for it */
        uint32_t address_space; /* as last seen, to notice an exec */
        bool children;   /* whether what it forks is followed, too */
        bool named;      /* by an entry of the configuration; otherwise it is the child of one that is followed */
        bool news;       /* … that asks for a pid or a command, so that people want to hear of it */
        bool scanned;    /* the children that it had when it was found have been looked for */
        bool over;       /* it has ended, or left: it only waits to be forgotten, and its pid may be another's */
        uint32_t spec;   /* which entry of the configuration it, or the ancestor that was named, is of */
        uid_t uid;       /* its effective user */
        char *cgroup;    /* its path below the hierarchy's root; NULL: not known */
        nsec_t since;    /* CLOCK_MONOTONIC */
        uint64_t pass;   /* of the search in cgroups that last found it */
        struct FollowExit *exit; /* NULL where the kernel has no pidfds */
} Followed;

/* Why a process is not to be watched any more. */
typedef enum FollowEnd {
        FOLLOW_EXITED, /* learned from its pidfd, so at once, and never fooled by a reused pid */
        FOLLOW_LEFT,   /* it is not what its entry describes any more */
} FollowEnd;

/* A process becomes a target: takes over ref when it returns 0 and sets *ret_target. `news`: a pid or a command was
 * asked for, and this is one. Positive: not now (gone, denied …), ref stays the caller's. Negative: fatal. */
typedef int (*follow_add_t)(void *userdata, const PidRef *ref, const ProcStat *stat, bool news,
                            uint64_t *ret_target);

/* What a follower tells. */
typedef struct FollowEvents {
        follow_add_t add;
        void (*end)(void *userdata, uint64_t target, FollowEnd how);
        void (*wake)(void *userdata); /* there may be something new: follower_scan() is worth it now */
        void *userdata;
} FollowEvents;

/* A new process that is not followed, and how often it was looked at again. */
typedef struct FollowYoung {
        pid_t pid;
        unsigned looks; /* that are left */
        nsec_t born;    /* CLOCK_BOOTTIME, of one that is only too young; else 0 */
} FollowYoung;

/* What add returns when there are as many targets as the monitor has room for, or open files as there may be. */
enum {
        FOLLOW_E_NO_ROOM = 16,
        FOLLOW_E_NO_DESCRIPTORS = 17,
};

#define UID_NONE ((uid_t) -1)

/* An entry of the configuration, and what came of it. */
typedef struct FollowSpec {
        const TargetConfig *config; /* borrowed */
        uid_t uid; /* of its user; UID_NONE: there is none of that name */
        size_t n_cgroups; /* that are what it asks for; 0: it waits for one */
        size_t n_targets; /* children included */
        uint64_t n_found; /* since the beginning */
        uint64_t n_ended;
        uint64_t n_left;
        uint64_t n_vanished; /* times that the last of its cgroups went */
} FollowSpec;

typedef struct Follower {
        sd_event *event; /* borrowed; NULL: nothing is told by itself */
        FollowEvents events;
        const RootFds *roots; /* borrowed */
        FollowSpec *specs;
        size_t n_specs;

        Followed *followed; /* by target */
        size_t n_followed;
        size_t allocated;
        struct FollowedPid *by_pid; /* of those that are not over, by pid */
        size_t n_by_pid;

        CgroupWatch cgroups;
        bool has_cgroups; /* there are such entries, and a hierarchy */
        bool no_hierarchy;
        sd_event_source *inotify;
        PidList procs;
        Others others;    /* of these cgroups, not followed */
        nsec_t next_look; /* at the whole tree */

        DIR *round;          /* through /proc */
        bool hasten;         /* … in large steps: it is the first, or much was missed */
        bool uncounted;      /* pids are not given away in the order that this /proc tells */
        pid_t last_pid;      /* that was looked at when it was new */
        FollowYoung *young;  /* new ones that may still become what is looked for */
        size_t n_young;
        Others small;        /* what lacks nothing but size */
        nsec_t next_children;
        size_t next_parent;  /* whose children are looked for, in turns */
        bool full_scans;     /* this kernel has no /proc/PID/task/TID/children */

        nsec_t patience;     /* so old a process is to be, while very many are new */
        nsec_t before;       /* CLOCK_BOOTTIME: so long ago is that at this scan */
        uint64_t n_new;      /* that are what is looked for, followed or too young, since follower_govern() */

        nsec_t next_users;
        size_t next_user;
        uint64_t pass;       /* scans */
        uint64_t looks;      /* processes looked at */
        uint64_t n_no_room;  /* times that one found no room */
} Follower;

/* targets are borrowed. 0 or -errno. */
int follower_init(Follower *follower, const RootFds *roots, const TargetConfig *targets, size_t n,
                  const FollowEvents *events, sd_event *event);
void follower_deinit(Follower *follower);

/* Looks for what is not followed yet, and whether what is followed still fits: about once a second. 0 or -errno. */
int follower_scan(Follower *follower, nsec_t now);

/* Processes that come and go by the dozen a second take most of what following costs, and nothing is learned of them.
 * If the daemon uses `ratio` times what it may, above 1, and this follower the share `used` of that, only such as have
 * lived for a while are followed: for up to half a minute. `elapsed`: since the last call. */
void follower_govern(Follower *follower, double ratio, double used, nsec_t elapsed);

/* Follows one process by pid; one that is followed already is followed once. 0, PIDREF_E_GONE, what add
 * returned, or -errno. */
int follower_add_pid(Follower *follower, pid_t pid);

/* Forgets the process behind a target. */
void follower_forget(Follower *follower, uint64_t target);

/* It is not to be watched any more, though it lives: ends as FOLLOW_LEFT. */
void follower_leave(Follower *follower, uint64_t target);

Followed *follower_find(Follower *follower, uint64_t target);

/* What is followed under that pid, and not over; NULL: nothing. */
Followed *follower_find_pid(Follower *follower, pid_t pid);

/* Whether processes may come by themselves. */
bool follower_can_grow(const Follower *follower);

/* What an entry waits for, or NULL. */
const char *follower_spec_waits_for(const Follower *follower, size_t i);

/* What it waits for, while nothing is followed. Allocated; NULL: nothing to say. */
char *follower_waits_for(const Follower *follower);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of following processes share. */
#pragma once

#include "follow.h"

struct FollowedPid {
        pid_t pid;
        uint64_t target;
};

/* ---- follow.c ---- */

/* Whether it is followed: with a start time, so that a reused pid is another one. */
bool follow_knows(Follower *follower, pid_t pid, uint64_t start_time);

/* Whether that pid is followed and can be nobody else's: a pidfd would have told the end. */
bool follow_is_certain(Follower *follower, pid_t pid);

/* Whether it has lived for long enough to be followed; otherwise *ret_born is when it began. */
bool follow_is_ripe(Follower *follower, const ProcStat *stat, nsec_t *ret_born);

/* Offers a process, to be followed like `as` (children, named, spec); forgets about it where it has gone meanwhile or
 * is another one by now. cgroup: its path, or NULL to have it read. What add returned, PIDREF_E_GONE or -errno. */
int follow_offer(Follower *follower, const ProcStat *stat, const Followed *as, const char *cgroup);

/* It is over with one that lives. */
void follow_leave(Follower *follower, Followed *followed);

/* Whether an error is to end a scan: only a lack of memory or of descriptors does. */
bool follow_is_fatal(int r);

/* ---- follow-match.c ---- */

/* What an entry wants of a cgroup, by its path. */
CgroupInterest spec_interest(const FollowSpec *spec, const char *cgroup);

/* Whether the entry searches cgroups; otherwise, if it is not about a pid, /proc. */
bool spec_has_cgroup(const FollowSpec *spec);

typedef enum SpecFit {
        SPEC_NOT,
        SPEC_SMALL, /* all but its size fits */
        SPEC_FITS,
} SpecFit;

/* Whether a process is what the entry describes, which is not one with a pid. cgroup: NULL where it is not known. */
SpecFit spec_fits(const FollowSpec *spec, const RootFds *roots, const ProcStat *stat, const char *cgroup);

/* The parts of it that can end while the process lives: cgroup, unit and user. uid: its effective user. */
bool spec_still_fits(const FollowSpec *spec, uid_t uid, const char *cgroup);

/* What may be watched of what was read: kernel threads have no memory of their own, zombies none left. */
bool stat_is_watchable(const ProcStat *stat);

/* ---- follow-cgroup.c ---- */

int follow_start_cgroups(Follower *follower);
int follow_scan_cgroups(Follower *follower, nsec_t now);

/* ---- follow-scan.c ---- */

int follow_scan_proc(Follower *follower);
int follow_scan_children(Follower *follower, nsec_t now);
void follow_end_scan(Follower *follower);

int loadavg_parse(const char *text, pid_t *ret);

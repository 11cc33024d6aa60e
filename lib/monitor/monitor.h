/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitoring loop as a pure state machine: it is told the time and says when to come back. */
#pragma once

#include "base/clock.h"
#include "base/rng.h"
#include "monitor/adapt.h"
#include "monitor/attrs.h"
#include "monitor/snapshot.h"
#include "monitor/target.h"

typedef struct MonitorCounters {
        uint64_t ticks;        /* sampling intervals closed */
        uint64_t overruns;     /* sampling intervals that were skipped because a tick came too late */
        uint64_t aggregations;
        uint64_t updates;
        uint64_t gaps;         /* times that were skipped, see monitor_skip() */
        uint64_t tunings;      /* changes of the intervals by the goal */
        uint64_t inherited;    /* regions that were taken over from a parent */
} MonitorCounters;

typedef struct Monitor Monitor;

/* The source is borrowed and must outlive the monitor. attrs must be valid. -ENOMEM. */
int monitor_new(const MonitorAttrs *attrs, const AdaptPolicy *policy, Source *source, uint64_t seed,
                nsec_t now, Monitor **ret);
Monitor *monitor_free(Monitor *monitor);

/* Adds a target with its attached space (taken over, also on failure); *ret_id is never used again.
 * Its map is read at the next step. */
int monitor_add_target(Monitor *monitor, pid_t pid, const char *command, Space *space, uint64_t *ret_id);

/* The target has just been added, and was forked by that other one at that time or a little later: what it has of it is
 * taken over when its map is read (inherit.h). */
void monitor_inherit(Monitor *monitor, uint64_t child, uint64_t parent, nsec_t forked);

/* 0, or -ENOENT. What it taught is gone with it. */
int monitor_remove_target(Monitor *monitor, uint64_t id);

/* It is over with it, `state` says why: its space is detached, what the open window learned is published with that
 * window. -ENOENT. */
int monitor_end_target(Monitor *monitor, uint64_t id, TargetState state);

size_t monitor_n_targets(const Monitor *monitor);

/* How many targets the bound on the number of regions has room for. */
size_t monitor_targets_max(const Monitor *monitor);
const Target *monitor_target(const Monitor *monitor, size_t i);
/* The command name of a target changes with exec. */
int monitor_rename_target(Monitor *monitor, uint64_t id, const char *command);

/* Does everything that is due at `now`: closes samples; at an aggregation moves averages and ages,
 * merges, publishes a snapshot and splits; at an update reads maps again; opens the next samples.
 * *ret_next is the deadline of the next call. 0 or -errno (out of memory, broken source). */
int monitor_step(Monitor *monitor, nsec_t now, nsec_t *ret_next);

/* Nothing could be looked at for the last `gap` of time: it does not count. What was marked before it is not checked,
 * the open window goes on, and ages have not grown. */
void monitor_skip(Monitor *monitor, nsec_t gap);

/* Swaps the attributes at the next tick; windows restart, ages stay. */
void monitor_set_attrs(Monitor *monitor, const MonitorAttrs *attrs);

/* How many samples per second a policy with a budget may take from now on. */
void monitor_set_budget(Monitor *monitor, uint32_t samples_per_sec);

/* The attributes in force (tuned intervals included). */
const MonitorAttrs *monitor_attrs(const Monitor *monitor);
const MonitorCounters *monitor_counters(const Monitor *monitor);

/* When the open window will end. */
nsec_t monitor_window_end(const Monitor *monitor);

/* The latest snapshot, borrowed; NULL before the first aggregation. */
Snapshot *monitor_snapshot(const Monitor *monitor);

static inline void monitor_freep(Monitor **monitor) {
        *monitor = monitor_free(*monitor);
}

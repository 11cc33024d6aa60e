/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes ask about the world outside. */
#include "facts.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/cgroup.h"
#include "kernel/node.h"
#include "kernel/pressure.h"
#include "kernel/system.h"

/* ---- Goals ---- */

static int read_stall(const RootFds *roots, const GoalConfig *goal, GoalReading *ret) {
        bool io = goal->metric == GOAL_SOME_IO_PSI || goal->metric == GOAL_FULL_IO_PSI;
        bool full = goal->metric == GOAL_FULL_MEM_PSI || goal->metric == GOAL_FULL_IO_PSI;
        Pressure pressure;
        int r;

        r = pressure_read(roots, io ? PRESSURE_IO : PRESSURE_MEMORY, goal->cgroup, &pressure);
        if (r < 0)
                return r;
        if (full && !pressure.has_full)
                return -ENOENT;

        ret->value = (double) (full ? pressure.full.total : pressure.some.total) * (double) NSEC_PER_USEC;
        return 0;
}

/* A node that is offline or has no memory of its own has no share of it. */
static int read_node(const RootFds *roots, uint32_t node, NodeMemory *ret) {
        NodeMemory memory;
        int r;

        r = node_memory_read(roots, node, &memory);
        if (r < 0)
                return r;
        if (memory.total == 0)
                return -ENOENT;

        *ret = memory;
        return 0;
}

static int read_node_share(const RootFds *roots, const GoalConfig *goal, GoalReading *ret) {
        NodeMemory memory;
        double free;
        int r;

        r = read_node(roots, goal->node, &memory);
        if (r < 0)
                return r;

        free = (double) memory.free / (double) memory.total;
        ret->value = goal->metric == GOAL_NODE_MEM_FREE ? free : 1 - free;
        ret->whole = (double) memory.total;
        return 0;
}

/* What the cgroup leaves free may be in use by others. */
static int read_node_cgroup_share(const RootFds *roots, const GoalConfig *goal, GoalReading *ret) {
        NodeMemory memory;
        uint64_t bytes;
        double used;
        int r;

        if (!goal->cgroup)
                return -ENOENT;
        r = read_node(roots, goal->node, &memory);
        if (r == 0)
                r = cgroup_node_memory_read(roots, goal->cgroup, goal->node, &bytes);
        if (r < 0)
                return r;

        used = MIN(1.0, (double) bytes / (double) memory.total);
        ret->value = goal->metric == GOAL_NODE_MEMCG_FREE ? 1 - used : used;
        ret->whole = (double) memory.total;
        return 0;
}

static int read_lru_share(const RootFds *roots, const GoalConfig *goal, GoalReading *ret) {
        MemInfo info;
        double total;
        int r;

        r = meminfo_read(roots, &info);
        if (r < 0)
                return r;
        total = (double) info.active + (double) info.inactive;
        if (total <= 0)
                return -ENOENT;

        ret->value = (double) (goal->metric == GOAL_ACTIVE_MEM ? info.active : info.inactive) / total;
        return 0;
}

static int read_goal(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        const RootFds *roots = ((const Facts *) userdata)->roots;

        switch (goal->metric) {
        case GOAL_SOME_MEM_PSI:
        case GOAL_FULL_MEM_PSI:
        case GOAL_SOME_IO_PSI:
        case GOAL_FULL_IO_PSI:
                return read_stall(roots, goal, ret);
        case GOAL_NODE_MEM_USED:
        case GOAL_NODE_MEM_FREE:
                return read_node_share(roots, goal, ret);
        case GOAL_NODE_MEMCG_USED:
        case GOAL_NODE_MEMCG_FREE:
                return read_node_cgroup_share(roots, goal, ret);
        case GOAL_ACTIVE_MEM:
        case GOAL_INACTIVE_MEM:
                return read_lru_share(roots, goal, ret);
        default:
                return -EOPNOTSUPP;
        }
}

/* ---- Watermarks and swap ---- */

/* As DAMON counts it: free pages only, not what reclaim could free. */
static int read_watermark(void *userdata, WatermarkMetric metric, double *ret) {
        const Facts *facts = userdata;
        MemInfo info;
        int r;

        if (metric != WATERMARK_FREE_MEM_RATE)
                return -EOPNOTSUPP;

        r = meminfo_read(facts->roots, &info);
        if (r < 0)
                return r;
        if (info.total == 0 || info.free > info.total)
                return -EBADMSG;

        *ret = (double) info.free / (double) info.total;
        return 0;
}

static int read_swap_free(void *userdata, uint64_t *ret) {
        const Facts *facts = userdata;
        MemInfo info;
        int r;

        r = meminfo_read(facts->roots, &info);
        if (r < 0)
                return r;

        *ret = info.swap_free;
        return 0;
}

SchemeFacts facts_of(Facts *facts) {
        return (SchemeFacts) {
                .goal = read_goal,
                .watermark = read_watermark,
                .swap_free = read_swap_free,
                .userdata = facts,
        };
}

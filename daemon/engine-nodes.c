/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On which NUMA nodes the memory is that a monitor watches. */
#include "engine-nodes.h"

#include "action/actor.h"
#include "base/macro.h"
#include "engine-internal.h"
#include "kernel/pagemap.h"
#include "kernel/process.h"

typedef struct Sampling {
        const Layout *layout;
        NodeUse *uses;
        size_t n;
        uint64_t stride; /* bytes that a sample stands for */
        Io io;
} Sampling;

static int node_at(const Layout *layout, uint64_t addr) {
        for (size_t i = 0; i < layout->n; i++)
                if (addr >= layout->ranges[i].start && addr < layout->ranges[i].end)
                        return (int) layout->ranges[i].node;
        return -1;
}

static void add(const Sampling *s, const SnapshotRegion *region, int node, uint64_t bytes) {
        for (size_t i = 0; i < s->n; i++)
                if (node >= 0 && s->uses[i].node == (uint32_t) node)
                        *(region->hits > 0 ? &s->uses[i].hot : &s->uses[i].cold) += bytes;
}

/* The node of a page of a process; -1: it is not there. */
static int locate(Sampling *s, Process *process, uint64_t addr) {
        void *page = (void *) (uintptr_t) addr;
        uint64_t entry;
        int status = -1;

        if (process_pagemap(process, &s->io, addr, &entry) != 0 || !pagemap_present(entry))
                return -1;
        if (pagemap_pfn(entry) != 0 && s->layout->origin != LAYOUT_ZONEINFO && !s->layout->ambiguous) {
                int node = node_at(s->layout, pagemap_pfn(entry) << page_shift());

                if (node >= 0)
                        return node;
        }
        return ACTION_IO_REAL.nodes(process->ref.pid, 1, &page, &status) < 0 ? -1 : status;
}

/* Samples lie a stride apart, across the borders of regions and targets: *offset is where the next is, counted from
 * the start of what follows. */
static void sample_region(Sampling *s, Process *process, const SnapshotRegion *region, uint64_t *offset) {
        uint64_t size = region->end - region->start;

        for (; *offset < size; *offset += s->stride)
                if (process->pagemap >= 0)
                        add(s, region, locate(s, process, region->start + *offset), s->stride);
        *offset -= size;
}

static void sample_target(Engine *e, Sampling *s, const Snapshot *snapshot, const SnapshotTarget *target,
                          uint64_t *offset) {
        const Followed *followed = follower_find(&e->follower, target->id);
        _cleanup_(process_close) Process process = PROCESS_NONE;

        /* one that is not followed any more has ended, whatever the snapshot says */
        if (!followed || target->state != TARGET_RUNNING ||
            process_open(&process, e->host.roots, target->pid) != 0 ||
            process.ref.start_time != followed->ref.start_time)
                return;
        for (size_t i = target->first_region; i < target->first_region + target->n_regions; i++)
                sample_region(s, &process, &snapshot->regions[i], offset);
}

/* Physical memory lies where it lies. */
static void add_physical(const Sampling *s, const Snapshot *snapshot) {
        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];
                double share = 1;

                for (size_t use = 0; use < _USE_MAX; use++)
                        share -= region->apart[use];
                add(s, region, node_at(s->layout, region->start),
                    (uint64_t) ((double) (region->end - region->start) * MAX(share, 0.0)));
        }
}

void engine_sample_nodes(Engine *engine, const Layout *layout, NodeUse *uses, size_t n) {
        const Snapshot *snapshot = monitor_snapshot(engine->monitor);
        Sampling s = { .layout = layout, .uses = uses, .n = n, .io = { .kernel = &KERNEL_IO_REAL } };
        uint64_t total = 0, offset;

        if (!snapshot)
                return;
        if (monitor_config_is_physical(&engine->config)) {
                add_physical(&s, snapshot);
                return;
        }

        for (size_t i = 0; i < snapshot->n_regions; i++)
                total += snapshot->regions[i].end - snapshot->regions[i].start;
        s.stride = MAX(total / NODE_SAMPLES, UINT64_C(1) << page_shift());
        offset = s.stride / 2;
        for (size_t i = 0; i < snapshot->n_targets; i++)
                if (snapshot->targets[i].pid > 0)
                        sample_target(engine, &s, snapshot, &snapshot->targets[i], &offset);
}

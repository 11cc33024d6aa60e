/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `softdirty`: clears the soft-dirty bits of a whole address space once per sampling
 * interval and reads them back from pagemap.
 *
 * A clear costs O(resident pages) and a write fault per page written afterwards: hence the long
 * shortest interval. Checkpointing tools use the same bits; the two disturb each other. A mapping
 * made during the interval is soft-dirty as a whole: of its pages, those that are there were
 * faulted in within the interval, so "accessed" is true of them, and the others do not count. */
#include "probe/softdirty.h"

#include <errno.h>

#include "base/error.h"
#include "base/macro.h"
#include "kernel/pagemap.h"
#include "kernel/process.h"

typedef struct SoftdirtySource {
        Source source;
        const RootFds *roots;
        HugetlbDevices hugetlb;
        Io io;
} SoftdirtySource;

struct Space {
        Process process; /* first: see process_space_new() */
        AddressMap *map; /* as last read: tells hugetlb areas, whose bits never come */
};

static SoftdirtySource *softdirty_source(Source *source) {
        return (SoftdirtySource *) source;
}

static int softdirty_attach(Source *base, pid_t pid, Space **ret) {
        return process_space_new(softdirty_source(base)->roots, pid, sizeof(Space), ret);
}

static void softdirty_detach(Source *base, Space *space) {
        process_close(&space->process);
        address_map_unref(space->map);
        free(space);
}

static int softdirty_map(Source *base, Space *space, AddressMap **ret) {
        SoftdirtySource *source = softdirty_source(base);
        AddressMap *map;
        int r;

        r = process_map(&space->process, &source->io, &source->hugetlb, &map);
        if (r != 0)
                return r;

        address_map_unref(space->map);
        space->map = address_map_ref(map);
        *ret = map;
        return 0;
}

static int softdirty_prepare(Source *base, Space *space, Sample *samples, size_t n) {
        SoftdirtySource *source = softdirty_source(base);
        uint64_t calls = source->io.calls;
        int r;

        if (n == 0)
                return 0;

        r = process_clear_refs(&space->process, &source->io, '4');
        base->counters.syscalls += source->io.calls - calls;
        return r;
}

static bool is_hugetlb(const Space *space, uint64_t addr) {
        const Mapping *mapping = space->map ? address_map_find(space->map, addr) : NULL;

        return mapping && (mapping->flags & MAPPING_HUGETLB);
}

static void credit(SourceCounters *counters, const Space *space, Sample *sample, uint64_t entry) {
        bool there = pagemap_present(entry) || pagemap_swapped(entry);

        counters->samples++;
        sample->trials = 1;
        sample->hits = 0;
        if (is_hugetlb(space, sample->addr)) {
                sample->trials = 0;
                counters->untrackable[UNTRACKABLE_HUGETLB]++;
        } else if (!there)
                counters->absent++;
        else if (entry & PAGEMAP_SOFT_DIRTY) {
                sample->hits = 1;
                counters->hot++;
        } else
                counters->cold++;
}

static int softdirty_check(Source *base, Space *space, Sample *samples, size_t n) {
        SoftdirtySource *source = softdirty_source(base);
        uint64_t entry;
        int r;

        for (size_t i = 0; i < n; i++) {
                uint64_t calls = source->io.calls;

                r = process_pagemap(&space->process, &source->io, samples[i].addr, &entry);
                base->counters.syscalls += source->io.calls - calls;
                if (r == OPS_E_REPLACED)
                        space->map = address_map_unref(space->map);
                if (r != 0)
                        return r;
                credit(&base->counters, space, &samples[i], entry);
        }
        return 0;
}

static SpaceSize softdirty_size(Source *base, Space *space) {
        return process_size(&space->process);
}

static int softdirty_share(Source *base, Space *space, uint64_t addr, PageShare *ret) {
        return process_share(&space->process, &softdirty_source(base)->io, addr, ret);
}

static void softdirty_free(Source *base) {
        free(softdirty_source(base));
}

static const SourceOps softdirty_ops = {
        .name = "softdirty",
        .granularity = GRANULARITY_PAGE,
        .sees_reads = false,
        .page_cost = false,
        .sample_min = NSEC_PER_SEC,
        .attach = softdirty_attach,
        .detach = softdirty_detach,
        .map = softdirty_map,
        .prepare = softdirty_prepare,
        .check = softdirty_check,
        .size = softdirty_size,
        .share = softdirty_share,
        .free = softdirty_free,
};

int softdirty_source_new(const RootFds *roots, Source **ret, char **ret_error) {
        SoftdirtySource *source = calloc(1, sizeof(*source));

        if (!source)
                return error_setf(ret_error, -ENOMEM, "out of memory");

        source->source.ops = &softdirty_ops;
        source->roots = roots;
        source->io.kernel = &KERNEL_IO_REAL;
        hugetlb_devices_read(roots, &source->hugetlb);

        *ret = &source->source;
        return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `idle`: marks one page per sample idle and looks whether it stayed so.
 *
 * A bit of the bitmap that reads 1 is certain: the page was trackable and nobody touched it. 0
 * means touched, or not trackable at all: then the flags of the page and its place in the address
 * space are read as well. So, in system calls:
 *
 *     cold         pagemap, mark, bit                                      3
 *     hot          pagemap, mark, bit, pagemap, flags                      5
 *     absent       pagemap, pagemap                                        2
 *
 * One call more takes a page in a block of physical memory that holds huge pages and was not looked
 * at lately (the flags are read first, to find the head; a hot one then has them already), and a
 * page that the kernel migrated after it was marked (its flags and its new bit).
 *
 * What remains uncertain, because the kernel does not tell, or not for three calls:
 * - a page that was not on an LRU list when it was marked but is at the check (freshly faulted
 *   in, or briefly isolated) counts as hot;
 * - a page whose translation stays in the TLB counts as cold;
 * - so does a page that was copied on write while others keep the old one, for this one interval;
 * - so does a page of a folio that was split less than an update interval ago, if its old head
 *   is. */
#include "probe/idle.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"
#include "kernel/process.h"
#include "probe/marker.h"

typedef struct IdleSource {
        Source source;
        Marker marker;
        const RootFds *roots;
        HugetlbDevices hugetlb;
} IdleSource;

struct Space {
        Process process; /* first: see process_space_new() */
        FolioMemory folios;
};

static IdleSource *idle_source(Source *source) {
        return (IdleSource *) source;
}

/* (MarkPageFn) */
static int prepare_page(Source *base, Space *space, uint64_t addr, const Mark *before, Mark *mark) {
        IdleSource *source = idle_source(base);
        uint64_t entry;
        int r;

        r = process_pagemap(&space->process, &source->marker.io, addr, &entry);
        if (r != 0)
                return r;

        mark->kind = pagemap_present(entry) ? MARK_NONE : MARK_ABSENT;
        mark->reason = UNTRACKABLE_PFN_HIDDEN;
        mark->pfn = pagemap_pfn(entry);
        return mark->pfn == 0 ? 0 : marker_set(&source->marker, &space->folios, before, mark);
}

static int idle_prepare(Source *base, Space *space, Sample *samples, size_t n) {
        return marker_prepare(base, space, &idle_source(base)->marker.io, prepare_page, samples, n);
}

/* The page at this address is another one than was marked. Migration carries the mark along; every
 * other way to get there (copy on write, swap, a fault) goes through an access. */
static int check_moved(IdleSource *source, uint64_t head, Verdict *ret) {
        int r;

        if (!(source->marker.head_flags & KPAGE_IDLE)) {
                ret->kind = VERDICT_HOT;
                return 0;
        }

        r = marker_read_bit(&source->marker, head);
        if (r < 0 && r != -ENXIO)
                return r;

        if (r < 0)
                *ret = verdict_untrackable(UNTRACKABLE_BEYOND);
        else
                ret->kind = r ? VERDICT_COLD : VERDICT_HOT;
        return 0;
}

/* The bit was 0: accessed, moved, vanished, or never trackable. */
static int check_unmarked(IdleSource *source, Space *space, uint64_t addr, const Mark *mark,
                          Verdict *ret) {
        bool same, is_trackable = true;
        Untrackable reason;
        uint64_t entry, pfn;
        int r;

        r = process_pagemap(&space->process, &source->marker.io, addr, &entry);
        if (r != 0)
                return r;
        if (!pagemap_present(entry)) {
                ret->kind = VERDICT_ABSENT;
                return 0;
        }

        pfn = pagemap_pfn(entry);
        same = pfn == mark->pfn;
        if (pfn <= mark->offset) {
                *ret = verdict_untrackable(pfn == 0 ? UNTRACKABLE_PFN_HIDDEN : UNTRACKABLE_TAIL);
                return 0;
        }

        if (!same || !mark->flags_checked) {
                r = marker_examine(&source->marker, &space->folios, mark, pfn, &is_trackable, &reason);
                if (r < 0)
                        return r;
        }
        if (!is_trackable) {
                *ret = verdict_untrackable(reason);
                return 0;
        }
        if (!same)
                return check_moved(source, pfn - mark->offset, ret);

        ret->kind = VERDICT_HOT;
        return 0;
}

/* There was no page: if there is one now, somebody touched it. */
static int check_absent(IdleSource *source, Space *space, uint64_t addr, Verdict *ret) {
        uint64_t entry;
        int r;

        r = process_pagemap(&space->process, &source->marker.io, addr, &entry);
        if (r != 0)
                return r;

        ret->kind = pagemap_present(entry) ? VERDICT_HOT : VERDICT_ABSENT;
        return 0;
}

/* (CheckPageFn) */
static int check_page(Source *base, Space *space, uint64_t addr, const Mark *mark, Verdict *ret) {
        IdleSource *source = idle_source(base);
        int r;

        if (mark->kind == MARK_ABSENT)
                return check_absent(source, space, addr, ret);
        if (mark->kind != MARK_SET) {
                *ret = verdict_untrackable(mark->reason);
                return 0;
        }

        r = marker_read_bit(&source->marker, mark->pfn - mark->offset);
        if (r == 0)
                return check_unmarked(source, space, addr, mark, ret);
        if (r == -ENXIO)
                *ret = verdict_untrackable(UNTRACKABLE_BEYOND);
        else if (r < 0)
                return r;
        else
                ret->kind = VERDICT_COLD;
        return 0;
}

static int idle_check(Source *base, Space *space, Sample *samples, size_t n) {
        return marker_check(base, space, &idle_source(base)->marker.io, check_page, samples, n);
}

static int idle_attach(Source *base, pid_t pid, Space **ret) {
        IdleSource *source = idle_source(base);
        int r;

        r = process_space_new(source->roots, pid, sizeof(Space), ret);
        if (r == 0)
                marker_expire(&source->marker, &(*ret)->folios);
        return r;
}

static void idle_detach(Source *base, Space *space) {
        process_close(&space->process);
        free(space);
}

static int idle_map(Source *base, Space *space, AddressMap **ret) {
        IdleSource *source = idle_source(base);

        marker_expire(&source->marker, &space->folios);
        return process_map(&space->process, &source->marker.io, &source->hugetlb, ret);
}

static SpaceSize idle_size(Source *base, Space *space) {
        return process_size(&space->process);
}

static int idle_share(Source *base, Space *space, uint64_t addr, PageShare *ret) {
        return process_share(&space->process, &idle_source(base)->marker.io, addr, ret);
}

static void idle_free(Source *base) {
        IdleSource *source = idle_source(base);

        marker_close(&source->marker);
        free(source);
}

static const SourceOps idle_ops = {
        .name = "idle",
        .granularity = GRANULARITY_PAGE,
        .sees_reads = true,
        .page_cost = true,
        .sample_min = NSEC_PER_MSEC,
        .attach = idle_attach,
        .detach = idle_detach,
        .map = idle_map,
        .prepare = idle_prepare,
        .check = idle_check,
        .size = idle_size,
        .share = idle_share,
        .free = idle_free,
};

int idle_source_new(const RootFds *roots, const KernelIo *io, Source **ret, char **ret_error) {
        _cleanup_free_ IdleSource *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return -ENOMEM;
        r = marker_open(&source->marker, roots, io, ret_error);
        if (r < 0)
                return r;

        source->source.ops = &idle_ops;
        source->roots = roots;
        hugetlb_devices_read(roots, &source->hugetlb);
        *ret = &TAKE_PTR(source)->source;
        return 0;
}

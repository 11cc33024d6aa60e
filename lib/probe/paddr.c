/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory as an address space: its addresses are those of the page frames.
 *
 * In system calls:
 *
 *     cold         mark, bit                                               2
 *     hot          mark, bit, flags                                        3
 *     free, the kernel's, not there at all: likewise                       3
 *
 * and one call more in a block of memory that holds huge pages and was not looked at lately (the flags are read first,
 * to find the head; what is no program's is known then, and not marked at all).
 *
 * A frame is a place, not a page: what lies in it may be freed and used anew between two checks. Then it counts as what
 * it is at the check; new contents have been accessed. */
#include "probe/paddr.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/node.h"
#include "kernel/pagemap.h"
#include "kernel/system.h"
#include "probe/marker.h"

typedef struct PaddrSource {
        Source source;
        Marker marker;
        const RootFds *roots;
} PaddrSource;

struct Space {
        PaddrScope scope;
        uint32_t node;
        Range *ranges;
        size_t n_ranges;
        FolioMemory folios;
};

static PaddrSource *paddr_source(Source *source) {
        return (PaddrSource *) source;
}

/* ---- Samples ---- */

/* Why there is no verdict about the page that was looked at last, and what it is used for. */
static void place(const Marker *marker, Untrackable *reason, PageUse *ret_use) {
        *ret_use = kpage_use(marker->head_flags, marker->page_flags);
        if (*ret_use == USE_FREE)
                *reason = UNTRACKABLE_FREE;
        else if (*ret_use == USE_KERNEL && *reason == UNTRACKABLE_NOT_ON_LRU)
                *reason = UNTRACKABLE_KERNEL;
        else if (*reason == UNTRACKABLE_TAIL && *ret_use != USE_HUGETLB)
                *ret_use = USE_PROGRAM; /* of what kind the folio is cannot be told from a tail, on older kernels */
}

/* (MarkPageFn) */
static int prepare_page(Source *base, Space *space, uint64_t addr, const Mark *before, Mark *mark) {
        PaddrSource *source = paddr_source(base);
        int r;

        mark->pfn = addr >> page_shift();
        r = marker_set(&source->marker, &space->folios, before, mark);
        if (r != 0 || mark->kind != MARK_NONE)
                return r;

        if (mark->reason == UNTRACKABLE_BEYOND)
                mark->use = USE_OFFLINE;
        else if (mark->flags_checked)
                place(&source->marker, &mark->reason, &mark->use);
        return 0;
}

/* The bit was 0: accessed, or not a program's page. */
static int check_unmarked(PaddrSource *source, Space *space, const Mark *mark, Verdict *ret) {
        bool trackable;
        int r;

        *ret = (Verdict) { .kind = VERDICT_HOT };
        r = marker_examine(&source->marker, &space->folios, mark, mark->pfn, &trackable, &ret->reason);
        if (r < 0 || trackable)
                return r;

        ret->kind = VERDICT_UNTRACKABLE;
        place(&source->marker, &ret->reason, &ret->use);
        return 0;
}

/* (CheckPageFn) */
static int check_page(Source *base, Space *space, uint64_t addr, const Mark *mark, Verdict *ret) {
        PaddrSource *source = paddr_source(base);
        int r;

        (void) addr;
        *ret = (Verdict) { .kind = VERDICT_UNTRACKABLE, .reason = mark->reason, .use = mark->use };
        if (mark->kind != MARK_SET)
                return 0;

        r = marker_read_bit(&source->marker, mark->pfn - mark->offset);
        if (r == 0)
                return check_unmarked(source, space, mark, ret);
        if (r == -ENXIO)
                *ret = (Verdict) { .kind = VERDICT_UNTRACKABLE, .reason = UNTRACKABLE_BEYOND, .use = USE_OFFLINE };
        else if (r < 0)
                return r;
        else
                *ret = (Verdict) { .kind = VERDICT_COLD };
        return 0;
}

static int paddr_prepare(Source *base, Space *space, Sample *samples, size_t n) {
        return marker_prepare(base, space, &paddr_source(base)->marker.io, prepare_page, samples, n);
}

static int paddr_check(Source *base, Space *space, Sample *samples, size_t n) {
        return marker_check(base, space, &paddr_source(base)->marker.io, check_page, samples, n);
}

/* ---- Where memory is ---- */

static int map_ranges(const Space *space, AddressMap *map) {
        int r = 0;

        for (size_t i = 0; i < space->n_ranges && r == 0; i++)
                r = address_map_add(map, space->ranges[i].start, space->ranges[i].end, "range", 0);
        return r;
}

/* Where nothing says where memory is, there is none. */
static int map_memory(const PaddrSource *source, const Space *space, AddressMap *map) {
        _cleanup_(layout_deinit) Layout layout = {};
        int r;

        r = layout_read(source->roots, &layout);
        if (r < 0)
                return r == -ENODATA ? 0 : r;
        for (size_t i = 0; i < layout.n && r == 0; i++)
                if (space->scope == PADDR_ALL || layout.ranges[i].node == space->node)
                        r = address_map_add(map, layout.ranges[i].start, layout.ranges[i].end, "System RAM", 0);
        return r;
}

static int paddr_map(Source *base, Space *space, AddressMap **ret) {
        PaddrSource *source = paddr_source(base);
        AddressMap *map = address_map_new();
        int r;

        if (!map)
                return -ENOMEM;
        marker_expire(&source->marker, &space->folios);
        r = space->scope == PADDR_RANGES ? map_ranges(space, map) : map_memory(source, space, map);
        if (r < 0) {
                address_map_unref(map);
                return r;
        }
        *ret = map;
        return 0;
}

/* Memory in use is what counts as resident. */
static SpaceSize paddr_size(Source *base, Space *space) {
        const PaddrSource *source = paddr_source(base);
        NodeMemory node = {};
        MemInfo all = {};

        if (space->scope == PADDR_NODE && node_memory_read(source->roots, space->node, &node) == 0)
                return (SpaceSize) { .mapped = node.total, .resident = node.total - node.free };
        if (space->scope == PADDR_ALL && meminfo_read(source->roots, &all) == 0 && all.free <= all.total)
                return (SpaceSize) { .mapped = all.total, .resident = all.total - all.free };
        return (SpaceSize) {};
}

/* ---- Life ---- */

int paddr_attach(Source *base, const PaddrSpec *spec, Space **ret) {
        Space *space = calloc(1, sizeof(*space));

        if (!space)
                return -ENOMEM;
        space->scope = spec->scope;
        space->node = spec->node;
        space->ranges = calloc(MAX(spec->n_ranges, (size_t) 1), sizeof(*space->ranges));
        if (!space->ranges) {
                free(space);
                return -ENOMEM;
        }
        if (spec->n_ranges > 0)
                memcpy(space->ranges, spec->ranges, spec->n_ranges * sizeof(*space->ranges));
        space->n_ranges = spec->n_ranges;
        marker_expire(&paddr_source(base)->marker, &space->folios);
        *ret = space;
        return 0;
}

static void paddr_detach(Source *base, Space *space) {
        (void) base;
        free(space->ranges);
        free(space);
}

/* No process has physical memory. */
static int paddr_attach_process(Source *base, pid_t pid, Space **ret) {
        (void) base;
        (void) pid;
        (void) ret;
        return -EINVAL;
}

static void paddr_free(Source *base) {
        PaddrSource *source = paddr_source(base);

        marker_close(&source->marker);
        free(source);
}

static const SourceOps paddr_ops = {
        .name = "idle",
        .granularity = GRANULARITY_PAGE,
        .sees_reads = true,
        .page_cost = true,
        .sample_min = NSEC_PER_MSEC,
        .attach = paddr_attach_process,
        .detach = paddr_detach,
        .map = paddr_map,
        .prepare = paddr_prepare,
        .check = paddr_check,
        .size = paddr_size,
        .free = paddr_free,
};

int paddr_source_new(const RootFds *roots, const KernelIo *io, Source **ret, char **ret_error) {
        _cleanup_free_ PaddrSource *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return -ENOMEM;
        r = marker_open(&source->marker, roots, io, ret_error);
        if (r < 0)
                return r;

        source->source.ops = &paddr_ops;
        source->roots = roots;
        *ret = &TAKE_PTR(source)->source;
        return 0;
}

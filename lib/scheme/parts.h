/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts that a scheme is decided by: pattern, score, filters, watermarks. All pure. */
#pragma once

#include "monitor/snapshot.h"
#include "scheme/scheme.h"

/* ---- Pattern ---- */

/* Whether a region is what the pattern means. The rate is the moving average; a pattern that ends at 0 also
 * demands that the last window saw no access. The age that counts is never more than the age of the youngest
 * memory in the region. A region without a verdict in its last window matches nothing but the pattern that
 * takes any rate. */
bool pattern_matches(const AccessPattern *pattern, const SnapshotRegion *region);

/* With a confidence c, it must be so sure (rate_confidence() in base/stat.h) that the rate, which rests on `sure`
 * samples, lies in the range, widened by RATE_SLACK at both ends. An idle region passes from z^2 (1 / RATE_SLACK - 1)
 * samples without an access on, z being the normal quantile of c: 51 for 95 %, 103 for 99 %. */

/* The age that counts. */
nsec_t region_certain_age(const SnapshotRegion *region);

/* ---- Score ---- */

/* How much a region deserves the action, 0 to 1: DAMON's formula (reference: mm/damon/ops-common.c of Linux
 * 6.12) over real numbers, so that no two idle times fall into one bucket, and with the weight of the size:
 *   f = rate; a = min(log2(1 + age in s), 32), negative where the rate is 0; g = (a + 32) / 64;
 *   s = log2(size / 4 KiB) / 40, at most 1
 *   hot  = (w_rate f + w_age g + w_size s) / sum of weights
 *   cold = (w_rate (1 - f) + w_age (1 - g) + w_size s) / sum of weights
 * Without weights (all zero) everything scores alike, 0.5. */
double region_score(const QuotaConfig *quota, Preference preference, const SnapshotRegion *region);

/* ---- Filters ---- */

/* The flags that filters look at, as in /proc/kpageflags: bits of linux/kernel-page-flags.h. */
#define PAGE_FLAG_LRU (UINT64_C(1) << 5)
#define PAGE_FLAG_ACTIVE (UINT64_C(1) << 6)
#define PAGE_FLAG_MMAP (UINT64_C(1) << 11)

/* What is known of one page. */
typedef struct PageFacts {
        bool present;
        bool swapped;
        bool file;           /* file or shared memory behind it */
        bool exclusive;      /* mapped by this process alone */
        bool flags_known;
        uint64_t flags;      /* PAGE_FLAG_… and the rest, as in /proc/kpageflags */
        uint64_t folio_size; /* bytes; 0: not known */
        uint64_t memcg;      /* inode of the cgroup it is charged to; 0: not known */
        bool young_known;
        bool young;
        int32_t node;        /* -1: not known */
} PageFacts;

/* Which facts a list of filters asks for beyond the entry of pagemap. */
typedef enum FilterNeeds {
        FILTER_NEEDS_FLAGS = 1 << 0,
        FILTER_NEEDS_FOLIO = 1 << 1,
        FILTER_NEEDS_MEMCG = 1 << 2,
        FILTER_NEEDS_YOUNG = 1 << 3,
        FILTER_NEEDS_NODE = 1 << 4,
} FilterNeeds;

unsigned filters_need(const FilterConfig *filters, size_t n);

typedef enum FilterVerdict {
        FILTER_PASS,
        FILTER_REJECT,
        FILTER_UNKNOWN, /* a fact is missing that would decide: never acted on */
} FilterVerdict;

/* Page-level filters, in order; the first hit decides. Without a hit: pass, unless the last page-level filter
 * allows. A filter about a missing fact may hit or not: where both come to the same in the end, that is the
 * verdict, else it is FILTER_UNKNOWN. `shared` is what this process and others map; `unmapped` never is what
 * this process maps; `active` is PG_active on an LRU list. memcgs[i] is the inode of filters[i].cgroup (0: there
 * is no such cgroup; then no page is in it); NULL when there is no memcg filter. */
FilterVerdict filters_judge_page(const FilterConfig *filters, size_t n, const uint64_t *memcgs,
                                 const PageFacts *facts);

/* What the core filters make of a range: pieces that pass. */
typedef struct CorePiece {
        uint64_t start;
        uint64_t end;
        bool decided; /* a core filter allowed it: page-level filters are not asked */
} CorePiece;

/* Cuts [start, end) of the target with this index along the core filters, in order; the first hit decides.
 * Without a hit: pass; but rejected where the last core filter allows and there are no page-level filters.
 * Pieces are disjoint, ascending, and aligned to pages inward of what is allowed. *ret is owned by the caller
 * (free()). 0 or -ENOMEM. */
int filters_cut(const FilterConfig *filters, size_t n, uint32_t target_index, uint64_t start, uint64_t end,
                CorePiece **ret, size_t *ret_n);

/* ---- Watermarks ---- */

typedef struct WatermarkState {
        bool active;
        nsec_t next; /* when to look again; 0: at once; NSEC_INFINITY: there is nothing to look at */
        double last; /* as last read; negative: not yet, or not readable */
} WatermarkState;

#define WATERMARK_STATE_INITIAL ((WatermarkState) { .active = true, .last = -1 })

/* Moves the state on by a value that was read at `now`. Hysteresis: on below mid, off above high, off below
 * low. A negative value (not readable) switches off: better not to act than to act blindly. */
void watermark_update(const WatermarkConfig *config, WatermarkState *state, double value, nsec_t now);

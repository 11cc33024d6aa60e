/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface of adaptation policies: where samples go, which regions merge, which are split. */
#pragma once

#include "base/clock.h"
#include "base/rng.h"
#include "monitor/attrs.h"
#include "monitor/ops.h"
#include "monitor/target.h"

/* What a policy may look at and change. Regions of all targets share the bounds in attrs. */
typedef struct AdaptContext {
        const MonitorAttrs *attrs;
        Granularity granularity;
        Rng *rng;
        uint64_t salt; /* of this monitor: chooses the pages that stand for their block */
        Target **targets;
        size_t n_targets;
        nsec_t now;
        nsec_t window_start; /* of the window that ends now */
        void *state; /* the policy's own, from new_state(); NULL where it has none */
} AdaptContext;

typedef struct AdaptPolicy {
        const char *name;
        bool budget;     /* it takes as many samples as attrs->samples_per_sec says; others, one for each region */
        bool by_average; /* its moving averages end where a rate changes: estimates may rest on them */

        /* Draws the addresses to sample next in one target: fills target->samples in address order.
         * 0 or -ENOMEM. */
        int (*draw)(AdaptContext *context, Target *target);

        /* The samples of one target have their verdicts (target->samples, n_checked of them, their regions as when
         * they were drawn): learn from them at once. May be NULL. 0 or -ENOMEM. */
        int (*learn)(AdaptContext *context, Target *target);

        /* The window is over: move averages and ages on, then merge what is alike. */
        int (*merge)(AdaptContext *context);

        /* The address maps have been read: cut what exceeds the size limit, so that new memory is watched
         * as finely as the rest from the start. */
        int (*bound)(AdaptContext *context);

        /* The snapshot has been taken: reset the window and split what may hide a difference. */
        int (*split)(AdaptContext *context);

        void *(*new_state)(void);
        void (*free_state)(void *state);
} AdaptPolicy;

/* DAMON's algorithm with its defects left out. */
extern const AdaptPolicy ADAPT_CLASSIC;

/* Samples go where they change the answer; a surprising hit is followed at once. */
extern const AdaptPolicy ADAPT_DIRECTED;

/* By name; NULL where there is none. */
const AdaptPolicy *adapt_policy_by_name(const char *name);

/* A page of the region to sample. Of every aligned block of SAMPLE_BLOCK pages one page, chosen by chance
 * once and for all, stands for the others: so few pages ever carry the mark of having been sampled.
 * That bounds the cost, for the kernel looks at every marked page that shares a word of its bitmap
 * with the one that is asked for, and a cold page keeps its mark. Where the block's page lies outside
 * of the region, at its edges, any page is taken. */
#define SAMPLE_BLOCK UINT64_C(16)
uint64_t adapt_sample_page(const AdaptContext *context, const Region *region);

/* The largest size a region may have: total / min_regions, or attrs->max_region_size where that is
 * smaller and max_regions allows it. */
uint64_t adapt_size_limit(const AdaptContext *context);

/* The size up to which regions must be allowed to merge, so that at most max_regions remain. */
uint64_t adapt_size_least(const AdaptContext *context);

size_t adapt_count_regions(const AdaptContext *context);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all adaptation policies share. */
#include "monitor/adapt.h"

static const AdaptPolicy *const policies[] = {
        &ADAPT_CLASSIC,
};

const AdaptPolicy *adapt_policy_by_name(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(policies); i++)
                if (streq(policies[i]->name, name))
                        return policies[i];
        return NULL;
}

size_t adapt_count_regions(const AdaptContext *context) {
        size_t n = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                n += context->targets[i]->list.n;
        return n;
}

uint64_t adapt_size_limit(const AdaptContext *context) {
        uint64_t total = 0, limit;

        for (size_t i = 0; i < context->n_targets; i++)
                total += region_list_bytes(&context->targets[i]->list);

        limit = total / context->attrs->min_regions;
        if (context->attrs->max_region_size > 0)
                limit = MIN(limit, context->attrs->max_region_size);
        /* but never so small that max_regions could not cover everything with room to adapt */
        limit = MAX(limit, 2 * (total / context->attrs->max_regions));
        return MAX(limit, PAGE_SIZE_MIN);
}

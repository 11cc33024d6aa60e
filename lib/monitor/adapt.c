/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all adaptation policies share. */
#include "monitor/adapt.h"

static const AdaptPolicy *const policies[] = {
        &ADAPT_CLASSIC,
        &ADAPT_DIRECTED,
};

const AdaptPolicy *adapt_policy_by_name(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(policies); i++)
                if (streq(policies[i]->name, name))
                        return policies[i];
        return NULL;
}

/* splitmix64's finalizer: every bit of the result depends on every bit of the block's number. */
static uint64_t hash_block(uint64_t block, uint64_t salt) {
        uint64_t z = block ^ salt;

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t adapt_sample_page(const AdaptContext *context, const Region *region) {
        uint64_t addr = region->start + rng_below(context->rng, region_size(region));
        uint64_t block = addr / (SAMPLE_BLOCK * PAGE_SIZE_MIN);
        uint64_t page = block * SAMPLE_BLOCK + hash_block(block, context->salt) % SAMPLE_BLOCK;

        addr = addr / PAGE_SIZE_MIN * PAGE_SIZE_MIN;
        page *= PAGE_SIZE_MIN;
        return page >= region->start && page < region->end ? page : MAX(addr, region->start);
}

size_t adapt_count_regions(const AdaptContext *context) {
        size_t n = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                n += context->targets[i]->list.n;
        return n;
}

static uint64_t total_bytes(const AdaptContext *context) {
        uint64_t total = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                total += region_list_bytes(&context->targets[i]->list);
        return total;
}

uint64_t adapt_size_least(const AdaptContext *context) {
        return 2 * (total_bytes(context) / context->attrs->max_regions);
}

uint64_t adapt_size_limit(const AdaptContext *context) {
        uint64_t total = total_bytes(context), limit;

        limit = total / context->attrs->min_regions;
        /* what the user wants, but never so small that max_regions could not cover everything */
        if (context->attrs->max_region_size > 0)
                limit = MIN(limit, MAX(context->attrs->max_region_size, adapt_size_least(context)));
        return MAX(limit, PAGE_SIZE_MIN);
}

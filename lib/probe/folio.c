/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where folios begin. */
#include "probe/folio.h"

#include "base/macro.h"
#include "kernel/kpage.h"

static size_t set_of(uint64_t number) {
        /* Neighbouring blocks go to different sets; the multiplier is 2^64 / golden ratio. */
        return (size_t) ((number * UINT64_C(0x9e3779b97f4a7c15)) >> 56) % FOLIO_CACHE_SETS;
}

FolioHead folio_cache_find(const FolioCache *cache, uint64_t epoch, uint64_t pfn,
                           uint64_t *ret_head) {
        uint64_t number = pfn >> FOLIO_BLOCK_SHIFT;
        const FolioBlock *set = cache->blocks[set_of(number)], *block = NULL;
        uint64_t head = pfn;

        for (size_t i = 0; i < FOLIO_CACHE_WAYS && !block; i++)
                if (set[i].number == number && set[i].epoch == epoch)
                        block = &set[i];
        if (!block)
                return FOLIO_UNKNOWN;

        while ((block->tails[head % FOLIO_BLOCK_FRAMES / 64] >> (head % 64)) & 1) {
                if (head % FOLIO_BLOCK_FRAMES == 0)
                        return FOLIO_HEADLESS;
                head--;
        }

        *ret_head = head;
        return FOLIO_KNOWN;
}

/* The place for a block: where it is already, else where something was first. */
static FolioBlock *place(FolioCache *cache, uint64_t number) {
        size_t s = set_of(number);

        for (size_t i = 0; i < FOLIO_CACHE_WAYS; i++)
                if (cache->blocks[s][i].number == number || cache->blocks[s][i].epoch == 0)
                        return &cache->blocks[s][i];
        return &cache->blocks[s][cache->victim[s]++ % FOLIO_CACHE_WAYS];
}

void folio_cache_learn(FolioCache *cache, uint64_t epoch, uint64_t pfn, const uint64_t *flags) {
        uint64_t number = pfn >> FOLIO_BLOCK_SHIFT;
        FolioBlock *block = place(cache, number);

        *block = (FolioBlock) { .number = number, .epoch = epoch };
        for (size_t i = 0; i < FOLIO_BLOCK_FRAMES; i++)
                if (flags[i] & KPAGE_COMPOUND_TAIL)
                        block->tails[i / 64] |= UINT64_C(1) << (i % 64);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where folios (huge pages of any order) begin: a small memory, by 512-frame block of physical
 * memory.
 *
 * Only the head of a folio can be marked idle. Folios are naturally aligned, so one read of a
 * block's kpageflags teaches all heads in it. What was learned may become untrue at any moment
 * (split, collapse, free): it is valid for one epoch of one address space, and checked again
 * whenever it matters for a hot verdict. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/io.h"

/* 2 MiB of 4 KiB pages. Folios of more frames than this (64 KiB pages) stay unknown. */
#define FOLIO_BLOCK_SHIFT 9
#define FOLIO_BLOCK_FRAMES (UINT64_C(1) << FOLIO_BLOCK_SHIFT)

#define FOLIO_CACHE_SETS 256
#define FOLIO_CACHE_WAYS 4

typedef struct FolioBlock {
        uint64_t number; /* first frame >> FOLIO_BLOCK_SHIFT */
        uint64_t epoch;  /* 0: empty */
        uint64_t tails[FOLIO_BLOCK_FRAMES / 64]; /* one bit per frame */
} FolioBlock;

/* About 80 KiB. All zeros is empty. */
typedef struct FolioCache {
        FolioBlock blocks[FOLIO_CACHE_SETS][FOLIO_CACHE_WAYS];
        uint8_t victim[FOLIO_CACHE_SETS];
} FolioCache;

typedef enum FolioHead {
        FOLIO_UNKNOWN,  /* nothing learned about this block in this epoch */
        FOLIO_KNOWN,
        FOLIO_HEADLESS, /* a tail whose head lies before its block */
} FolioHead;

/* The head of the folio that contains pfn (pfn itself for a small page), set for FOLIO_KNOWN
 * only. */
FolioHead folio_cache_find(const FolioCache *cache, uint64_t epoch, uint64_t pfn,
                           uint64_t *ret_head);

/* Learns the block of pfn from its FOLIO_BLOCK_FRAMES words of kpageflags. */
void folio_cache_learn(FolioCache *cache, uint64_t epoch, uint64_t pfn, const uint64_t *flags);

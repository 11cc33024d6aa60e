/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What page-level filters ask for: facts about single pages. */
#include <errno.h>
#include <fcntl.h>

#include "action/internal.h"
#include "kernel/cgroup.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"

/* What all pages of a folio have in common. */
typedef struct Folio {
        uint64_t head; /* frame number; 0: none */
        uint64_t flags;
        bool flags_known;
        uint64_t size;
        uint64_t memcg;
        bool young_known;
        bool young;
} Folio;

static int open_flags(Actor *actor) {
        return lazy_fd(&actor->kpageflags, actor->roots->proc, "kpageflags", O_RDONLY);
}

/* The frame that the folio of pfn begins with; pfn itself where its head is not to be found. */
static uint64_t find_head(Actor *actor, uint64_t pfn) {
        uint64_t block = pfn / actor->block * actor->block, head = pfn;

        if (kpage_read(&actor->io, open_flags(actor), block, actor->scratch, pfn - block + 1) < 0)
                return pfn;
        while (head > block && (actor->scratch[head - block] & KPAGE_COMPOUND_TAIL))
                head--;
        return head;
}

static uint64_t folio_size(Actor *actor, uint64_t head) {
        size_t n = 1;

        if (kpage_read(&actor->io, open_flags(actor), head, actor->scratch, actor->block) < 0)
                return 0;
        if (!(actor->scratch[0] & KPAGE_COMPOUND_HEAD))
                return actor->page;

        while (n < actor->block && (actor->scratch[n] & KPAGE_COMPOUND_TAIL))
                n++;
        return n * actor->page;
}

static uint64_t folio_memcg(Actor *actor, uint64_t head) {
        int fd = lazy_fd(&actor->kpagecgroup, actor->roots->proc, "kpagecgroup", O_RDONLY);
        uint64_t inode;

        if (fd < 0 ||
            io_pread(&actor->io, fd, &inode, sizeof(inode), head * sizeof(inode)) != (ssize_t) sizeof(inode))
                return 0;
        return inode;
}

/* A page that was marked idle (by this actor, or by the monitor) and whose mark still stands has not been
 * touched since. One without a mark is marked now, and counts as young until it is looked at again. */
static bool learn_young(Actor *actor, const Folio *folio, bool *ret) {
        int fd = lazy_fd(&actor->bitmap, actor->roots->sys, "kernel/mm/page_idle/bitmap", O_RDWR);
        uint64_t offset = folio->head / 64 * sizeof(uint64_t), bit = UINT64_C(1) << (folio->head % 64), word;

        if (fd < 0 || !folio->flags_known || !(folio->flags & KPAGE_LRU))
                return false;

        if (!(folio->flags & KPAGE_IDLE)) {
                *ret = true;
                return io_pwrite(&actor->io, fd, &bit, sizeof(bit), offset) == (ssize_t) sizeof(bit);
        }
        if (io_pread(&actor->io, fd, &word, sizeof(word), offset) != (ssize_t) sizeof(word))
                return false;
        *ret = !(word & bit);
        return true;
}

/* Learns what is asked for of the folio of page i. */
static void learn_folio(Actor *actor, unsigned needs, size_t i, Folio *ret) {
        uint64_t pfn = pagemap_pfn(actor->batch.entries[i]), own, flags;

        *ret = (Folio) { .head = pfn };
        if (!page_flags(actor, i, &own))
                return;

        if (own & KPAGE_COMPOUND_TAIL)
                ret->head = find_head(actor, pfn);
        flags = own;
        if (ret->head != pfn && kpage_read(&actor->io, open_flags(actor), ret->head, &flags, 1) < 0)
                return;

        /* Older kernels keep the flags of the lists on the head alone. */
        ret->flags_known = true;
        ret->flags = flags | (own & ~(KPAGE_COMPOUND_TAIL | KPAGE_IDLE));
        if (needs & FILTER_NEEDS_FOLIO)
                ret->size = flags & KPAGE_COMPOUND_HEAD ? folio_size(actor, ret->head) : actor->page;
        if (needs & FILTER_NEEDS_MEMCG)
                ret->memcg = folio_memcg(actor, ret->head);
        if (needs & FILTER_NEEDS_YOUNG)
                ret->young_known = learn_young(actor, ret, &ret->young);
}

static PageFacts facts_of(const Actor *actor, unsigned needs, const Folio *folio, size_t i) {
        const Batch *b = &actor->batch;
        uint64_t entry = b->entries[i];
        bool present = pagemap_present(entry), swapped = pagemap_swapped(entry);

        return (PageFacts) {
                .present = present,
                .swapped = swapped,
                .file = present || swapped ? (entry & PAGEMAP_FILE) != 0 : !b->piece->anon,
                .exclusive = entry & PAGEMAP_EXCLUSIVE,
                .flags_known = folio->flags_known,
                .flags = folio->flags,
                .folio_size = folio->size,
                .memcg = folio->memcg,
                .young_known = folio->young_known,
                .young = folio->young,
                .node = needs & FILTER_NEEDS_NODE ? MAX(b->nodes[i], -1) : -1,
        };
}

/* Whether page i goes on with the folio of the page before, which was looked at. */
static bool same_folio(Actor *actor, TargetRun *target, const Folio *folio, size_t i) {
        return i > 0 && folio->head != 0 && is_joined(actor, target, i);
}

void filter_pages(Actor *actor, TargetRun *target, const SchemeRun *scheme) {
        const SchemeConfig *config = &scheme->plan->spec->config;
        unsigned per_folio = FILTER_NEEDS_FLAGS | FILTER_NEEDS_FOLIO | FILTER_NEEDS_MEMCG | FILTER_NEEDS_YOUNG;
        size_t last = SIZE_MAX; /* the page that `folio` was learned from, or that shares it */
        Batch *b = &actor->batch;
        Folio folio = {};

        if (scheme->needs & FILTER_NEEDS_NODE)
                learn_nodes(actor, target);
        for (size_t i = 0; i < b->n; i++) {
                uint64_t pfn = pagemap_pfn(b->entries[i]);
                FilterVerdict verdict;
                PageFacts facts;

                if (b->marks[i] != PAGE_SELECTED)
                        continue;

                if (!(scheme->needs & per_folio) || pfn == 0)
                        folio = (Folio) {};
                else if (last != i - 1 || !same_folio(actor, target, &folio, i))
                        learn_folio(actor, scheme->needs, i, &folio);
                last = i;

                facts = facts_of(actor, scheme->needs, &folio, i);
                verdict = filters_judge_page(config->filters, config->n_filters, scheme->memcgs, &facts);
                if (verdict != FILTER_PASS)
                        b->marks[i] = verdict == FILTER_REJECT ? OUTCOME_FILTERED : OUTCOME_UNKNOWN;
        }
}

int filters_prepare(Actor *actor, SchemeRun *scheme) {
        const SchemeConfig *config = &scheme->plan->spec->config;

        scheme->needs = filters_need(config->filters, config->n_filters);
        for (size_t i = 0; i < config->n_filters; i++)
                scheme->has_filters |= !filter_is_core(config->filters[i].type);
        if (!(scheme->needs & FILTER_NEEDS_MEMCG))
                return 0;

        scheme->memcgs = calloc(config->n_filters, sizeof(*scheme->memcgs));
        if (!scheme->memcgs)
                return -ENOMEM;
        /* one that does not exist keeps inode 0: no page is in it */
        for (size_t i = 0; i < config->n_filters; i++)
                if (config->filters[i].type == FILTER_MEMCG)
                        (void) cgroup_inode(actor->roots, config->filters[i].cgroup, &scheme->memcgs[i]);
        return 0;
}

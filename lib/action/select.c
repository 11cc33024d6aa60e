/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pages of a batch are handed over, and why not the others. */
#include "action/internal.h"
#include "kernel/pagemap.h"

/* hugepage: no process may set the flag for another; huge pages are made at once instead. lru_deprio: what is
 * cold is the next to go, too. lru_prio: a page that is read through the kernel counts as used. */
const ActionTraits action_traits[_ACTION_MAX] = {
        [ACTION_STAT] = { .means = MEANS_NONE, .wants = WANTS_CONTENT },
        [ACTION_PAGEOUT] = { .means = MEANS_ADVICE, .advice = MADVISE_PAGEOUT, .unit = UNIT_FOLIO,
                             .wants = WANTS_PRESENT, .exclusive = true, .swaps = true },
        [ACTION_COLD] = { .means = MEANS_ADVICE, .advice = MADVISE_COLD, .unit = UNIT_FOLIO,
                          .wants = WANTS_PRESENT, .exclusive = true },
        [ACTION_WILLNEED] = { .means = MEANS_ADVICE, .advice = MADVISE_WILLNEED, .wants = WANTS_ABSENT },
        [ACTION_HUGEPAGE] = { .means = MEANS_ADVICE, .advice = MADVISE_COLLAPSE, .unit = UNIT_BLOCK,
                              .wants = WANTS_SMALL },
        [ACTION_COLLAPSE] = { .means = MEANS_ADVICE, .advice = MADVISE_COLLAPSE, .unit = UNIT_BLOCK,
                              .wants = WANTS_SMALL },
        [ACTION_NOHUGEPAGE] = { .means = MEANS_SPLIT, .unit = UNIT_BLOCK, .wants = WANTS_HUGE },
        [ACTION_LRU_PRIO] = { .means = MEANS_READ, .wants = WANTS_PRESENT },
        [ACTION_LRU_DEPRIO] = { .means = MEANS_ADVICE, .advice = MADVISE_COLD, .unit = UNIT_FOLIO,
                                .wants = WANTS_PRESENT, .exclusive = true },
        [ACTION_MIGRATE_HOT] = { .means = MEANS_MOVE, .unit = UNIT_FOLIO, .wants = WANTS_PRESENT },
        [ACTION_MIGRATE_COLD] = { .means = MEANS_MOVE, .unit = UNIT_FOLIO, .wants = WANTS_PRESENT },
};

static bool is_wanted(const Batch *b, Wants wants, uint64_t entry) {
        switch (wants) {
        case WANTS_PRESENT:
                return pagemap_present(entry);
        case WANTS_ABSENT:
                /* Whether the cache of a file holds a page that nobody maps cannot be seen from here. */
                return !pagemap_present(entry) && (pagemap_swapped(entry) || !b->piece->anon);
        case WANTS_CONTENT:
                return pagemap_present(entry) || pagemap_swapped(entry);
        default:
                return false;
        }
}

static uint8_t classify(const Batch *b, const ActionTraits *traits, uint64_t entry) {
        if (b->piece->hugetlb && traits->means != MEANS_NONE)
                return OUTCOME_UNEVICTABLE;
        if (!is_wanted(b, traits->wants, entry))
                return OUTCOME_NOTHING;
        if (traits->exclusive && !(entry & PAGEMAP_EXCLUSIVE))
                return OUTCOME_SHARED;
        return PAGE_SELECTED;
}

static bool is_whole_block(const Actor *actor, const Batch *b, size_t i) {
        return page_address(actor, b, i) % block_size(actor) == 0 && b->n - i >= actor->block;
}

size_t unit_end(Actor *actor, const ItemRun *item, size_t i) {
        Unit unit = item->scheme->traits->unit;
        const Batch *b = &actor->batch;
        size_t end = i + 1;

        if (unit == UNIT_PAGE)
                return end;
        if (unit == UNIT_BLOCK)
                return MIN(b->n, i + actor->block - page_address(actor, b, i) / actor->page % actor->block);

        while (end < b->n && is_joined(actor, item->target, end))
                end++;
        return end;
}

/* What a whole block is, before filters. */
static uint8_t classify_block(Actor *actor, const ActionTraits *traits, size_t i) {
        const Batch *b = &actor->batch;
        bool huge, any = false, frames = false;

        if (b->piece->hugetlb)
                return OUTCOME_UNEVICTABLE;
        for (size_t k = i; k < i + actor->block; k++) {
                any |= pagemap_present(b->entries[k]);
                frames |= pagemap_pfn(b->entries[k]) != 0;
        }
        if (!any)
                return OUTCOME_NOTHING;

        /* Without frame numbers huge pages cannot be told from small ones: making one where there is one
         * already does no harm; but what would be split must be known. */
        if (!frames)
                return traits->wants == WANTS_SMALL ? PAGE_SELECTED : OUTCOME_UNKNOWN;

        huge = block_is_huge(actor, b->entries, i);
        return huge == (traits->wants == WANTS_HUGE) ? PAGE_SELECTED : OUTCOME_NOTHING;
}

static void classify_blocks(Actor *actor, const ItemRun *item) {
        Batch *b = &actor->batch;

        for (size_t i = 0, end; i < b->n; i = end) {
                uint8_t mark = OUTCOME_EDGE;

                end = unit_end(actor, item, i);
                if (is_whole_block(actor, b, i))
                        mark = classify_block(actor, item->scheme->traits, i);
                else if (b->piece->hugetlb)
                        mark = OUTCOME_UNEVICTABLE;
                memset(b->marks + i, mark, end - i);
        }
}

/* Filters speak of pages that are there: an absent one in a block neither passes nor fails. */
static void filter_blocks(Actor *actor, const ItemRun *item) {
        Batch *b = &actor->batch;

        for (size_t i = 0; i < b->n; i++)
                if (b->marks[i] == PAGE_SELECTED && !pagemap_present(b->entries[i]))
                        b->marks[i] = OUTCOME_NOTHING;
        filter_pages(actor, item->target, item->scheme);

        for (size_t i = 0, end; i < b->n; i = end) {
                bool selected = false;
                uint8_t mark = 0;

                end = unit_end(actor, item, i);
                for (size_t k = i; k < end; k++) {
                        selected |= b->marks[k] == PAGE_SELECTED;
                        if (b->marks[k] == OUTCOME_FILTERED || b->marks[k] == OUTCOME_UNKNOWN)
                                mark = MAX(mark, b->marks[k]);
                }
                if (selected || mark != 0)
                        memset(b->marks + i, mark != 0 ? mark : PAGE_SELECTED, end - i);
        }
}

static void replace_selected(Batch *b, size_t i, size_t end, uint8_t mark) {
        for (; i < end; i++)
                if (b->marks[i] == PAGE_SELECTED)
                        b->marks[i] = mark;
}

static size_t count_selected(const Batch *b, size_t i, size_t end) {
        size_t n = 0;

        for (; i < end; i++)
                n += b->marks[i] == PAGE_SELECTED;
        return n;
}

bool goes_to_swap(const Batch *b, const ActionTraits *traits, uint64_t entry) {
        return traits->swaps && (!(entry & PAGEMAP_FILE) || b->piece->swap_backed);
}

/* Whether the unit is there as a whole: all of it selected, and none of it beyond the batch. */
static bool is_whole(Actor *actor, const ItemRun *item, size_t i, size_t end) {
        const Batch *b = &actor->batch;

        if (count_selected(b, i, end) < end - i)
                return false;
        return item->scheme->traits->unit != UNIT_FOLIO ||
               (!is_joined(actor, item->target, i) && !is_joined(actor, item->target, end));
}

/* Charges a unit to what is left of everything. False: the batch ends before it. */
static bool select_unit(Actor *actor, ItemRun *item, size_t i, size_t end, const Limit *limit) {
        uint64_t bytes = (end - i) * actor->page, swap;
        SchemeRun *scheme = item->scheme;
        Batch *b = &actor->batch;

        if (count_selected(b, i, end) == 0)
                return true;
        if (!is_whole(actor, item, i, end)) {
                replace_selected(b, i, end, OUTCOME_EDGE);
                return true;
        }

        swap = goes_to_swap(b, scheme->traits, b->entries[i]) ? bytes : 0;
        if (swap > 0 &&
            (actor->run.swap_full || scheme->plan->swap_max == 0 || swap > room_left(actor, item->target))) {
                replace_selected(b, i, end, OUTCOME_NO_SWAP);
                return true;
        }
        if (swap > scheme->swap_left) {
                /* nothing but more of the same follows, unless this is only too large */
                b->swap_cut = b->piece->anon && swap <= scheme->plan->swap_max;
                if (!b->swap_cut)
                        replace_selected(b, i, end, OUTCOME_SWAP_RATE);
                return !b->swap_cut;
        }

        /* What never fits is passed over, or nothing behind it would ever be reached. */
        if (bytes > scheme->plan->bytes_max) {
                replace_selected(b, i, end, OUTCOME_EDGE);
                return true;
        }
        if (bytes > scheme->bytes_left) {
                b->cut = true;
                return false;
        }
        if (!pace_admits(actor, limit, bytes))
                return false;

        if (scheme->traits->means == MEANS_MOVE && !place_take(actor, item, i, end)) {
                replace_selected(b, i, end, OUTCOME_NO_ROOM);
                return true;
        }
        if (scheme->bytes_left != UINT64_MAX)
                scheme->bytes_left -= bytes;
        scheme->swap_left -= swap;
        if (swap > 0)
                room_take(actor, item->target, swap);
        b->selected += bytes;
        b->parts[unit_size(actor, bytes)] += bytes;
        return true;
}

/* Pages that were found by their place in physical memory and have another by now. */
static void keep_frames(Actor *actor, const Range *frames) {
        Batch *b = &actor->batch;

        for (size_t i = 0; i < b->n; i++) {
                uint64_t addr = pagemap_pfn(b->entries[i]) * actor->page;

                if (addr < frames->start || addr >= frames->end)
                        b->marks[i] = OUTCOME_MOVED;
        }
}

void select_pages(Actor *actor, ItemRun *item, const Limit *limit) {
        const ActionTraits *traits = item->scheme->traits;
        bool filter = item->scheme->has_filters && !item->item->decided;
        Batch *b = &actor->batch;

        if (traits->unit == UNIT_BLOCK) {
                classify_blocks(actor, item);
                if (filter)
                        filter_blocks(actor, item);
        } else {
                for (size_t i = 0; i < b->n; i++)
                        b->marks[i] = classify(b, traits, b->entries[i]);
                if (filter)
                        filter_pages(actor, item->target, item->scheme);
        }

        if (traits->swaps)
                room_look(actor, item->target);
        if (item->frames)
                keep_frames(actor, item->frames);

        /* What the kernel has refused for this mapping once, it refuses for all of it. */
        if (item->refused.start == b->piece->mapping.start && item->refused.end == b->piece->mapping.end)
                replace_selected(b, 0, b->n, OUTCOME_UNEVICTABLE);

        if (traits->means == MEANS_MOVE)
                place_pages(actor, item);
        for (size_t i = 0, end; i < b->n; i = end) {
                end = unit_end(actor, item, i);
                if (!select_unit(actor, item, i, end, limit))
                        b->n = i;
        }
}

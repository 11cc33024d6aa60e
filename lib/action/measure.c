/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a batch: every page is counted, once. */
#include "action/internal.h"
#include "kernel/pagemap.h"
#include "kernel/system.h"

/* Looks at the pages again; without a second look, what was seen first. */
static bool look_again(Actor *actor, ItemRun *item) {
        const ActionTraits *traits = item->scheme->traits;
        bool unsure = item->target->map_stale;
        Batch *b = &actor->batch;

        if (b->acted && (traits->swaps || traits->unit == UNIT_BLOCK || unsure) && !item->target->failed &&
            read_entries(actor, item->target, b->start, b->after, b->n))
                return true;

        memcpy(b->after, b->entries, b->n * sizeof(*b->after));
        return false;
}

/* What the mapping that changed under the call left: in doubt, it is the change that took a page away. */
static void settle_unsure(Batch *b) {
        for (size_t i = 0; i < b->n; i++)
                if (b->marks[i] == PAGE_UNSURE)
                        b->marks[i] = pagemap_present(b->after[i]) || pagemap_swapped(b->after[i])
                                              ? PAGE_SELECTED : OUTCOME_UNMAPPED;
}

/* Whether the action did what it is for. */
static uint64_t applied_bytes(Actor *actor, const ItemRun *item, bool seen) {
        const ActionTraits *traits = item->scheme->traits;
        const Batch *b = &actor->batch;
        uint64_t bytes = 0;
        size_t step = traits->unit == UNIT_BLOCK ? actor->block : 1;

        for (size_t i = 0; i < b->n; i++) {
                bool done = true;

                if (b->marks[i] != PAGE_SELECTED)
                        continue;
                if (traits->swaps)
                        done = !pagemap_present(b->after[i]);
                else if (step > 1 && seen && pagemap_pfn(b->entries[i]) != 0)
                        done = block_is_huge(actor, b->after, i) == (traits->wants == WANTS_SMALL);
                else if (step > 1)
                        done = seen && traits->wants == WANTS_SMALL;
                bytes += done ? step * actor->page : 0;
                i += step - 1;
        }
        return bytes;
}

/* Where most of what was meant for swap did not go there: is there any room left? */
static void check_swap(Actor *actor, uint64_t anon, uint64_t anon_left) {
        MemInfo info;

        if (anon_left == 0 || anon_left < anon / 2 || meminfo_read(actor->roots, &info) < 0)
                return;
        actor->run.swap_full |= info.swap_free < actor->page;
}

/* What the kernel certainly left alone does not count against the limits. In a batch that was acted on, these
 * outcomes come from the kernel only. */
static void refund(Actor *actor, SchemeRun *scheme, uint8_t mark, bool swap) {
        if (scheme->traits->means == MEANS_MOVE)
                return; /* it was, by unit */
        if (mark != OUTCOME_UNEVICTABLE && mark != OUTCOME_DENIED && mark != OUTCOME_GONE)
                return;
        if (scheme->bytes_left != UINT64_MAX)
                scheme->bytes_left += actor->page;
        scheme->swap_left += swap ? actor->page : 0;
}

static void count_pages(Actor *actor, ItemRun *item) {
        ItemResult *result = item->result;
        uint64_t anon = 0, anon_left = 0;
        Batch *b = &actor->batch;

        for (size_t i = 0; i < b->n; i++) {
                bool swap = goes_to_swap(b, item->scheme->traits, b->entries[i]);
                uint64_t left = pagemap_present(b->after[i]) ? actor->page : 0;

                result->left += left;
                if (b->marks[i] != PAGE_SELECTED) {
                        result->others[b->marks[i]] += actor->page;
                        if (b->acted)
                                refund(actor, item->scheme, b->marks[i], swap);
                        continue;
                }
                result->tried += actor->page;
                anon += swap ? actor->page : 0;
                anon_left += swap ? left : 0;
        }

        result->anon += anon;
        if (b->acted)
                check_swap(actor, anon, anon_left);
}

void measure(Actor *actor, ItemRun *item) {
        bool seen = look_again(actor, item);
        Batch *b = &actor->batch;

        settle_unsure(b);
        if (b->acted && seen && item->frames && item->scheme->traits->swaps)
                taken_note(actor, item);
        if (b->acted)
                item->result->applied += applied_bytes(actor, item, seen);
        count_pages(actor, item);
}

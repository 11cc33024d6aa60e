/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Acting on physical memory: what lies there is looked up (reverse.h), and done to the processes that map it, piece by
 * piece, as any other item is. Each page is looked at again right before it is acted on: where its address has come to
 * have another frame meanwhile, it is left alone. */
#include <errno.h>

#include "action/internal.h"

/* Frames that are worked on together: neighbours in physical memory belong to many processes, and the more there are
 * the longer are the pieces that each of them gets. */
#define CHUNK_FRAMES 4096u
/* With a quota: not much more than what is left of it. */
#define CHUNK_FRAMES_MIN 512u

/* Consecutive addresses of one process. */
typedef struct OwnedPiece {
        uint32_t owner;
        uint64_t addr;
        uint64_t size;
} OwnedPiece;

static int compare_pieces(const void *a, const void *b) {
        const OwnedPiece *x = a, *y = b;

        if (x->owner != y->owner)
                return x->owner < y->owner ? -1 : 1;
        return (x->addr > y->addr) - (x->addr < y->addr);
}

/* What was found in [first, end), by process and address, in as few pieces as possible. Returns how many. */
static size_t collect_pieces(const Actor *actor, uint64_t first, uint64_t end, OwnedPiece *pieces) {
        const Reverse *reverse = &actor->reverse;
        size_t n = 0, kept = 0;

        for (size_t i = reverse_find(reverse, first); i < reverse->n_runs && reverse->runs[i].pfn < end; i++) {
                const ReverseRun *run = &reverse->runs[i];
                uint64_t from = MAX(run->pfn, first), to = MIN(run->pfn + run->n, end);

                pieces[n++] = (OwnedPiece) { run->owner, run->addr + (from - run->pfn) * actor->page,
                                             (to - from) * actor->page };
        }
        if (n == 0)
                return 0;
        qsort(pieces, n, sizeof(*pieces), compare_pieces);
        for (size_t i = 1; i < n; i++)
                if (pieces[i].owner == pieces[kept].owner && pieces[i].addr == pieces[kept].addr + pieces[kept].size)
                        pieces[kept].size += pieces[i].size;
                else
                        pieces[++kept] = pieces[i];
        return kept + 1;
}

/* All pieces of one process. */
static void run_owner(Actor *actor, ItemRun *physical, const OwnedPiece *pieces, size_t n) {
        const ReverseOwner *owner = &actor->reverse.owners[pieces->owner];
        PlanTarget plan = { .pid = owner->pid, .start_time = owner->start_time };
        TargetRun target = { .plan = &plan, .process = PROCESS_NONE };
        ItemRun item = *physical;

        item.target = &target;
        if (physical->ended)
                ; /* a limit was reached with the process before */
        else if (is_protected(&plan, &item.scheme->plan->spec->config))
                end_item(&item, OUTCOME_PROTECTED);
        else if (!target_ready(actor, &target))
                end_by_target(&item);
        else
                plan.map = address_map_ref(target.map);

        for (size_t i = 0; i < n; i++)
                (void) run_range(actor, &item, pieces[i].addr, pieces[i].addr + pieces[i].size);
        if (item.ended && item.rest == OUTCOME_UNREACHED)
                end_item(physical, OUTCOME_UNREACHED);
        target_close(&target);
        address_map_unref(plan.map);
}

/* Counts the frames that nothing can be done about. */
static void count_frames(const Actor *actor, uint64_t first, uint64_t end, ItemResult *result) {
        for (uint64_t pfn = first; pfn < end; pfn++) {
                uint8_t state = *reverse_state(&actor->reverse, pfn);

                if (state == PAGE_SELECTED)
                        state = OUTCOME_NOT_FOUND;
                if (state != PAGE_FOUND)
                        result->others[state] += actor->page;
        }
}

/* Up to the end of what the index covers, and had time for. */
static uint64_t chunk_end(const Actor *actor, const SchemeRun *scheme, uint64_t first, uint64_t end) {
        uint64_t most = CLAMP(scheme->bytes_left / actor->page, (uint64_t) CHUNK_FRAMES_MIN, (uint64_t) CHUNK_FRAMES);
        uint64_t pfn = first;

        for (; pfn < MIN(end, first + most); pfn++) {
                const uint8_t *state = reverse_state(&actor->reverse, pfn);

                if (!state || *state == OUTCOME_UNREACHED)
                        break;
        }
        return pfn;
}

static int run_chunk(Actor *actor, ItemRun *item, uint64_t first, uint64_t end) {
        _cleanup_free_ OwnedPiece *pieces = calloc(end - first, sizeof(*pieces));
        Range frames = { first * actor->page, end * actor->page };
        size_t n;

        if (!pieces)
                return -ENOMEM;
        n = collect_pieces(actor, first, end, pieces);
        count_frames(actor, first, end, item->result);
        item->frames = &frames;
        for (size_t i = 0, next; i < n; i = next) {
                for (next = i + 1; next < n && pieces[next].owner == pieces[i].owner; next++)
                        ;
                run_owner(actor, item, &pieces[i], next - i);
        }
        item->frames = NULL;
        return 0;
}

/* Looks up what lies from pfn on, if that is not known yet. */
static int look_up(Actor *actor, ItemRun *item, uint64_t pfn) {
        Reverse *reverse = &actor->reverse;
        size_t index = (size_t) (item->item - actor->run.plan->items);
        Moment begin = actor_moment(actor), end;
        int r;

        if (reverse->n_ranges > 0 && reverse->scheme == item->item->scheme && reverse_state(reverse, pfn))
                return 0;
        r = reverse_build(actor, item->scheme, index, pfn * actor->page);
        end = actor_moment(actor);
        item->scheme->time += end.busy - begin.busy;
        item->result->time += end.busy - begin.busy;
        item->scheme->result->longest_lookup = MAX(item->scheme->result->longest_lookup, end.now - begin.now);
        return r;
}

/* From pfn on. Returns how far it went. */
static uint64_t run_frames(Actor *actor, ItemRun *item, uint64_t pfn, uint64_t end) {
        while (pfn < end && !item->ended) {
                uint64_t tried = item->result->tried, next;
                int r;

                if (!may_begin(actor, item, actor->act->now()))
                        break;
                r = look_up(actor, item, pfn);
                next = chunk_end(actor, item->scheme, pfn, end);
                if (r == 0 && next > pfn)
                        r = run_chunk(actor, item, pfn, next);
                if (r < 0)
                        actor->run.result->error = r;
                if (r < 0 || next == pfn)
                        break;
                /* nothing was done in the last of it: that is not reached, though counted */
                if (item->ended && item->result->tried == tried) {
                        item->result->others[OUTCOME_UNREACHED] += (end - next) * actor->page;
                        return pfn;
                }
                pfn = next;
        }
        item->result->others[OUTCOME_UNREACHED] += (end - pfn) * actor->page;
        return pfn;
}

void run_physical(Actor *actor, const PlanItem *plan, ItemResult *result) {
        ItemRun item = { .item = plan, .result = result, .scheme = &actor->run.schemes[plan->scheme] };
        uint64_t start = (plan->start + actor->page - 1) / actor->page * actor->page;
        uint64_t end = plan->end / actor->page * actor->page, at;

        *result = (ItemResult) {};
        start = MIN(start, plan->end);
        end = MAX(end, start);
        result->others[OUTCOME_EDGE] = start - plan->start + (plan->end - end);
        at = run_frames(actor, &item, start / actor->page, end / actor->page) * actor->page;
        result->stopped_at = at < end ? at : plan->end;
        if (at == start && at < end)
                result->stopped_at = plan->start;
}

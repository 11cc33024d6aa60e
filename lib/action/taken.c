/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was paged out by its place in physical memory. */
#include "action/taken.h"

#include <errno.h>

#include "action/internal.h"
#include "kernel/pagemap.h"

/* As much as is looked at for one plan. */
#define AUDIT_PAGES ((uint64_t) 16384)

static void owner_drop(TakenOwner *owner) {
        if (owner->used > 0)
                process_close(&owner->process);
        free(owner->runs);
        *owner = (TakenOwner) {};
}

void taken_deinit(Taken *taken) {
        for (size_t i = 0; i < TAKEN_OWNERS; i++)
                owner_drop(&taken->owners[i]);
}

/* -ENOMEM: it is not remembered. */
static int owner_add(TakenOwner *owner, TakenRun run, uint64_t page) {
        TakenRun *last = owner->n > 0 ? &owner->runs[owner->n - 1] : NULL;

        if (last && last->addr + last->n * page == run.addr && last->swapped == run.swapped) {
                last->n += run.n;
                return 0;
        }
        if (owner->n == TAKEN_RUNS) {
                /* half at a time: it is seldom that it has to be moved */
                memmove(owner->runs, owner->runs + TAKEN_RUNS / 2, TAKEN_RUNS / 2 * sizeof(*owner->runs));
                owner->n = TAKEN_RUNS / 2;
        }
        if (owner->n == owner->allocated) {
                size_t wanted = MIN(MAX(owner->allocated * 2, (size_t) 16), TAKEN_RUNS);
                TakenRun *runs = reallocarray(owner->runs, wanted, sizeof(*runs));

                if (!runs)
                        return -ENOMEM;
                owner->runs = runs;
                owner->allocated = wanted;
        }
        owner->runs[owner->n++] = run;
        return 0;
}

/* The process's place, a new one, or that of the process that was taken from least recently. NULL: it cannot be held on
 * to. */
static TakenOwner *owner_of(Actor *actor, uint64_t scheme, const PidRef *ref) {
        Taken *taken = &actor->taken;
        TakenOwner *oldest = &taken->owners[0], fresh = { .scheme = scheme, .process = PROCESS_NONE };

        for (size_t i = 0; i < TAKEN_OWNERS; i++) {
                TakenOwner *owner = &taken->owners[i];

                if (owner->used > 0 && owner->scheme == scheme && owner->process.ref.pid == ref->pid &&
                    owner->process.ref.start_time == ref->start_time)
                        return owner;
                if (owner->used < oldest->used)
                        oldest = owner;
        }
        if (process_open(&fresh.process, actor->roots, ref->pid) != 0)
                return NULL;
        if (fresh.process.ref.start_time != ref->start_time) {
                process_close(&fresh.process);
                return NULL;
        }
        owner_drop(oldest);
        fresh.used = ++taken->calls;
        *oldest = fresh;
        return oldest;
}

/* What became of a page that was handed over. */
typedef enum Whereabouts { HERE, IN_SWAP, IN_FILE, NOWHERE } Whereabouts;

static Whereabouts where(uint64_t before, uint64_t now) {
        if (pagemap_present(now))
                return HERE;
        if (pagemap_swapped(now))
                return IN_SWAP;
        return before & PAGEMAP_FILE ? IN_FILE : NOWHERE;
}

void taken_note(Actor *actor, const ItemRun *item) {
        TakenOwner *owner = NULL;
        const Batch *b = &actor->batch;

        for (size_t i = 0, end; i < b->n; i = end) {
                Whereabouts is = where(b->entries[i], b->after[i]);

                end = i + 1;
                if (b->marks[i] != PAGE_SELECTED || is == HERE || is == NOWHERE)
                        continue;
                while (end < b->n && b->marks[end] == PAGE_SELECTED && where(b->entries[end], b->after[end]) == is)
                        end++;
                owner = owner ?: owner_of(actor, item->scheme->plan->id, &item->target->process.ref);
                if (!owner)
                        return;
                owner->used = ++actor->taken.calls;
                (void) owner_add(owner, (TakenRun) { page_address(actor, b, i), end - i, is == IN_SWAP }, actor->page);
        }
}

/* Looks at part of a run; what is still away goes back to the owner. Returns how many pages are here, or UINT64_MAX:
 * the address space is not. */
static uint64_t look(Actor *actor, TakenOwner *owner, TakenRun run) {
        uint64_t *entries = actor->batch.entries, back = 0, type = run.swapped ? 0 : PAGEMAP_FILE;
        TargetRun target = { .process = owner->process };
        bool good = read_entries(actor, &target, run.addr, entries, run.n);

        owner->process = target.process;
        if (!good)
                return UINT64_MAX;
        for (size_t i = 0, end; i < run.n; i = end) {
                Whereabouts is = where(type, entries[i]);

                for (end = i + 1; end < run.n && where(type, entries[end]) == is; end++)
                        ;
                if (is == HERE)
                        back += end - i;
                else if (is != NOWHERE)
                        (void) owner_add(owner, (TakenRun) { run.addr + i * actor->page, end - i, is == IN_SWAP },
                                         actor->page);
        }
        return back;
}

/* At most *left pages of what was taken from it. Returns how many came back. */
static uint64_t audit_owner(Actor *actor, TakenOwner *owner, uint64_t *left) {
        TakenOwner before = *owner;
        uint64_t back = 0, more = 0;
        size_t i = 0;

        /* what is to be looked at is taken off; what is still away goes to the end again, behind the rest */
        owner->runs = NULL;
        owner->n = owner->allocated = 0;
        for (uint64_t pages = 0; i < before.n && pages < *left; i++)
                pages += before.runs[i].n;
        for (size_t k = i; k < before.n; k++)
                (void) owner_add(owner, before.runs[k], actor->page);
        for (size_t k = 0; k < i && more != UINT64_MAX; k++)
                for (uint64_t done = 0; done < before.runs[k].n && more != UINT64_MAX; done += BATCH_PAGES) {
                        TakenRun part = before.runs[k];

                        part.addr += done * actor->page;
                        part.n = MIN(part.n - done, (uint64_t) BATCH_PAGES);
                        more = look(actor, owner, part);
                        back += more == UINT64_MAX ? 0 : more;
                        *left -= MIN(*left, part.n);
                }
        free(before.runs);
        if (more == UINT64_MAX || owner->n == 0)
                owner_drop(owner);
        return back;
}

uint64_t taken_audit(Actor *actor, uint64_t scheme) {
        uint64_t left = AUDIT_PAGES, back = 0;
        Taken *taken = &actor->taken;

        for (size_t i = 0; i < TAKEN_OWNERS && left > 0 && !is_stopped(&actor->run); i++) {
                size_t at = (taken->next + i) % TAKEN_OWNERS;
                TakenOwner *owner = &taken->owners[at];

                if (owner->used > 0 && owner->scheme == scheme)
                        back += audit_owner(actor, owner, &left);
                if (left == 0)
                        taken->next = at + 1;
        }
        return back * actor->page;
}

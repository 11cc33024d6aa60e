/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop over a plan: audits, then items, batch by batch within all limits. */
#include "action/actor.h"

#include <errno.h>

#include "action/internal.h"
#include "kernel/pagemap.h"

/* Looking and acting share the time of a batch. */
#define SURVEY_TIME (ACTOR_BATCH_TIME / 4)
#define ACT_TIME (ACTOR_BATCH_TIME - SURVEY_TIME)
/* Moving costs something before the first page is touched: the kernel empties its lists of each CPU. With looking, and
 * with pages that cost more than those before them, a batch shall stay below 5 ms. */
#define MOVE_TIME (3 * NSEC_PER_MSEC)
#define MOVE_PAGES_MIN 64

void count_error(SchemeResult *result, int error) {
        error_counts_add(result->errors, error, 1);
}

bool is_stopped(Run *run) {
        if (run->result->error == 0 && !atomic_load_explicit(run->stop, memory_order_relaxed))
                return false;
        run->result->cancelled |= run->result->error == 0;
        return true;
}

bool may_begin(Actor *actor, const ItemRun *item, nsec_t now) {
        const SchemeRun *scheme = item->scheme;

        if (is_stopped(&actor->run))
                return false;
        if (now >= scheme->plan->deadline)
                scheme->result->late = true;
        else if (scheme->time >= scheme->plan->time_max)
                scheme->result->time_ran_out = true;
        else if (scheme->bytes_left < actor->page)
                scheme->result->bytes_ran_out = true;
        else
                return true;
        return false;
}

void end_item(ItemRun *item, Outcome outcome) {
        item->ended = true;
        item->rest = outcome;
}

void end_by_target(ItemRun *item) {
        const TargetRun *target = item->target;

        end_item(item, target->failure);
        if (target->failure == OUTCOME_FAILED)
                count_error(item->scheme->result, target->error);
        else if (target->failure == OUTCOME_DENIED)
                count_error(item->scheme->result, EACCES);
}

/* What one batch may take. */
static Limit limit_of(const Actor *actor, const SchemeRun *scheme) {
        bool moves = scheme->traits->means == MEANS_MOVE;
        nsec_t left = scheme->plan->time_max - scheme->time;

        return (Limit) {
                .pace = &actor->acts[scheme->plan->spec->config.action],
                .time = MIN(moves ? MOVE_TIME : ACT_TIME, left),
                .least = moves && left > MOVE_TIME ? MOVE_PAGES_MIN * actor->page : actor->page,
        };
}

/* One batch, from the start of the piece on. Returns how far it went. */
static uint64_t run_batch(Actor *actor, ItemRun *item, const Piece *piece, const Moment *begin) {
        SchemeRun *scheme = item->scheme;
        Pace *looking = &actor->surveys[scheme->has_filters && !item->item->decided];
        Limit limit = limit_of(actor, scheme);
        uint64_t look_max = pace_look(actor, looking, MIN(SURVEY_TIME, limit.time), &limit), size;
        Moment looked, acted;
        Batch *b = &actor->batch;

        if (!survey(actor, item->target, scheme, piece, piece->start, look_max))
                return piece->start;
        size = b->n * actor->page;
        select_pages(actor, item, &limit);
        if (item->target->failed)
                return piece->start;

        pace_selected(&actor->acts[scheme->plan->spec->config.action], b, b->n * actor->page);
        looked = acted = actor_moment(actor);
        if (b->selected > 0 && !scheme->plan->dry_run && scheme->traits->means != MEANS_NONE) {
                act(actor, item);
                acted = actor_moment(actor);
                pace_acted(actor, item, &looked, &acted);
        }
        measure(actor, item);
        pace_update(looking, size, looked.busy - begin->busy + (actor_busy(actor) - acted.busy));

        if (b->cut) {
                scheme->result->bytes_ran_out = true;
                end_item(item, OUTCOME_UNREACHED);
        } else if (b->swap_cut)
                end_item(item, OUTCOME_SWAP_RATE);
        return page_address(actor, b, b->n);
}

/* What a batch took, and what was learned before it. */
static void count_time(const Actor *actor, ItemRun *item, const Moment *begin, const Moment *ready) {
        SchemeResult *result = item->scheme->result;
        Moment end = actor_moment(actor);

        item->scheme->time += end.busy - begin->busy;
        item->result->time += end.busy - begin->busy;
        result->longest_lookup = MAX(result->longest_lookup, ready->now - begin->now);
        result->longest = MAX(result->longest, end.now - ready->now);
        result->longest_cpu = MAX(result->longest_cpu, end.cpu - ready->cpu);
}

static uint64_t run_piece(Actor *actor, ItemRun *item, uint64_t pos, uint64_t end) {
        Moment begin = actor_moment(actor), ready;
        Piece piece;

        if (!may_begin(actor, item, begin.now)) {
                end_item(item, OUTCOME_UNREACHED);
                return pos;
        }
        if (!target_ready(actor, item->target)) {
                end_by_target(item);
                return pos;
        }

        piece_next(item->target->plan->map, item->target->map, pos, end, &piece);
        if (!piece.mapped) {
                item->result->others[OUTCOME_UNMAPPED] += piece.end - piece.start;
                return piece.end;
        }

        if (item->scheme->traits->means == MEANS_MOVE)
                places_prepare(actor, item->target);
        ready = actor_moment(actor);
        pos = run_batch(actor, item, &piece, &ready);
        if (item->target->failed)
                end_by_target(item);
        count_time(actor, item, &begin, &ready);
        return pos;
}

bool is_protected(const PlanTarget *target, const SchemeConfig *config) {
        return target->pid < 1 || (target->pid == 1 && !config->act_on_init) || target->pid == getpid();
}

uint64_t run_range(Actor *actor, ItemRun *item, uint64_t start, uint64_t end) {
        uint64_t pos = start;

        while (pos < end && !item->ended)
                pos = run_piece(actor, item, pos, end);
        item->result->others[item->rest] += end - pos;
        return pos;
}

/* Plans are made of whole pages; a part of one is not touched whatever is asked. */
static void run_item(Actor *actor, const PlanItem *plan, ItemResult *result) {
        Run *run = &actor->run;
        ItemRun item = {
                .item = plan,
                .result = result,
                .scheme = &run->schemes[plan->scheme],
                .target = &run->targets[plan->target],
        };
        uint64_t start = (plan->start + actor->page - 1) / actor->page * actor->page;
        uint64_t end = plan->end / actor->page * actor->page, pos;

        *result = (ItemResult) {};
        start = MIN(start, plan->end);
        end = MAX(end, start);
        result->others[OUTCOME_EDGE] = start - plan->start + (plan->end - end);

        if (is_protected(item.target->plan, &item.scheme->plan->spec->config))
                end_item(&item, OUTCOME_PROTECTED);

        pos = run_range(actor, &item, start, end);
        result->stopped_at = pos < end ? pos : plan->end;
        if (pos == start && pos < end)
                result->stopped_at = plan->start;
}

static void run_audit(Actor *actor, const PlanAudit *plan, AuditResult *result) {
        TargetRun *target = &actor->run.targets[plan->target];
        uint64_t *entries = actor->batch.entries, resident = 0;
        size_t n;

        if (target->plan->physical) {
                *result = (AuditResult) { .known = true, .back = taken_audit(actor, plan->cookie) };
                return;
        }
        if (target->plan->pid < 1 || !target_ready(actor, target))
                return;

        for (uint64_t pos = plan->start; pos < plan->end; pos += n * actor->page) {
                n = MIN((plan->end - pos + actor->page - 1) / actor->page, (uint64_t) BATCH_PAGES);
                if (is_stopped(&actor->run) || !read_entries(actor, target, pos, entries, n))
                        return;
                for (size_t i = 0; i < n; i++)
                        resident += pagemap_present(entries[i]) ? actor->page : 0;
        }
        *result = (AuditResult) { .known = true, .resident = resident };
}

static void end_run(Actor *actor) {
        Run *run = &actor->run;

        for (size_t i = 0; run->targets && i < run->plan->n_targets; i++)
                target_close(&run->targets[i]);
        for (size_t i = 0; run->schemes && i < run->plan->n_schemes; i++)
                free(run->schemes[i].memcgs);
        free(run->targets);
        free(run->schemes);
        reverse_clear(&actor->reverse);
        *run = (Run) {};
}

static int begin_run(Actor *actor) {
        Run *run = &actor->run;
        int r = 0;

        run->swap_room = run->plan->swap_room;
        run->targets = calloc(MAX(run->plan->n_targets, (size_t) 1), sizeof(*run->targets));
        run->schemes = calloc(MAX(run->plan->n_schemes, (size_t) 1), sizeof(*run->schemes));
        if (!run->targets || !run->schemes)
                return -ENOMEM;

        for (size_t i = 0; i < run->plan->n_targets; i++)
                run->targets[i] = (TargetRun) { .plan = &run->plan->targets[i], .process = PROCESS_NONE };
        for (size_t i = 0; i < run->plan->n_schemes && r == 0; i++) {
                const PlanScheme *plan = &run->plan->schemes[i];

                run->schemes[i] = (SchemeRun) {
                        .plan = plan,
                        .traits = &action_traits[plan->spec->config.action],
                        .result = &run->result->schemes[i],
                        .bytes_left = plan->bytes_max,
                        .swap_left = plan->swap_max,
                };
                r = filters_prepare(actor, &run->schemes[i]);
        }
        return r;
}

/* What could not be opened the last time may be there now. */
static void forget_failures(Actor *actor) {
        LazyFd *fds[] = { &actor->kpageflags, &actor->kpagecgroup, &actor->bitmap, &actor->split };

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i]->tried = fds[i]->tried && fds[i]->fd >= 0;
}

void actor_run(Actor *actor, const Plan *plan, const atomic_bool *stop, PlanResult *result) {
        int r;

        actor->run = (Run) { .plan = plan, .result = result, .stop = stop };
        result->sequence = plan->sequence;
        forget_failures(actor);

        r = begin_run(actor);
        if (r < 0)
                result->error = r;
        for (size_t i = 0; i < plan->n_audits && !is_stopped(&actor->run); i++)
                run_audit(actor, &plan->audits[i], &result->audits[i]);
        for (size_t i = 0; i < plan->n_items && !is_stopped(&actor->run); i++)
                (plan->targets[plan->items[i].target].physical ? run_physical : run_item)(actor, &plan->items[i],
                                                                                         &result->items[i]);
        end_run(actor);
}

/* One allocation for all arrays of the batch. */
static int allocate_batch(Actor *actor) {
        size_t n = BATCH_PAGES + 2 * actor->block + 2;
        Batch *b = &actor->batch;

        actor->storage = calloc(n, 3 * sizeof(uint64_t) + 2 * sizeof(uint8_t) + 2 * sizeof(int) + sizeof(struct iovec));
        actor->scratch = calloc(actor->block, sizeof(uint64_t));
        if (!actor->storage || !actor->scratch)
                return -ENOMEM;

        /* Largest alignment first. */
        b->ranges = (struct iovec *) actor->storage;
        b->after = (uint64_t *) (b->ranges + n);
        b->entries = b->after + n + 1;
        b->flags = b->entries + n;
        b->nodes = (int *) (b->flags + n - 1);
        b->to = b->nodes + n;
        b->has_flags = (uint8_t *) (b->to + n) + 1;
        b->marks = b->has_flags + n - 1;
        return 0;
}

int actor_new(const RootFds *roots, const KernelIo *kernel, const ActionIo *io, Actor **ret) {
        _cleanup_(actor_freep) Actor *actor = calloc(1, sizeof(*actor));
        int r;

        if (!actor)
                return -ENOMEM;

        actor->roots = roots;
        actor->act = io;
        actor->io.kernel = kernel;
        actor->page = UINT64_C(1) << page_shift();
        actor->block = actor->page / sizeof(uint64_t);
        for (size_t i = 0; i < ELEMENTSOF(actor->surveys); i++)
                pace_init(&actor->surveys[i]);
        for (size_t i = 0; i < ELEMENTSOF(actor->acts); i++)
                act_pace_init(&actor->acts[i]);

        r = allocate_batch(actor);
        if (r < 0)
                return r;
        hugetlb_devices_read(roots, &actor->hugetlb);
        *ret = TAKE_PTR(actor);
        return 0;
}

static void lazy_close(LazyFd *lazy) {
        if (lazy->tried)
                closep(&lazy->fd);
}

Actor *actor_free(Actor *actor) {
        if (!actor)
                return NULL;

        lazy_close(&actor->kpageflags);
        lazy_close(&actor->kpagecgroup);
        lazy_close(&actor->bitmap);
        lazy_close(&actor->split);
        places_deinit(&actor->places);
        policy_cache_deinit(&actor->policies);
        taken_deinit(&actor->taken);
        free(actor->storage);
        free(actor->scratch);
        free(actor);
        return NULL;
}

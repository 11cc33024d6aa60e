/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settling: what came of a plan is charged, counted and remembered. */
#include <errno.h>

#include "base/macro.h"
#include "scheme/set-internal.h"

static void count_scheme(Running *running, const SchemeResult *result, nsec_t now) {
        SchemeStats *stats = &running->stats;

        /* what was not reached is planned again: only the last plan's counts */
        stats->others[OUTCOME_UNREACHED] = 0;
        stats->calls += result->calls;
        stats->longest = MAX(stats->longest, result->longest);
        stats->longest_cpu = MAX(stats->longest_cpu, result->longest_cpu);
        stats->longest_lookup = MAX(stats->longest_lookup, result->longest_lookup);
        for (size_t i = 0; i < PLAN_ERRORS_MAX; i++) {
                if (result->errors[i].error == 0)
                        continue;
                error_counts_add(stats->errors, result->errors[i].error, result->errors[i].count);
                stats->last_error = result->errors[i].error;
                stats->last_error_time = now;
        }
        for (size_t i = 0; i < PLAN_MOVES_MAX; i++)
                move_counts_add(stats->moves, result->moves[i].from, result->moves[i].to, result->moves[i].bytes);
        if (result->bytes_ran_out || result->time_ran_out) {
                running->quota.full = true;
                running->continuing = true;
        }
        if (result->late && quota_is_set(&running->spec->config.quota))
                running->continuing = true;
}

/* What kept most of the item back, of what is worth telling. */
static Outcome main_outcome(const ItemResult *result) {
        Outcome most = OUTCOME_NOTHING;

        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                if (i != OUTCOME_NOTHING && i != OUTCOME_UNREACHED && result->others[i] > 0 &&
                    (most == OUTCOME_NOTHING || result->others[i] > result->others[most]))
                        most = i;
        return most;
}

static void write_log(SchemeSet *set, const Running *running, const Plan *plan, const PlanItem *item,
                      const ItemResult *result, nsec_t now) {
        Outcome why = main_outcome(result);

        /* that nothing was there is no news */
        if (result->tried == 0 && (why == OUTCOME_NOTHING || why == OUTCOME_FILTERED))
                return;
        set->log[set->log_next] = (ActEntry) {
                .time = now,
                .scheme = running->id,
                .target = plan->targets[item->target].id,
                .pid = plan->targets[item->target].pid,
                .start = item->start,
                .end = result->stopped_at,
                .tried = result->tried,
                .applied = result->applied,
                .dry_run = plan->schemes[item->scheme].dry_run,
                .why = why,
        };
        set->log_next = (set->log_next + 1) % ACT_LOG_MAX;
        set->log_n = MIN(set->log_n + 1, (size_t) ACT_LOG_MAX);
}

static void count_item(Running *running, const ItemResult *result, bool dry_run) {
        SchemeStats *stats = &running->stats;

        if (dry_run) {
                stats->would_regions += result->tried > 0;
                stats->would += result->tried;
        } else {
                stats->tried_regions += result->tried > 0;
                stats->tried += result->tried;
                stats->applied_regions += result->applied > 0;
                stats->applied += result->applied;
        }
        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                stats->others[i] += result->others[i];
        stats->time += result->time;
}

nsec_t running_rest(const Running *running) {
        const SchemeConfig *config = &running->spec->config;

        return MAX(MAX(config->pattern.age_min, config->apply_interval), NSEC_PER_SEC);
}

/* Bytes of what was reached that max_swap_out_rate held back. */
static uint64_t passed_for_rate(const PlanItem *item, const ItemResult *result) {
        uint64_t tail = item->end - result->stopped_at, unreached = result->others[OUTCOME_UNREACHED];
        uint64_t held_back = result->others[OUTCOME_SWAP_RATE];

        return held_back - MIN(held_back, tail - MIN(tail, unreached));
}

static void count_back(Running *running, uint64_t bytes, nsec_t now) {
        running->stats.refaulted += bytes;
        running_fade(running, now);
        running->recent_back += (double) bytes;
}

static int remember(Running *running, const Plan *plan, const PlanItem *item, const ItemResult *result, nsec_t now) {
        const PlanTarget *target = &plan->targets[item->target];
        bool dry_run = plan->schemes[item->scheme].dry_run;
        uint64_t back;
        int r;
        LedgerEntry entry = {
                .target = target->id,
                .address_space = target->address_space,
                .start = item->start,
                .end = result->stopped_at,
                .acted = now,
                .rest = running_rest(running),
                .settled = result->tried == 0 && result->others[OUTCOME_THERE] > (result->stopped_at - item->start) / 2,
                .pretended = dry_run,
                .applied = dry_run ? result->tried : result->applied,
                .left = result->left,
        };

        /* what only waits for swap to be allowed again, or for room, does not rest */
        if (passed_for_rate(item, result) > entry.applied || result->others[OUTCOME_NO_ROOM] > entry.applied)
                return 0;
        if (result->stopped_at <= item->start || result->others[OUTCOME_GONE] + result->others[OUTCOME_REPLACED] > 0)
                return 0;
        /* what was planned as a dry run is no reason to hold back once it has become serious */
        if (plan->schemes[item->scheme].spec->config.dry_run && running_acts(running))
                return 0;
        r = ledger_add(&running->ledger, &entry, &back);
        if (r == 0 && running->spec->config.action == ACTION_PAGEOUT && !target->physical)
                count_back(running, back, now);
        return r;
}

/* What the others know of the memory that this one has moved. */
static void tell_others(SchemeSet *set, Running *running, const Plan *plan, const PlanItem *item,
                        const ItemResult *result, nsec_t now) {
        Action action = running->spec->config.action;

        if (!action_migrates(action) || result->applied == 0)
                return;
        for (size_t i = 0; i < set->n; i++) {
                Running *other = set->schemes[i];
                Action its = other->spec->config.action;

                if (other == running || !action_migrates(its))
                        continue;
                running->stats.ping_pong += ledger_moved(&other->ledger, plan->targets[item->target].id, item->start,
                                                         result->stopped_at, result->applied, now, its != action,
                                                         running_backs_off(other));
        }
}

static int settle_item(SchemeSet *set, const Plan *plan, size_t i, const PlanResult *result, nsec_t now) {
        const PlanItem *item = &plan->items[i];
        const ItemResult *of = &result->items[i];
        bool dry_run = plan->schemes[item->scheme].dry_run;
        uint64_t done = dry_run ? of->tried : of->applied;
        int index = scheme_set_find_id(set, plan->schemes[item->scheme].id);
        Running *running;

        if (index < 0)
                return 0; /* the configuration does not have it any more */

        running = set->schemes[index];
        count_item(running, of, dry_run);
        quota_charge(&running->quota, &running->spec->config.quota, of->tried, done, of->time);
        running_fade(running, now);
        running->recent_applied += (double) done;
        if (!dry_run)
                running->swap_tokens -= (double) of->anon;
        if (of->others[OUTCOME_SWAP_RATE] > 0)
                running->swap_again = now + SWAP_BURST;
        write_log(set, running, plan, item, of, now);
        tell_others(set, running, plan, item, of, now);
        return remember(running, plan, item, of, now);
}

static void settle_audit(SchemeSet *set, const Plan *plan, size_t i, const PlanResult *result, nsec_t now) {
        const PlanAudit *audit = &plan->audits[i];
        int index = scheme_set_find_id(set, audit->cookie);
        Running *running;
        uint64_t bytes;

        if (index < 0 || !result->audits[i].known)
                return;
        running = set->schemes[index];
        if (plan->targets[audit->target].physical)
                bytes = result->audits[i].back;
        else
                bytes = ledger_audit(&running->ledger, plan->targets[audit->target].id, audit->start, audit->end,
                                     result->audits[i].resident, now, running_backs_off(running));
        count_back(running, bytes, now);
}

int scheme_set_settle(SchemeSet *set, const Plan *plan, const PlanResult *result, nsec_t now) {
        int r = 0, first_error = 0;

        assert(plan->sequence == result->sequence);

        /* audits first: acting may cut the entries that they are about */
        for (size_t i = 0; i < plan->n_audits; i++)
                settle_audit(set, plan, i, result, now);
        for (size_t i = 0; i < plan->n_schemes; i++) {
                int index = scheme_set_find_id(set, plan->schemes[i].id);

                if (index >= 0)
                        count_scheme(set->schemes[index], &result->schemes[i], now);
        }
        /* one that cannot be remembered is no reason to forget to charge the others */
        for (size_t i = 0; i < plan->n_items; i++) {
                r = settle_item(set, plan, i, result, now);
                first_error = first_error < 0 ? first_error : r;
        }
        return first_error;
}

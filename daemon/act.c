/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes of a running monitor. */
#include "act.h"

#include <errno.h>

#include "base/error.h"
#include "base/format.h"
#include "act-tell.h"
#include "event.h"
#include "facts.h"
#include "log.h"
#include "kernel/tiers.h"
#include "worker.h"

struct Acting {
        ActingHost host;
        Facts facts;
        SchemeSet *set;
        ActTold told;
        Worker *worker; /* NULL until something is to be done */
        Snapshot *snapshot; /* the latest; a reference */
        sd_event_source *timer;
        bool again;   /* something was due while the worker was busy */
        bool stopped;
        int told_error; /* errno that was logged last */
};

/* ---- What can be done here ---- */

static bool is_about_cold(Action action) {
        return action_preference(action) == PREFER_COLD && action != ACTION_NOHUGEPAGE;
}

#define CANNOT "scheme '%s': %s cannot be done here: "

/* That there is memory where memory is to go. */
static int check_destinations(const ActingHost *host, const SchemeConfig *scheme, char **ret_error) {
        _cleanup_(tiers_deinit) Tiers tiers = {};
        const char *action = action_name(scheme->action);
        int r;

        r = tiers_read(host->roots, &tiers);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_setf(ret_error, ACTING_E_ACTION, CANNOT "the NUMA nodes cannot be read: %s", scheme->name,
                                  action, error_text(r));

        if (scheme->to != TIER_LISTED && tiers.n_tiers < 2)
                return error_setf(ret_error, ACTING_E_ACTION, CANNOT "'to: %s' means nothing where all memory is of "
                                  "one tier", scheme->name, action, tier_word_name(scheme->to));
        for (size_t i = 0; i < scheme->n_destinations; i++) {
                const TierNode *node = tiers_find(&tiers, scheme->destinations[i].node);

                if (node && node->total > 0)
                        continue;
                return error_setf(ret_error, ACTING_E_ACTION, CANNOT "node %u %s", scheme->name, action,
                                  scheme->destinations[i].node,
                                  node ? "has no memory" : "does not exist or is offline");
        }
        return 0;
}

static bool is_about_addresses(Action action) {
        return action == ACTION_WILLNEED || action == ACTION_HUGEPAGE || action == ACTION_COLLAPSE ||
               action == ACTION_NOHUGEPAGE;
}

static int check_scheme(const ActingHost *host, const SchemeConfig *scheme, char **ret_error) {
        const char *name = action_name(scheme->action);
        int r;

        if (host->physical && is_about_addresses(scheme->action))
                return error_setf(ret_error, ACTING_E_ACTION,
                                  "scheme '%s': %s is about addresses of processes, and what is side by side in "
                                  "physical memory (ops: paddr) is not so there; use ops: vaddr",
                                  scheme->name, name);

        if (scheme->action == ACTION_STAT || streq(host->source->name, "sim"))
                return 0;
        /* a dry run, too, asks where pages are */
        if (action_migrates(scheme->action)) {
                r = check_destinations(host, scheme, ret_error);
                if (r != 0)
                        return r;
        }
        if (scheme->dry_run)
                return 0;
        if (is_about_cold(scheme->action) && !host->source->sees_reads)
                return error_setf(ret_error, ACTING_E_ACTION,
                                  "scheme '%s': the source '%s' sees writes only: memory that is only read would look "
                                  "idle and be acted on (%s); use dry_run: true, or another source",
                                  scheme->name, host->source->name, name);
        if (is_about_cold(scheme->action) && host->source->granularity == GRANULARITY_MAPPING &&
            scheme->pattern.rate_max > 0)
                return error_setf(ret_error, ACTING_E_ACTION,
                                  "scheme '%s': the source '%s' cannot tell which pages of a mapping are in use: "
                                  "with access rates above 0%% what is used would be acted on, too (%s); use "
                                  "access_rate: [0%%, 0%%], dry_run: true, or another source",
                                  scheme->name, host->source->name, name);

        if (!*host->support) {
                r = action_support_probe(host->roots, host->support);
                if (r < 0)
                        return r;
        }
        if ((*host->support)->actions[scheme->action].usable)
                return 0;
        return error_setf(ret_error, ACTING_E_ACTION, CANNOT "%s", scheme->name, name,
                          (*host->support)->actions[scheme->action].reason);
}

int acting_check(const ActingHost *host, const SchemeConfig *schemes, size_t n, size_t *ret_index, char **ret_error) {
        int r;

        for (size_t i = 0; i < n; i++) {
                r = check_scheme(host, &schemes[i], ret_error);
                if (r != 0) {
                        *ret_index = i;
                        return r;
                }
        }
        return 0;
}

/* ---- Deciding ---- */

static int decide(Acting *a);

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Acting *a = userdata;
        int r;

        (void) s;
        (void) usec;
        r = decide(a);
        if (r < 0)
                log_error("monitor '%s': schemes cannot decide now: %s", a->host.monitor, error_text(r));
        return 0;
}

static void arm_timer(Acting *a) {
        nsec_t next = a->stopped ? NSEC_INFINITY : scheme_set_next(a->set);
        int r;

        if (next == NSEC_INFINITY || !a->snapshot) {
                (void) sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
                return;
        }
        r = sd_event_source_set_time(a->timer, (next + NSEC_PER_USEC - 1) / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("monitor '%s': no timer for schemes: %s", a->host.monitor, error_text(r));
}

/* An error is told once, not with every plan. */
static void tell_errors(Acting *a, const Plan *plan, const PlanResult *result) {
        for (size_t i = 0; i < plan->n_schemes; i++) {
                int error = result->schemes[i].errors[0].error;

                if (error == 0 || error == a->told_error)
                        continue;
                a->told_error = error;
                event_report(&(Event) { .kind = EVENT_SCHEME_FAILED, .monitor = a->host.monitor,
                                        .scheme = plan->schemes[i].spec->config.name },
                             "the kernel refused %s: %s", action_name(plan->schemes[i].spec->config.action),
                             error_text(-error));
        }
        if (result->error < 0)
                log_error("monitor '%s': a plan was broken off: %s", a->host.monitor, error_text(result->error));
}

static void settle(Acting *a, Plan *plan, PlanResult *result) {
        int r;

        tell_errors(a, plan, result);
        r = scheme_set_settle(a->set, plan, result, clock_nsec(CLOCK_MONOTONIC));
        if (r < 0)
                log_error("monitor '%s': cannot remember what was done: %s", a->host.monitor, error_text(r));
        plan_free(plan);
        plan_result_free(result);
        act_tell(&a->told, a->host.monitor, a->set, clock_nsec(CLOCK_MONOTONIC), false);
}

/* (worker_done_t) */
static void on_done(void *userdata, Plan *plan, PlanResult *result) {
        Acting *a = userdata;
        int r = 0;

        settle(a, plan, result);
        if (a->again)
                r = decide(a);
        else
                arm_timer(a);
        if (r < 0)
                log_error("monitor '%s': schemes cannot decide now: %s", a->host.monitor, error_text(r));
}

/* A simulation, or a plan whose targets are one: nothing there to act on. */
static int pretend(Acting *a, Plan *plan) {
        PlanResult *result = plan_result_new(plan);

        if (!result) {
                plan_free(plan);
                return -ENOMEM;
        }
        plan_pretend(plan, result);
        settle(a, plan, result);
        return 0;
}

static int carry_out(Acting *a, Plan *plan) {
        int r = 0;

        if (plan->n_targets > 0 && plan->targets[0].pid == 0 && !plan->targets[0].physical)
                return pretend(a, plan);

        if (!a->worker)
                r = worker_new(a->host.event, a->host.roots, on_done, a, &a->worker);
        if (r >= 0)
                r = worker_submit(a->worker, plan);
        if (r < 0)
                plan_free(plan);
        return r;
}

static int target_facts(const Acting *a, TargetFacts **ret) {
        TargetFacts *facts = calloc(MAX(a->snapshot->n_targets, (size_t) 1), sizeof(*facts));

        if (!facts)
                return -ENOMEM;
        for (size_t i = 0; i < a->snapshot->n_targets; i++) {
                const SnapshotTarget *target = &a->snapshot->targets[i];
                const Followed *followed = follower_find(a->host.follower, target->id);

                if (a->host.physical) {
                        facts[i] = (TargetFacts) { .physical = true, .index = (uint32_t) i };
                        continue;
                }
                /* a process that is not followed any more has ended, whatever the snapshot says */
                facts[i] = (TargetFacts) {
                        .start_time = followed ? followed->ref.start_time : 0,
                        .protected_always = target->pid == getpid() || (target->pid > 0 && !followed),
                        .index = followed ? followed->spec : 0,
                };
        }
        *ret = facts;
        return 0;
}

static int decide(Acting *a) {
        _cleanup_free_ TargetFacts *targets = NULL;
        SchemeFacts facts = facts_of(&a->facts);
        Plan *plan;
        int r;

        if (a->stopped || !a->snapshot)
                return 0;
        if (a->worker && worker_is_busy(a->worker)) {
                a->again = true;
                return 0;
        }
        a->again = false;

        r = target_facts(a, &targets);
        if (r < 0)
                return r;
        act_tell(&a->told, a->host.monitor, a->set, clock_nsec(CLOCK_MONOTONIC), false);
        r = scheme_set_decide(a->set, a->snapshot, targets, &facts, clock_nsec(CLOCK_MONOTONIC), &plan);
        if (r == 0 && plan)
                r = carry_out(a, plan);
        arm_timer(a);
        return r;
}

int acting_decide(Acting *a, Snapshot *snapshot) {
        snapshot_unref(a->snapshot);
        a->snapshot = snapshot_ref(snapshot);
        return decide(a);
}

/* ---- Life ---- */

int acting_new(const ActingHost *host, Acting **ret) {
        Acting *a;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->host = *host;
        a->facts = (Facts) { .roots = host->roots };

        r = scheme_set_new(&a->set);
        if (r >= 0)
                r = sd_event_add_time(host->event, &a->timer, CLOCK_MONOTONIC, 0, NSEC_PER_MSEC / NSEC_PER_USEC,
                                      on_timer, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
        if (r < 0) {
                acting_free(a);
                return r;
        }
        *ret = a;
        return 0;
}

Acting *acting_free(Acting *a) {
        if (!a)
                return NULL;
        worker_free(a->worker);
        sd_event_source_disable_unref(a->timer);
        act_tell(&a->told, a->host.monitor, a->set, clock_nsec(CLOCK_MONOTONIC), true);
        act_told_deinit(&a->told);
        snapshot_unref(a->snapshot);
        scheme_set_free(a->set);
        free(a);
        return NULL;
}

int acting_configure(Acting *a, const SchemeConfig *schemes, size_t n) {
        int r;

        r = scheme_set_configure(a->set, schemes, n);
        if (r < 0)
                return r;
        a->told_error = 0;
        arm_timer(a);
        return 0;
}

void acting_stop(Acting *a) {
        if (!a)
                return;
        a->stopped = true;
        worker_stop(a->worker);
        arm_timer(a);
}

SchemeSet *acting_set(Acting *a) {
        return a->set;
}

nsec_t acting_cpu(const Acting *a) {
        return a && a->worker ? worker_cpu(a->worker) : 0;
}

nsec_t acting_busy_since(const Acting *a) {
        return a && a->worker ? worker_busy_since(a->worker) : 0;
}

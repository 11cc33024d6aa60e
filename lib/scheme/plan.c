/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans and their results: allocation, and the result of a plan that nobody carries out. */
#include "scheme/plan.h"

#include <errno.h>

#include "base/macro.h"
#include "monitor/ops.h"

int scheme_spec_new(const SchemeConfig *config, SchemeSpec **ret) {
        SchemeSpec *spec;
        int r;

        spec = calloc(1, sizeof(*spec));
        if (!spec)
                return -ENOMEM;
        r = scheme_config_copy(config, &spec->config);
        if (r < 0) {
                free(spec);
                return r;
        }
        spec->n_ref = 1;
        *ret = spec;
        return 0;
}

SchemeSpec *scheme_spec_ref(SchemeSpec *spec) {
        if (spec)
                spec->n_ref++;
        return spec;
}

SchemeSpec *scheme_spec_unref(SchemeSpec *spec) {
        if (!spec || --spec->n_ref > 0)
                return NULL;
        scheme_config_deinit(&spec->config);
        free(spec);
        return NULL;
}

static void *array(size_t n, size_t size) {
        return calloc(MAX(n, (size_t) 1), size);
}

Plan *plan_new(size_t n_targets, size_t n_schemes, size_t n_items, size_t n_audits) {
        Plan *plan = calloc(1, sizeof(*plan));

        if (!plan)
                return NULL;
        plan->targets = array(n_targets, sizeof(*plan->targets));
        plan->schemes = array(n_schemes, sizeof(*plan->schemes));
        plan->items = array(n_items, sizeof(*plan->items));
        plan->audits = array(n_audits, sizeof(*plan->audits));
        if (!plan->targets || !plan->schemes || !plan->items || !plan->audits)
                return plan_free(plan);

        plan->swap_room = UINT64_MAX;
        plan->n_targets = n_targets;
        plan->n_schemes = n_schemes;
        plan->n_items = n_items;
        plan->n_audits = n_audits;
        return plan;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_targets; i++)
                address_map_unref(plan->targets[i].map);
        for (size_t i = 0; i < plan->n_schemes; i++)
                scheme_spec_unref(plan->schemes[i].spec);
        free(plan->targets);
        free(plan->schemes);
        free(plan->items);
        free(plan->audits);
        free(plan);
        return NULL;
}

const char *outcome_name(Outcome outcome) {
        static const char *const names[] = {
                [OUTCOME_UNREACHED] = "unreached",
                [OUTCOME_NOTHING] = "nothing",
                [OUTCOME_FILTERED] = "filtered",
                [OUTCOME_UNKNOWN] = "unknown",
                [OUTCOME_SHARED] = "shared",
                [OUTCOME_EDGE] = "edge",
                [OUTCOME_UNEVICTABLE] = "unevictable",
                [OUTCOME_NO_SWAP] = "no_swap",
                [OUTCOME_SWAP_RATE] = "swap_rate",
                [OUTCOME_UNMAPPED] = "unmapped",
                [OUTCOME_GONE] = "gone",
                [OUTCOME_REPLACED] = "replaced",
                [OUTCOME_DENIED] = "denied",
                [OUTCOME_PROTECTED] = "protected",
                [OUTCOME_THERE] = "there",
                [OUTCOME_NO_ROOM] = "no_room",
                [OUTCOME_POLICY] = "policy",
                [OUTCOME_NO_NODE] = "no_node",
                [OUTCOME_BUSY] = "busy",
                [OUTCOME_UNMOVED] = "unmoved",
                [OUTCOME_NO_MAPPING] = "no_mapping",
                [OUTCOME_NOT_FOUND] = "not_found",
                [OUTCOME_MOVED] = "moved",
                [OUTCOME_FAILED] = "failed",
        };

        return names[outcome];
}

void error_counts_add(ErrorCount counts[static PLAN_ERRORS_MAX], int error, uint64_t n) {
        size_t i = 0;

        while (i + 1 < PLAN_ERRORS_MAX && counts[i].error != 0 && counts[i].error != error)
                i++;
        counts[i].error = error;
        counts[i].count += n;
}

void move_counts_add(MoveCount counts[static PLAN_MOVES_MAX], int32_t from, int32_t to, uint64_t bytes) {
        size_t i = 0;

        if (bytes == 0)
                return;
        while (i + 1 < PLAN_MOVES_MAX && counts[i].bytes != 0 && (counts[i].from != from || counts[i].to != to))
                i++;
        if (counts[i].bytes == 0 || (counts[i].from == from && counts[i].to == to))
                counts[i] = (MoveCount) { from, to, counts[i].bytes + bytes };
        else
                counts[i] = (MoveCount) { -1, -1, counts[i].bytes + bytes };
}

PlanResult *plan_result_new(const Plan *plan) {
        PlanResult *result = calloc(1, sizeof(*result));

        if (!result)
                return NULL;
        result->sequence = plan->sequence;
        result->items = array(plan->n_items, sizeof(*result->items));
        result->schemes = array(plan->n_schemes, sizeof(*result->schemes));
        result->audits = array(plan->n_audits, sizeof(*result->audits));
        if (!result->items || !result->schemes || !result->audits)
                return plan_result_free(result);

        for (size_t i = 0; i < plan->n_items; i++) {
                result->items[i].stopped_at = plan->items[i].start;
                result->items[i].others[OUTCOME_UNREACHED] = plan->items[i].end - plan->items[i].start;
        }
        return result;
}

PlanResult *plan_result_free(PlanResult *result) {
        if (!result)
                return NULL;
        free(result->items);
        free(result->schemes);
        free(result->audits);
        free(result);
        return NULL;
}

void plan_pretend(const Plan *plan, PlanResult *result) {
        uint64_t left = 0;

        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];
                uint64_t size = item->end - item->start, bytes;

                /* items are in the order of their schemes */
                if (i == 0 || plan->items[i - 1].scheme != item->scheme)
                        left = plan->schemes[item->scheme].bytes_max;
                bytes = MIN(size, left / PAGE_SIZE_MIN * PAGE_SIZE_MIN);
                left -= bytes;

                result->items[i].tried = bytes;
                result->items[i].stopped_at = item->start + bytes;
                result->items[i].others[OUTCOME_UNREACHED] = size - bytes;
                if (bytes < size)
                        result->schemes[item->scheme].bytes_ran_out = true;
        }
}

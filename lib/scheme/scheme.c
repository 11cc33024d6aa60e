/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, life and equality of a scheme's configuration. */
#include "scheme/scheme.h"

#include <errno.h>

#include "base/macro.h"

/* ---- Names ---- */

static const char *const action_names[_ACTION_MAX] = {
        [ACTION_STAT] = "stat",
        [ACTION_PAGEOUT] = "pageout",
        [ACTION_COLD] = "cold",
        [ACTION_WILLNEED] = "willneed",
        [ACTION_HUGEPAGE] = "hugepage",
        [ACTION_COLLAPSE] = "collapse",
        [ACTION_NOHUGEPAGE] = "nohugepage",
        [ACTION_LRU_PRIO] = "lru_prio",
        [ACTION_LRU_DEPRIO] = "lru_deprio",
        [ACTION_MIGRATE_HOT] = "migrate_hot",
        [ACTION_MIGRATE_COLD] = "migrate_cold",
};

static const char *const goal_metric_names[_GOAL_METRIC_MAX] = {
        [GOAL_USER_INPUT] = "user_input",
        [GOAL_SOME_MEM_PSI] = "some_mem_psi_us",
        [GOAL_FULL_MEM_PSI] = "full_mem_psi_us",
        [GOAL_SOME_IO_PSI] = "some_io_psi_us",
        [GOAL_FULL_IO_PSI] = "full_io_psi_us",
        [GOAL_NODE_MEM_USED] = "node_mem_used_bp",
        [GOAL_NODE_MEM_FREE] = "node_mem_free_bp",
        [GOAL_NODE_MEMCG_USED] = "node_memcg_used_bp",
        [GOAL_NODE_MEMCG_FREE] = "node_memcg_free_bp",
        [GOAL_ACTIVE_MEM] = "active_mem_bp",
        [GOAL_INACTIVE_MEM] = "inactive_mem_bp",
        [GOAL_REFAULT_RATE] = "refault_rate",
        [GOAL_RSS] = "rss",
        [GOAL_RSS_TO_WSS] = "rss_to_wss",
};

static const char *const filter_type_names[_FILTER_TYPE_MAX] = {
        [FILTER_ADDR] = "addr",
        [FILTER_TARGET] = "target",
        [FILTER_ANON] = "anon",
        [FILTER_FILE] = "file",
        [FILTER_MEMCG] = "memcg",
        [FILTER_YOUNG] = "young",
        [FILTER_ACTIVE] = "active",
        [FILTER_HUGEPAGE_SIZE] = "hugepage_size",
        [FILTER_UNMAPPED] = "unmapped",
        [FILTER_SWAPPED] = "swapped",
        [FILTER_SHARED] = "shared",
        [FILTER_NODE] = "node",
};

const char *action_name(Action action) {
        return action_names[action];
}

const char *tier_word_name(TierWord word) {
        static const char *const names[_TIER_WORD_MAX] = {
                [TIER_LISTED] = "",
                [TIER_FAST] = "fast",
                [TIER_SLOW] = "slow",
                [TIER_LOWER] = "lower",
                [TIER_UPPER] = "upper",
        };

        return names[word];
}

const char *goal_metric_name(GoalMetric metric) {
        return goal_metric_names[metric];
}

GoalUnit goal_metric_unit(GoalMetric metric) {
        switch (metric) {
        case GOAL_SOME_MEM_PSI:
        case GOAL_FULL_MEM_PSI:
        case GOAL_SOME_IO_PSI:
        case GOAL_FULL_IO_PSI:
                return GOAL_UNIT_TIME;
        case GOAL_RSS:
                return GOAL_UNIT_BYTES;
        case GOAL_RSS_TO_WSS:
                return GOAL_UNIT_RATIO;
        case GOAL_USER_INPUT:
        case _GOAL_METRIC_MAX:
                return GOAL_UNIT_NUMBER;
        default:
                return GOAL_UNIT_SHARE;
        }
}

bool goal_metric_is_of_node(GoalMetric metric) {
        return metric >= GOAL_NODE_MEM_USED && metric <= GOAL_NODE_MEMCG_FREE;
}

bool goal_metric_is_of_memcg(GoalMetric metric) {
        return metric == GOAL_NODE_MEMCG_USED || metric == GOAL_NODE_MEMCG_FREE;
}

const char *filter_type_name(FilterType type) {
        return filter_type_names[type];
}

Preference action_preference(Action action) {
        switch (action) {
        case ACTION_PAGEOUT:
        case ACTION_COLD:
        case ACTION_NOHUGEPAGE:
        case ACTION_LRU_DEPRIO:
        case ACTION_MIGRATE_COLD:
                return PREFER_COLD;
        case ACTION_WILLNEED:
        case ACTION_HUGEPAGE:
        case ACTION_COLLAPSE:
        case ACTION_LRU_PRIO:
        case ACTION_MIGRATE_HOT:
                return PREFER_HOT;
        default:
                return PREFER_NONE;
        }
}

/* ---- Life ---- */

void scheme_config_init(SchemeConfig *config) {
        *config = (SchemeConfig) {
                .enabled = true,
                .pattern = { .size_max = UINT64_MAX, .rate_max = 1, .age_max = NSEC_INFINITY },
                .quota = { .fail_charge = 0.1, .weight_rate = 1, .weight_age = 1 },
                .swap_out_max = SCHEME_SWAP_OUT_DEFAULT,
        };
}

void scheme_config_deinit(SchemeConfig *config) {
        for (size_t i = 0; i < config->quota.n_goals; i++)
                free(config->quota.goals[i].cgroup);
        for (size_t i = 0; i < config->n_filters; i++)
                free(config->filters[i].cgroup);
        free(config->quota.goals);
        free(config->filters);
        free(config->destinations);
        free(config->name);
        *config = (SchemeConfig) {};
}

static int copy_string(const char *from, char **ret) {
        *ret = from ? strdup(from) : NULL;
        return from && !*ret ? -ENOMEM : 0;
}

/* Counts what is complete, so that what there is can be freed at any time. */
static int copy_goals(const QuotaConfig *from, QuotaConfig *to) {
        to->goals = calloc(from->n_goals, sizeof(*to->goals));
        if (!to->goals)
                return -ENOMEM;

        for (to->n_goals = 0; to->n_goals < from->n_goals; to->n_goals++) {
                GoalConfig *goal = &to->goals[to->n_goals];

                *goal = from->goals[to->n_goals];
                if (copy_string(goal->cgroup, &goal->cgroup) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int copy_filters(const SchemeConfig *from, SchemeConfig *to) {
        to->filters = calloc(from->n_filters, sizeof(*to->filters));
        if (!to->filters)
                return -ENOMEM;

        for (to->n_filters = 0; to->n_filters < from->n_filters; to->n_filters++) {
                FilterConfig *filter = &to->filters[to->n_filters];

                *filter = from->filters[to->n_filters];
                if (copy_string(filter->cgroup, &filter->cgroup) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int copy_destinations(const SchemeConfig *from, SchemeConfig *to) {
        to->destinations = calloc(from->n_destinations, sizeof(*to->destinations));
        if (!to->destinations)
                return -ENOMEM;

        memcpy(to->destinations, from->destinations, from->n_destinations * sizeof(*to->destinations));
        to->n_destinations = from->n_destinations;
        return 0;
}

int scheme_config_copy(const SchemeConfig *config, SchemeConfig *ret) {
        SchemeConfig copy = *config;
        int r;

        copy.filters = NULL;
        copy.destinations = NULL;
        copy.quota.goals = NULL;
        copy.n_filters = copy.n_destinations = copy.quota.n_goals = 0;

        r = copy_string(config->name, &copy.name);
        if (r == 0 && config->quota.n_goals > 0)
                r = copy_goals(&config->quota, &copy.quota);
        if (r == 0 && config->n_filters > 0)
                r = copy_filters(config, &copy);
        if (r == 0 && config->n_destinations > 0)
                r = copy_destinations(config, &copy);
        if (r < 0)
                scheme_config_deinit(&copy);
        *ret = copy;
        return r;
}

/* ---- Equality ---- */

static bool strings_equal(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static bool patterns_equal(const AccessPattern *a, const AccessPattern *b) {
        return a->size_min == b->size_min && a->size_max == b->size_max && a->rate_min == b->rate_min &&
               a->rate_max == b->rate_max && a->age_min == b->age_min && a->age_max == b->age_max &&
               a->confidence == b->confidence;
}

static bool goals_equal(const GoalConfig *a, const GoalConfig *b) {
        return a->metric == b->metric && a->target == b->target && a->current == b->current && a->node == b->node &&
               strings_equal(a->cgroup, b->cgroup);
}

bool quota_goals_equal(const QuotaConfig *a, const QuotaConfig *b) {
        if (a->tuner != b->tuner || a->n_goals != b->n_goals)
                return false;
        for (size_t i = 0; i < a->n_goals; i++)
                if (!goals_equal(&a->goals[i], &b->goals[i]))
                        return false;
        return true;
}

static bool quotas_equal(const QuotaConfig *a, const QuotaConfig *b) {
        return a->time == b->time && a->size == b->size && a->reset_interval == b->reset_interval &&
               a->fail_charge == b->fail_charge && a->weight_size == b->weight_size &&
               a->weight_rate == b->weight_rate && a->weight_age == b->weight_age && quota_goals_equal(a, b);
}

static bool watermarks_equal(const WatermarkConfig *a, const WatermarkConfig *b) {
        return a->metric == b->metric && a->interval == b->interval && a->high == b->high && a->mid == b->mid &&
               a->low == b->low;
}

static bool filters_equal(const SchemeConfig *a, const SchemeConfig *b) {
        if (a->n_filters != b->n_filters)
                return false;
        for (size_t i = 0; i < a->n_filters; i++) {
                const FilterConfig *f = &a->filters[i], *g = &b->filters[i];

                if (f->type != g->type || f->matching != g->matching || f->allow != g->allow || f->min != g->min ||
                    f->max != g->max || f->index != g->index || !strings_equal(f->cgroup, g->cgroup))
                        return false;
        }
        return true;
}

static bool destinations_equal(const SchemeConfig *a, const SchemeConfig *b) {
        if (a->to != b->to || a->n_destinations != b->n_destinations)
                return false;
        for (size_t i = 0; i < a->n_destinations; i++)
                if (a->destinations[i].node != b->destinations[i].node ||
                    a->destinations[i].weight != b->destinations[i].weight)
                        return false;
        return true;
}

bool scheme_config_equal(const SchemeConfig *a, const SchemeConfig *b) {
        return strings_equal(a->name, b->name) && a->action == b->action && a->enabled == b->enabled &&
               a->dry_run == b->dry_run && a->act_on_init == b->act_on_init &&
               a->apply_interval == b->apply_interval && a->swap_out_max == b->swap_out_max &&
               patterns_equal(&a->pattern, &b->pattern) && quotas_equal(&a->quota, &b->quota) &&
               watermarks_equal(&a->watermarks, &b->watermarks) && filters_equal(a, b) && destinations_equal(a, b);
}

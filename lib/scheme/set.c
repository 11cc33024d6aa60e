/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes of one monitor: which are in force. */
#include "scheme/set.h"

#include <errno.h>
#include <math.h>

#include "base/macro.h"
#include "scheme/set-internal.h"

/* How long what came back counts against what was done. */
#define RECENT (2 * NSEC_PER_MINUTE)

/* As long as a goal asks for more and nothing but patience stands in the way, half of the patience is given up in so
 * many rests; and comes back as fast once the goal is met. */
#define EASE_RESTS 2.0
#define EASE_MIN (1.0 / 64)

int scheme_set_new(SchemeSet **ret) {
        SchemeSet *set = calloc(1, sizeof(*set));

        if (!set)
                return -ENOMEM;
        *ret = set;
        return 0;
}

Running *running_free(Running *running) {
        if (!running)
                return NULL;
        ledger_deinit(&running->ledger);
        quota_state_deinit(&running->quota);
        scheme_spec_unref(running->spec);
        free(running->inputs);
        free(running);
        return NULL;
}

SchemeSet *scheme_set_free(SchemeSet *set) {
        if (!set)
                return NULL;
        for (size_t i = 0; i < set->n; i++)
                running_free(set->schemes[i]);
        free(set->schemes);
        free(set);
        return NULL;
}

void running_fade(Running *running, nsec_t now) {
        double factor = exp(-(double) (now - MIN(running->recent_time, now)) / (double) RECENT);

        running->recent_applied *= factor;
        running->recent_back *= factor;
        running->recent_time = now;
}

void running_adapt_ease(Running *running, uint64_t charged, nsec_t elapsed) {
        double step = exp2((double) elapsed / (EASE_RESTS * (double) running_rest(running)));
        const QuotaState *quota = &running->quota;

        if (quota->n_goals == 0 || quota->score < 0)
                return;
        if (quota->score >= 1)
                running->ease = fmin(running->ease * step, 1);
        else if (running->held_back > 0 && (double) charged < quota->tuned / 2)
                running->ease = fmax(running->ease / step, EASE_MIN);
}

static double *make_inputs(const SchemeConfig *config) {
        double *inputs = calloc(MAX(config->quota.n_goals, (size_t) 1), sizeof(*inputs));

        for (size_t i = 0; inputs && i < config->quota.n_goals; i++)
                inputs[i] = config->quota.goals[i].current;
        return inputs;
}

/* A successor of `old` (NULL: none), which is left as it is. */
static int make_running(const SchemeConfig *config, const Running *old, Running **ret) {
        Running *running;
        int r;

        running = calloc(1, sizeof(*running));
        if (!running)
                return -ENOMEM;
        running->watermark = WATERMARK_STATE_INITIAL;
        running->ease = 1;
        running->inputs = make_inputs(config);
        r = running->inputs ? scheme_spec_new(config, &running->spec) : -ENOMEM;
        if (r == 0)
                r = quota_state_init(&running->quota, &config->quota);
        if (r < 0) {
                running_free(running);
                return r;
        }
        if (old) {
                running->id = old->id;
                running->stats = old->stats;
                running->swap_tokens = old->swap_tokens;
                running->swap_time = old->swap_time;
                running->recent_applied = old->recent_applied;
                running->recent_back = old->recent_back;
                running->recent_time = old->recent_time;
                running->ease = old->ease;
        }
        *ret = running;
        return 0;
}

/* What is out of the quota's hands stays spent: a change of the configuration buys no second helping. */
static void inherit_quota(Running *new, const Running *old) {
        const QuotaConfig *a = &old->spec->config.quota, *b = &new->spec->config.quota;

        if (!old->quota.started || !quota_is_set(a) || !quota_is_set(b))
                return;
        new->quota.started = true;
        new->quota.window_start = old->quota.window_start;
        new->quota.charged = old->quota.charged;
        new->quota.charged_time = old->quota.charged_time;
        new->quota.exceeds = old->quota.exceeds;
        new->quota.throughput = old->quota.throughput;

        /* what the tuner has found, as long as it looks for the same */
        if (a->n_goals == 0 || !quota_goals_equal(a, b))
                return;
        new->quota.tuned = b->size > 0 ? MIN(old->quota.tuned, (double) b->size) : old->quota.tuned;
        new->quota.score = old->quota.score;
        new->quota.feedback = old->quota.feedback;
        memcpy(new->quota.goals, old->quota.goals, b->n_goals * sizeof(*new->quota.goals));
        memcpy(new->inputs, old->inputs, b->n_goals * sizeof(*new->inputs));
}

static Running *find_same(const SchemeSet *set, const SchemeConfig *config) {
        int i = config->name ? scheme_set_find(set, config->name) : -ENOENT;

        if (i < 0 || set->schemes[i]->spec->config.action != config->action)
                return NULL;
        return set->schemes[i];
}

static void free_made(Running **made, bool *kept, size_t n) {
        for (size_t i = 0; made && i < n; i++)
                if (!kept[i])
                        running_free(made[i]);
        free(made);
        free(kept);
}

/* Moves what is in force to the new list; cannot fail. */
static void take_over(SchemeSet *set, Running **made, const bool *kept, size_t n) {
        for (size_t i = 0; i < n; i++) {
                Running *old = kept[i] ? NULL : find_same(set, &made[i]->spec->config);

                if (kept[i])
                        continue;
                if (!old) {
                        made[i]->id = ++set->last_id;
                        continue;
                }
                made[i]->ledger = TAKE_GENERIC(old->ledger, (Ledger) {});
                if (running_acts(made[i]) && !running_acts(old))
                        ledger_drop_pretended(&made[i]->ledger);
                inherit_quota(made[i], old);
        }
        for (size_t k = 0; k < set->n; k++) {
                size_t i = 0;

                while (i < n && made[i] != set->schemes[k])
                        i++;
                if (i == n)
                        running_free(set->schemes[k]);
        }
        free(set->schemes);
        set->schemes = made;
        set->n = n;
}

int scheme_set_configure(SchemeSet *set, const SchemeConfig *configs, size_t n) {
        Running **made = calloc(MAX(n, (size_t) 1), sizeof(Running *));
        bool *kept = calloc(MAX(n, (size_t) 1), sizeof(*kept));
        int r = made && kept ? 0 : -ENOMEM;

        for (size_t i = 0; i < n && r == 0; i++) {
                Running *old = find_same(set, &configs[i]);

                if (old && scheme_config_equal(&old->spec->config, &configs[i])) {
                        made[i] = old;
                        kept[i] = true;
                } else
                        r = make_running(&configs[i], old, &made[i]);
        }
        if (r < 0) {
                free_made(made, kept, kept ? n : 0);
                return r;
        }

        take_over(set, made, kept, n);
        free(kept);
        return 0;
}

int scheme_set_find(const SchemeSet *set, const char *name) {
        for (size_t i = 0; i < set->n; i++)
                if (streq(set->schemes[i]->spec->config.name, name))
                        return (int) i;
        return -ENOENT;
}

int scheme_set_find_id(const SchemeSet *set, uint64_t id) {
        for (size_t i = 0; i < set->n; i++)
                if (set->schemes[i]->id == id)
                        return (int) i;
        return -ENOENT;
}

int scheme_set_input(SchemeSet *set, const char *name, double value) {
        int i = scheme_set_find(set, name), r = -EINVAL;
        const QuotaConfig *quota;

        if (i < 0)
                return i;
        quota = &set->schemes[i]->spec->config.quota;
        for (size_t k = 0; k < quota->n_goals; k++)
                if (quota->goals[k].metric == GOAL_USER_INPUT) {
                        set->schemes[i]->inputs[k] = value;
                        r = 0;
                }
        return r;
}

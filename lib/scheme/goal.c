/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One goal of a quota: what its metric says, and how far that is from the target. */
#include <math.h>

#include "scheme/quota.h"

bool goal_is_counter(GoalMetric metric) {
        return goal_metric_unit(metric) == GOAL_UNIT_TIME;
}

/* Acting more makes these metrics smaller, all others larger. */
static bool goal_wants_less(GoalMetric metric) {
        return metric == GOAL_RSS || metric == GOAL_RSS_TO_WSS;
}

/* The growth of a counter in one window; negative: not known yet. */
static double counter_growth(GoalState *state, double value, nsec_t interval, nsec_t now) {
        double growth = -1;

        if (state->primed && value >= state->last && now > state->last_time)
                growth = (value - state->last) * ((double) interval / (double) (now - state->last_time));
        state->primed = true;
        state->last = value;
        state->last_time = now;
        return growth;
}

static double score_of(const GoalConfig *config, double current) {
        double score = goal_wants_less(config->metric) ? config->target / current : current / config->target;

        /* also where the current value, or a target that nobody validated, is 0 */
        return score >= 0 && score < GOAL_SCORE_MAX ? score : GOAL_SCORE_MAX;
}

static double missing_of(const GoalConfig *config, const GoalReading *reading) {
        return reading->whole > 0 ? fmax(config->target - reading->value, 0) * reading->whole : -1;
}

void goal_update(GoalState *state, const GoalConfig *config, nsec_t interval, nsec_t now, goal_read_t read,
                 void *userdata) {
        GoalReading reading = {};
        double value;

        state->current = state->score = state->missing = -1;
        if (read(userdata, config, &reading) < 0 || !isfinite(reading.value) || reading.value < 0)
                return;
        value = reading.value;
        if (goal_is_counter(config->metric))
                value = counter_growth(state, value, interval, now);
        if (value < 0)
                return;

        state->current = value;
        state->score = score_of(config, value);
        state->missing = missing_of(config, &reading);
}

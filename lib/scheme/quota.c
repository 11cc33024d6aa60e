/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas: windows, tuning and charging. */
#include "scheme/quota.h"

#include <errno.h>
#include <math.h>

#include "base/macro.h"
#include "monitor/ops.h"

/* Where the consist tuner starts: this part of the size quota, or so many bytes without one. */
#define START_PART 256
#define START_DEFAULT (UINT64_C(1) << 20)

/* More than any window can hold, and still exact arithmetic. Also stands for "no limit". */
#define TUNED_MAX 0x1p60

/* Below that the quota grows even where hardly any of it is used: huge pages must fit in. */
#define UNUSED_MAX ((double) (UINT64_C(4) << 20))

/* Less than that would keep memory in huge pages where it is. */
#define HUGE_PAGE ((double) (UINT64_C(2) << 20))

#define FACTOR_MIN 0.5
#define FACTOR_MAX 2.0

#define GAIN_MIN (1.0 / 32)
#define GAIN_SHRINK 0.5
#define GAIN_SHRINK_MAX 0.125
#define GAIN_GROW 1.5

/* Errors of the score on one side that add up to so much are no noise; of one judgement counts no more than that. */
#define OWED_GROW 1.0
#define OWED_BY_ONE 0.5

/* A change of `tuned` that is seen through the noise. */
#define MARKED 0.1

/* From so many windows in a row on that charged like the one before, a score that moves does so by itself. */
#define STEADY 2

/* More than what the time allows would only have to be given back first, once there is reason to do less. */
#define TOP_OF_TIME 1.25

/* So many windows without a score, and what was found before says nothing any more. */
#define UNKNOWN_MAX 10u

#define THROUGHPUT_WEIGHT 0.3

/* ---- Life ---- */

static void set_effective(QuotaState *state, const QuotaConfig *config) {
        uint64_t limit = config->size > 0 ? config->size : UINT64_MAX;
        double fits = state->throughput * (double) config->time;

        if (config->n_goals > 0 && state->tuned < TUNED_MAX)
                limit = MIN(limit, (uint64_t) state->tuned);
        if (config->time > 0 && fits > 0 && fits < TUNED_MAX)
                limit = MIN(limit, MAX((uint64_t) fits, PAGE_SIZE_MIN));
        state->effective = limit;
}

/* What temporal allows while the goal is not met. */
static double all_of(const QuotaState *state, const QuotaConfig *config) {
        double all = config->size > 0 ? (double) config->size : TUNED_MAX, missing = -1;

        for (size_t i = 0; i < state->n_goals; i++)
                if (state->goals[i].score >= state->score)
                        missing = fmax(missing, state->goals[i].missing);
        return missing >= 0 ? fmin(all, fmax(missing, HUGE_PAGE)) : all;
}

static void clear_feedback(FeedbackState *feedback) {
        *feedback = (FeedbackState) { .gain = 1 };
}

static double start_of(const QuotaConfig *config) {
        if (config->size == 0)
                return (double) START_DEFAULT;
        return (double) MAX(config->size / START_PART, PAGE_SIZE_MIN);
}

int quota_state_init(QuotaState *state, const QuotaConfig *config) {
        QuotaState fresh = { .score = -1, .n_goals = config->n_goals };

        if (config->n_goals > 0) {
                fresh.goals = calloc(config->n_goals, sizeof(*fresh.goals));
                if (!fresh.goals)
                        return -ENOMEM;
                fresh.tuned = start_of(config);
        }
        for (size_t i = 0; i < config->n_goals; i++)
                fresh.goals[i] = (GoalState) { .current = -1, .score = -1, .missing = -1 };
        clear_feedback(&fresh.feedback);
        set_effective(&fresh, config);
        *state = fresh;
        return 0;
}

void quota_state_deinit(QuotaState *state) {
        free(state->goals);
        *state = (QuotaState) {};
}

/* ---- Tuning ---- */

static void read_goals(QuotaState *state, const QuotaConfig *config, nsec_t now, goal_read_t read, void *userdata) {
        state->score = -1;
        for (size_t i = 0; i < state->n_goals; i++) {
                goal_update(&state->goals[i], &config->goals[i], config->reset_interval, now, read, userdata);
                state->score = fmax(state->score, state->goals[i].score);
        }
}

/* How far `tuned` may grow. */
static double top_of(const QuotaState *state, const QuotaConfig *config) {
        double top = config->size > 0 ? fmin((double) config->size, TUNED_MAX) : TUNED_MAX;
        double fits = state->throughput * (double) config->time;

        if (fits > 0)
                top = fmin(top, fmax(TOP_OF_TIME * fits, (double) PAGE_SIZE_MIN));
        return top;
}

/* Whether the quota was what limited the window that is being closed. */
static bool was_used(const QuotaState *state) {
        return state->full || (state->wanted && state->tuned < UNUSED_MAX) ||
               (double) state->charged >= state->tuned / 2;
}

/* The score has crossed the target: the step was too long. The crossing itself tells by how much. */
static double shrunk_gain(const FeedbackState *feedback, double tuned, double score) {
        double moved = log(tuned / feedback->judged_tuned), risen = score - feedback->judged_score;
        double gain = feedback->gain * GAIN_SHRINK;

        if (fabs(moved) >= MARKED && moved * risen > 0)
                gain = fmin(gain, fmax(moved / risen, feedback->gain * GAIN_SHRINK_MAX));
        return fmax(gain, GAIN_MIN);
}

static void adapt_gain(FeedbackState *feedback, double tuned, double score) {
        int side = score < 1 ? 1 : -1;

        if (feedback->side * side < 0) {
                /* what a limit held back has not made the score rise */
                if (!feedback->held || side > 0)
                        feedback->gain = shrunk_gain(feedback, tuned, score);
                feedback->owed = 0;
        } else {
                feedback->owed += fmin(fabs(1 - score), OWED_BY_ONE);
                if (feedback->owed >= OWED_GROW)
                        feedback->gain = fmin(feedback->gain * GAIN_GROW, 1);
        }
        feedback->side = side;
        feedback->judged_tuned = tuned;
        feedback->judged_score = score;
}

/* Whether the score may still be that of the setting before. */
static bool is_settling(FeedbackState *feedback, double score, uint64_t windows) {
        int settling = feedback->settling;

        feedback->settling = 0;
        return windows == 1 && (settling > 0 ? score < 1 : settling < 0 && score > 1);
}

/* How far the score has moved since the last window, where that is not for what was done meanwhile. */
static double drift_of(FeedbackState *feedback, double score, uint64_t charged, uint64_t windows) {
        double last_score = feedback->last_score, ratio = (double) charged / feedback->last_charged;
        bool alike = windows == 1 && charged > 0 && feedback->last_charged > 0 && fabs(log(ratio)) < MARKED;

        feedback->steady = alike ? MIN(feedback->steady + 1, STEADY) : 0;
        feedback->last_charged = (double) charged;
        feedback->last_score = score;
        return feedback->steady == STEADY ? score - last_score : 0;
}

static void tune_consist(QuotaState *state, const QuotaConfig *config, uint64_t windows) {
        FeedbackState *feedback = &state->feedback;
        double before = state->tuned, drift = drift_of(feedback, state->score, state->charged, windows), factor;

        /* more than the window allowed has caused nothing */
        if (state->score > 1)
                before = fmin(before, (double) state->effective);
        if (is_settling(feedback, state->score, windows))
                return;
        if (state->score < 1 && !was_used(state))
                return;

        adapt_gain(feedback, before, state->score);
        factor = CLAMP(1 + feedback->gain * (1 - state->score - drift), FACTOR_MIN, FACTOR_MAX);
        state->tuned = CLAMP(before * factor, (double) PAGE_SIZE_MIN, top_of(state, config));
        feedback->held = before * factor >= top_of(state, config);
        if (fabs(state->tuned / before - 1) >= MARKED)
                feedback->settling = state->tuned > before ? 1 : -1;
}

/* Nothing is known. For a while that changes nothing; then it begins anew, with little. */
static void tune_blindly(QuotaState *state, const QuotaConfig *config) {
        FeedbackState *feedback = &state->feedback;

        feedback->steady = 0;
        feedback->unknown = MIN(feedback->unknown + 1, UNKNOWN_MAX);
        if (feedback->unknown < UNKNOWN_MAX)
                return;
        state->tuned = fmin(state->tuned, start_of(config));
        clear_feedback(feedback);
        feedback->unknown = UNKNOWN_MAX;
}

/* `windows`: since the last one was opened; 0: this is the first. */
static void tune(QuotaState *state, const QuotaConfig *config, uint64_t windows) {
        if (config->n_goals == 0)
                return;
        if (state->score < 0) {
                tune_blindly(state, config);
                return;
        }
        state->feedback.unknown = 0;
        if (config->tuner == TUNER_TEMPORAL)
                state->tuned = state->score >= 1 ? 0 : all_of(state, config);
        else if (windows > 0)
                tune_consist(state, config, windows);
}

/* ---- Windows ---- */

static void close_window(QuotaState *state) {
        double sample;

        state->exceeds += state->full;
        if (state->charged == 0 || state->charged_time == 0)
                return;
        sample = (double) state->charged / (double) state->charged_time;
        if (state->throughput > 0)
                state->throughput += THROUGHPUT_WEIGHT * (sample - state->throughput);
        else
                state->throughput = sample;
}

void quota_advance(QuotaState *state, const QuotaConfig *config, nsec_t now, goal_read_t read, void *userdata) {
        uint64_t windows = 0;

        if (!quota_is_set(config))
                return;
        if (state->started) {
                /* without a length, which nobody should have let pass, one window lasts for ever */
                if (now < state->window_start || config->reset_interval == 0)
                        return;
                windows = (now - state->window_start) / config->reset_interval;
                if (windows == 0)
                        return;
                close_window(state);
        }

        read_goals(state, config, now, read, userdata);
        tune(state, config, windows);
        state->window_start = state->started ? state->window_start + windows * config->reset_interval : now;
        state->started = true;
        state->charged = 0;
        state->charged_time = 0;
        state->full = state->wanted = false;
        set_effective(state, config);
}

uint64_t quota_bytes_left(const QuotaState *state, const QuotaConfig *config) {
        if (!quota_is_set(config) || state->effective == UINT64_MAX)
                return UINT64_MAX;
        return state->effective - MIN(state->charged, state->effective);
}

nsec_t quota_time_left(const QuotaState *state, const QuotaConfig *config) {
        if (config->time == 0)
                return NSEC_INFINITY;
        return config->time - MIN(state->charged_time, config->time);
}

nsec_t quota_window_end(const QuotaState *state, const QuotaConfig *config) {
        if (!quota_is_set(config) || !state->started || config->reset_interval == 0)
                return NSEC_INFINITY;
        return state->window_start + MIN(config->reset_interval, NSEC_INFINITY - state->window_start);
}

/* ---- Memory ---- */

QuotaMemory quota_remember(const QuotaState *state) {
        return (QuotaMemory) {
                .exceeds = state->exceeds,
                .has_window = state->started,
                .window_start = state->window_start,
                .charged = state->charged,
                .charged_time = state->charged_time,
                .has_tuned = state->n_goals > 0 || state->throughput > 0,
                .tuned = state->tuned,
                .throughput = state->throughput,
                .feedback = state->feedback,
        };
}

static void recall_feedback(FeedbackState *feedback, const FeedbackState *memory) {
        if (!(memory->gain > 0) || !(memory->judged_tuned >= 0) || !isfinite(memory->judged_tuned) ||
            !isfinite(memory->judged_score))
                return;
        *feedback = *memory;
        feedback->gain = CLAMP(memory->gain, GAIN_MIN, 1.0);
        feedback->side = CLAMP(memory->side, -1, 1);
        feedback->owed = 0;
        /* whole windows have gone by, mostly */
        feedback->settling = 0;
}

static void recall_tuned(QuotaState *state, const QuotaConfig *config, const QuotaMemory *memory) {
        double most = config->size > 0 ? fmin((double) config->size, TUNED_MAX) : TUNED_MAX;

        if (memory->throughput > 0 && memory->throughput < TUNED_MAX)
                state->throughput = memory->throughput;
        /* a quota of nothing is what temporal leaves behind; consist needs a page to grow from */
        if (config->n_goals == 0 || config->tuner == TUNER_TEMPORAL || !(memory->tuned >= (double) PAGE_SIZE_MIN))
                return;
        state->tuned = fmin(memory->tuned, most);
        recall_feedback(&state->feedback, &memory->feedback);
}

void quota_recall(QuotaState *state, const QuotaConfig *config, const QuotaMemory *memory, nsec_t now) {
        if (!quota_is_set(config))
                return;
        state->exceeds = memory->exceeds;
        if (memory->has_tuned)
                recall_tuned(state, config, memory);
        if (memory->has_window && memory->window_start <= now) {
                state->started = true;
                state->window_start = memory->window_start;
                state->charged = memory->charged;
                state->charged_time = memory->charged_time;
        }
        set_effective(state, config);
        if (state->started)
                state->full = quota_bytes_left(state, config) < PAGE_SIZE_MIN || quota_time_left(state, config) == 0;
}

/* ---- Charging ---- */

static uint64_t add_capped(uint64_t a, uint64_t b) {
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t charge_of_failed(const QuotaConfig *config, uint64_t bytes) {
        double charge = ceil((double) bytes * config->fail_charge);

        /* a double cannot hold every number of bytes: never more than all */
        return charge < (double) bytes ? (uint64_t) charge : bytes;
}

void quota_charge(QuotaState *state, const QuotaConfig *config, uint64_t tried, uint64_t applied, nsec_t time) {
        uint64_t failed = tried > applied ? tried - applied : 0;
        uint64_t charge = add_capped(applied, config->fail_charge > 0 ? charge_of_failed(config, failed) : 0);

        if (!quota_is_set(config))
                return;
        state->charged = add_capped(state->charged, charge);
        state->charged_time = add_capped(state->charged_time, time);
        state->wanted |= tried > 0;
        if (quota_bytes_left(state, config) < PAGE_SIZE_MIN || quota_time_left(state, config) == 0)
                state->full = true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas: windows, what is left of them, and the goals that tune them. Pure. */
#pragma once

#include "scheme/scheme.h"

/* Where a goal stands. */
typedef struct GoalState {
        bool primed;      /* of counters: `last` is there */
        double last;      /* of counters: as last read */
        nsec_t last_time;
        double current;   /* in the unit of the target, as of the last window; negative: not known */
        double score;     /* current / target, or target / current where less is the goal; 1: met; negative:
                           * not known */
        double missing;   /* bytes up to the target; negative: not known, or not a matter of bytes */
} GoalState;

/* How the consist tuner has fared with the feedback so far. */
typedef struct FeedbackState {
        double gain;         /* share of the step that is made */
        int side;            /* of the target, at the last judgement: 1 below it, -1 above; 0: none yet */
        double owed;         /* errors of the score since it came to this side, added up */
        int settling;        /* > 0, < 0: `tuned` was just raised, lowered */
        bool held;           /* `tuned` would be higher, were there no limit to it */
        double judged_tuned; /* at the last judgement */
        double judged_score;
        int steady;          /* windows in a row that charged like the one before */
        double last_charged; /* in the last window with a score */
        double last_score;
        unsigned unknown;    /* windows in a row without a score */
} FeedbackState;

typedef struct QuotaState {
        bool started;
        nsec_t window_start;
        uint64_t charged;      /* bytes, in this window */
        nsec_t charged_time;
        bool full;             /* something had to wait in this window: set when it is used up, and by callers */
        bool wanted;           /* there was something to do in this window: set when it is charged, and by callers */
        uint64_t exceeds;      /* windows that ended full */

        double tuned;          /* bytes per window that the goals allow; only with goals */
        double score;          /* the highest of the goals: 1 is met; negative: none known */
        double throughput;     /* bytes per ns of action, moving average over windows; 0: not known */
        uint64_t effective;    /* bytes that this window allows; UINT64_MAX: no limit */
        GoalState *goals;      /* n_goals of them */
        size_t n_goals;
        FeedbackState feedback;
} QuotaState;

/* The limits hold at once, before any window is open. 0 or -ENOMEM. */
int quota_state_init(QuotaState *state, const QuotaConfig *config);
void quota_state_deinit(QuotaState *state);

typedef struct GoalReading {
        double value; /* of counters (PSI): total stall in ns since boot; else in the unit of the target */
        double whole; /* bytes of which the value is a share, where acting changes it byte by byte; 0: it is none */
} GoalReading;

/* Reads a goal's metric. 0, or a negative error number: not known now. */
typedef int (*goal_read_t)(void *userdata, const GoalConfig *goal, GoalReading *ret);

/* Whether the metric is read as a counter that only grows. */
bool goal_is_counter(GoalMetric metric);

/* Reads one goal and scores it. Of a counter it takes the growth since it was last read, scaled to the length of
 * one window; the first reading, and one that is less than the last, only prime it. Otherwise the value counts as
 * it is. What cannot be read, is negative or no number is not known. A score is at most GOAL_SCORE_MAX. */
void goal_update(GoalState *state, const GoalConfig *config, nsec_t interval, nsec_t now, goal_read_t read,
                 void *userdata);

#define GOAL_SCORE_MAX 1e6

/* Opens the window that `now` lies in, if that is a new one: closes the last one, reads the goals and tunes.
 * Windows follow each other without a gap, on a grid that begins at the first call; the first one is limited
 * like every other. When whole windows were missed, counters are scaled down to the length of one.
 *
 * consist, after mm/damon/core.c, damon_feed_loop_next_input(), which multiplies by 2 - score:
 *   tuned *= 1 + gain (1 - score - drift), the factor bounded to [0.5, 2], `tuned` to [one page, the size quota].
 * It starts at size / 256, at least a page (without a size quota: 1 MiB; so does temporal); the first window is
 * not tuned. With a score that is not known the quota stays as it was, and from the 10th such window in a row on is
 * no more than where it starts. Where several goals are known, the highest score decides.
 *
 * With a gain of 1 that is DAMON's law. That swings without end where the stall comes a window late, and where it
 * only begins beyond a knee, so that a few percent more bytes are many more stalls. Therefore:
 *  - The gain starts at 1. When the score crosses 1, it is halved; where `tuned` had moved by a tenth or more,
 *    the crossing also tells how steep the metric is, and the gain is brought down to
 *    ln(tuned ratio) / (score difference), though to no less than an eighth at once. Not where a limit had kept
 *    `tuned` from growing: then no step of the tuner made the score rise.
 *  - Once the errors (distance of the score from 1, 0.5 at most) of the judgements since the last crossing add up to
 *    1, the gain grows by half each time: noise of 10 % takes a dozen judgements on one side for that, a score of
 *    1.4 three. It stays within [1/32, 1].
 *  - After a step of a tenth or more the next score is not judged while it is on the side that it was on: it may
 *    still be that of the setting before. (If windows were missed since, it is judged.)
 *  - drift: by how much the score moved in a window that charged like the two before it (within a tenth). Pages come
 *    back for many windows after they were taken, so the score goes on rising although no more is done: what counts
 *    is where it will be in the next window.
 *  - No wind-up: it grows only where the quota was what limited. The closed window must have been full or at
 *    least half used; or there was something to do and the quota is less than 4 MiB (that actions by huge page are
 *    possible at all). And a time quota bounds `tuned` to 1.25 times what fits into it; it is lowered from what
 *    the window allowed, for more than that has caused nothing.
 * tests/sim/test-quota.c has the plants that this was chosen by.
 *
 * temporal: nothing from a score of 1 on, else all that size and time allow; but where the goal is a share of a node's
 * memory, no more than what is missing there, so that one window does not overdo it (a huge page always fits in).
 *
 * `effective` is the least of size, `tuned`, and throughput x time, once throughput is known. Throughput is
 * bytes charged per ns of action, of windows in which both were above 0, the latest with a weight of 0.3. It
 * only spreads what there is time for (the time itself is limited), so it leaves a page at least. */
void quota_advance(QuotaState *state, const QuotaConfig *config, nsec_t now, goal_read_t read, void *userdata);

/* What is left of the open window. UINT64_MAX, NSEC_INFINITY: no limit. */
uint64_t quota_bytes_left(const QuotaState *state, const QuotaConfig *config);
nsec_t quota_time_left(const QuotaState *state, const QuotaConfig *config);

/* End of the open window; NSEC_INFINITY without a quota, and before the first window. */
nsec_t quota_window_end(const QuotaState *state, const QuotaConfig *config);

/* What is worth keeping beyond the life of the process. */
typedef struct QuotaMemory {
        uint64_t exceeds;
        bool has_window; /* to be believed only while the clock is still the same one */
        nsec_t window_start;
        uint64_t charged;
        nsec_t charged_time;
        bool has_tuned;  /* to be believed only where the tuner looks for the same */
        double tuned;
        double throughput;
        FeedbackState feedback;
} QuotaMemory;

QuotaMemory quota_remember(const QuotaState *state);

/* Gives a fresh state back what it knew: what was used up of the open window stays spent. Numbers that cannot be are
 * left out, or brought into their range. */
void quota_recall(QuotaState *state, const QuotaConfig *config, const QuotaMemory *memory, nsec_t now);

/* Something was done in the open window: applied bytes count whole, tried ones that were not applied by
 * fail_charge, rounded up. */
void quota_charge(QuotaState *state, const QuotaConfig *config, uint64_t tried, uint64_t applied, nsec_t time);

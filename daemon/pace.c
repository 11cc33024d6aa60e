/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeping to a share of a CPU. */
#include "pace.h"

#include <math.h>

#include "base/macro.h"

/* At most so much at a time, down and up. */
#define FACTOR_MIN 0.25
#define FACTOR_MAX 1.5
#define FACTOR_FAR 3.0 /* of a budget, where less than LITTLE of the limit is used */
#define LITTLE 0.3

/* A budget that is hardly used says nothing about what more would cost. */
#define USED_SHARE 0.8

#define BUDGET_FIRST 100.0
#define BUDGET_MIN 0.5

/* Intervals change only where it matters: each change begins a new window. */
#define STRETCH_STEP 1.08
#define SAMPLE_STEP 1.5
#define STRETCH_MAX 10000.0

/* Nothing useful is slower. */
#define SAMPLE_MAX NSEC_PER_MINUTE

void pace_spent(Pace *pace, nsec_t cpu, uint64_t samples) {
        pace->cpu += cpu;
        pace->samples += samples;
}

static bool may_restart(const Pace *pace, const MonitorAttrs *attrs) {
        return pace->held >= MIN(attrs->aggregate, PACE_HOLD_MAX);
}

/* So many samples per second, at intervals that are worth a wake-up. The window keeps its length as long as it has
 * several of them. */
static bool set_budget(Pace *pace, MonitorAttrs *attrs, const MonitorAttrs *asked, double ratio, double used,
                       bool *ret_restart) {
        double most = asked->samples_per_sec > 0 ? asked->samples_per_sec : PACE_SAMPLES_MAX, sample;
        double slowest = (double) MAX(SAMPLE_MAX, asked->sample);
        uint32_t before = attrs->samples_per_sec;

        if (pace->budget <= 0)
                pace->budget = MAX(used, BUDGET_FIRST);
        if (ratio > 1 || used >= USED_SHARE * pace->budget)
                pace->budget *= CLAMP(1 / ratio, FACTOR_MIN, ratio < LITTLE ? FACTOR_FAR : FACTOR_MAX);
        pace->budget = CLAMP(pace->budget, BUDGET_MIN, most);

        attrs->samples_per_sec = (uint32_t) ceil(pace->budget);
        sample = CLAMP(PACE_BATCH / pace->budget * (double) NSEC_PER_SEC, (double) asked->sample, slowest);
        *ret_restart = may_restart(pace, attrs) && (sample > (double) attrs->sample * SAMPLE_STEP ||
                                                    sample * SAMPLE_STEP < (double) attrs->sample);
        if (*ret_restart) {
                attrs->sample = (nsec_t) sample;
                attrs->aggregate = MAX(asked->aggregate, 5 * attrs->sample);
                attrs->update = MAX(asked->update, attrs->aggregate);
        }
        return attrs->samples_per_sec != before || *ret_restart;
}

static bool set_stretch(Pace *pace, MonitorAttrs *attrs, const MonitorAttrs *asked, double ratio, bool *ret_restart) {
        double factor = CLAMP(1 / ratio, FACTOR_MIN, FACTOR_MAX), sample;
        double wanted = CLAMP(pace->stretch / factor, 1.0, STRETCH_MAX);

        *ret_restart = may_restart(pace, attrs) &&
                       (wanted > pace->stretch * STRETCH_STEP || wanted * STRETCH_STEP < pace->stretch);
        if (!*ret_restart)
                return false;

        pace->stretch = wanted;
        sample = MIN((double) asked->sample * wanted, (double) MAX(SAMPLE_MAX, asked->sample));
        attrs->sample = (nsec_t) sample;
        attrs->aggregate = MAX((nsec_t) ((double) asked->aggregate * sample / (double) asked->sample), attrs->sample);
        attrs->update = MAX(asked->update, attrs->aggregate);
        attrs->goal.sample_min = MAX(asked->goal.sample_min, attrs->sample);
        attrs->goal.sample_max = MAX(asked->goal.sample_max, attrs->goal.sample_min);
        return true;
}

bool pace_adjust(Pace *pace, const MonitorAttrs *asked, bool budget, double ratio, nsec_t elapsed,
                 MonitorAttrs *attrs, bool *ret_restart) {
        double seconds = (double) MAX(elapsed, (nsec_t) 1) / (double) NSEC_PER_SEC;
        double used = (double) pace->samples / seconds;
        bool changed = false;

        *ret_restart = false;
        pace->held += elapsed;
        pace->share = (double) pace->cpu / (double) NSEC_PER_SEC / seconds;
        if (budget)
                changed = set_budget(pace, attrs, asked, ratio, used, ret_restart);
        else if (pace->cpu > 0)
                changed = set_stretch(pace, attrs, asked, ratio, ret_restart);
        pace->cpu = 0;
        pace->samples = 0;
        if (*ret_restart)
                pace->held = 0;
        return changed;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Automatic intervals. */
#include "monitor/tune.h"

#include "base/macro.h"

bool tune_intervals(MonitorAttrs *attrs, double access_share, nsec_t source_minimum) {
        double score = access_share / attrs->goal.access_share;
        double factor = score < 2 ? 2 - score : 0;
        double ratio = (double) attrs->aggregate / (double) attrs->sample;
        nsec_t low = MAX(attrs->goal.sample_min, source_minimum), sample;

        if (factor < 1)
                factor = 0.5 + factor / 2;

        sample = (nsec_t) ((double) attrs->sample * factor);
        sample = CLAMP(sample, low, MAX(attrs->goal.sample_max, low));
        if (sample == attrs->sample)
                return false;

        attrs->sample = sample;
        attrs->aggregate = (nsec_t) ((double) sample * ratio);
        return true;
}

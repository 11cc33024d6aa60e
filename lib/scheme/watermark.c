/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether there is reason to act at all. */
#include "base/macro.h"
#include "scheme/parts.h"

/* Written so that what is not a number counts as not readable. */
static bool is_active(const WatermarkConfig *config, bool active, double value) {
        if (!(value >= config->low) || value > config->high || value < 0)
                return false;
        return active || value < config->mid;
}

void watermark_update(const WatermarkConfig *config, WatermarkState *state, double value, nsec_t now) {
        if (config->metric == WATERMARK_NONE) {
                *state = (WatermarkState) { .active = true, .last = -1, .next = NSEC_INFINITY };
                return;
        }

        state->active = is_active(config, state->active, value);
        state->last = value >= 0 ? value : -1;
        state->next = now + MIN(config->interval, NSEC_INFINITY - now);
}

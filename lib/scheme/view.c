/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at the schemes of a monitor, for reports. */
#include "base/macro.h"
#include "scheme/set-internal.h"

const char *scheme_state_name(SchemeState state) {
        static const char *const names[] = {
                [SCHEME_ACTIVE] = "active",
                [SCHEME_INACTIVE] = "inactive",
                [SCHEME_DISABLED] = "disabled",
        };

        return names[state];
}

size_t scheme_set_count(const SchemeSet *set) {
        return set->n;
}

SchemeView scheme_set_view(const SchemeSet *set, size_t i, nsec_t now) {
        const Running *running = set->schemes[i];
        SchemeView view = {
                .id = running->id,
                .config = &running->spec->config,
                .stats = &running->stats,
                .quota = &running->quota,
                .watermark = &running->watermark,
        };

        if (!running->spec->config.enabled)
                view.state = SCHEME_DISABLED;
        else
                view.state = running->watermark.active ? SCHEME_ACTIVE : SCHEME_INACTIVE;
        view.resting = ledger_resting(&running->ledger, now, &view.backed_off);
        return view;
}

const ActEntry *scheme_set_log(const SchemeSet *set, size_t i) {
        if (i >= set->log_n)
                return NULL;
        return &set->log[(set->log_next + ACT_LOG_MAX - 1 - i) % ACT_LOG_MAX];
}

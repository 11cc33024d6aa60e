/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes remember. */
#include "scheme/memory.h"

#include "scheme/set-internal.h"

void scheme_memory_take(const SchemeView *view, SchemeMemory *ret) {
        *ret = (SchemeMemory) { .stats = *view->stats, .quota = quota_remember(view->quota) };
}

void scheme_set_recall(SchemeSet *set, size_t i, const SchemeMemory *memory, nsec_t now) {
        Running *running = set->schemes[i];

        running->stats = memory->stats;
        /* of the clock of another boot, perhaps */
        running->stats.last_error_time = 0;
        quota_recall(&running->quota, &running->spec->config.quota, &memory->quota, now);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading the configuration file, at the start and again: all of it or nothing. */
#pragma once

#include "manager.h"

typedef enum ReloadFate {
        RELOAD_STARTED,
        RELOAD_CHANGED, /* goes on with other schemes or intervals; or, where more has changed, begins anew */
        RELOAD_STOPPED,
        RELOAD_UNCHANGED,
        _RELOAD_FATE_MAX,
} ReloadFate;

/* "started", "changed", "stopped", "unchanged". */
const char *reload_fate_name(ReloadFate fate);

typedef struct ReloadReport {
        struct {
                char *names[2 * MONITORS_MAX];
                size_t n;
        } fates[_RELOAD_FATE_MAX];
        const char *fixed[4]; /* settings that have changed, and count only when the daemon starts */
        size_t n_fixed;
} ReloadReport;

void reload_report_deinit(ReloadReport *report);

/* Makes the monitors what the configuration says. Those that were started by hand stay. 0; -EINVAL with what is wrong
 * in errors: then everything is as it was; or -errno. */
int reload(Manager *manager, const Config *config, ReloadReport *report, ConfigErrors *errors);

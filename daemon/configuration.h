/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's configuration: read at the start, and again while it runs, with the options of the command line above
 * it. */
#pragma once

#include "access.h"
#include "config/load.h"
#include "arguments.h"
#include "reload.h"

typedef struct Configuration {
        const Options *options;
        LoadFrom from;
        Loaded loaded;

        /* What follows it when it changes; borrowed, set before configuration_reload(). */
        Manager *manager;
        Access *access;
        Control *control;
} Configuration;

/* From the usual places, unless the options name others, or this is a private daemon. 0; -EINVAL with errors; -ENOMEM.
 */
int configuration_load(Configuration *configuration, const Options *options, ConfigErrors *errors);
void configuration_deinit(Configuration *configuration);

/* Whether there is any place to read it from. */
bool configuration_has_place(const Configuration *configuration);

/* What to call it: the path that was named, or where the usual files are. */
const char *configuration_name(const Configuration *configuration);

/* Reads it again and makes the monitors, the log, the limits and the groups what it says: all of it, or nothing. Tells
 * the service manager and reports an event. 0; -EINVAL with what is wrong in errors: then everything is as it was; or
 * -errno. */
int configuration_reload(Configuration *configuration, ReloadReport *report, ConfigErrors *errors);

/* What settings say about connections. */
ControlLimits configuration_limits(const Settings *settings);

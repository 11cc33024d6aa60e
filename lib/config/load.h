/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration as it lies in files and directories, both formats: udamond.conf and what is added to it, and the
 * monitors. All of it or nothing. */
#pragma once

#include "config/config.h"
#include "config/settings.h"

/* Where to read. Borrowed. */
typedef struct LoadFrom {
        const char *root; /* in front of the usual places; "" for the real ones */
        bool usual;       /* read the usual places */
        /* Files, and directories of files. A name that ends in .conf is one of settings, any other one of monitors. */
        const char *const *paths;
        size_t n_paths;
} LoadFrom;

/* What was read. */
typedef struct Loaded {
        Settings settings;
        Config *config; /* the monitors of all files; MonitorConfig.file is a position among them */
        char **files;   /* in the order in which they were read */
        size_t n_files;
        char **directories; /* that were there */
        size_t n_directories;
} Loaded;

/* before: what was read last time, or NULL. A directory that was there then and is not now is an error: it has been
 * lost, or is just being replaced; to be without monitors, leave it there, empty. Elsewhere a usual place that does
 * not exist is none. 0; -EINVAL with errors filled; -ENOMEM. */
int load_configuration(const LoadFrom *from, const Loaded *before, Loaded *ret, ConfigErrors *errors);

void loaded_deinit(Loaded *loaded);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which source a monitor uses, why, and what its numbers are worth on this machine. */
#pragma once

#include "config/config.h"
#include "probe/caps.h"

typedef struct ChosenSource {
        SourceKind kind;
        char *reason;
        char **warnings; /* NULL-terminated */
        Source *source;
} ChosenSource;

/* Makes the source that the configuration asks for, or the best one. 0, ENGINE_E_SOURCE with the reason, or
 * -errno. */
int source_choose(const Capabilities *caps, const RootFds *roots, const MonitorConfig *config, ChosenSource *ret,
                  char **ret_error);
void chosen_source_deinit(ChosenSource *chosen);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs: what `udamonctl VERB` does. Each returns an ExitStatus (told) or a negative error
 * number. */
#pragma once

#include "options.h"

int verb_check(const Arguments *args);
int verb_run(const Arguments *args);
int verb_start(const Arguments *args);
int verb_stop(const Arguments *args);
int verb_status(const Arguments *args);
int verb_regions(const Arguments *args);
int verb_heatmap(const Arguments *args);
int verb_wss(const Arguments *args);
int verb_idle(const Arguments *args);
int verb_record(const Arguments *args);

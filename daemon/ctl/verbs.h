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
int verb_schemes(const Arguments *args);
int verb_scheme(const Arguments *args);
int verb_config(const Arguments *args);
int verb_reload(const Arguments *args);
int verb_simulate(const Arguments *args);
int verb_monitors(const Arguments *args);
int verb_top(const Arguments *args);
int verb_events(const Arguments *args);
int verb_metrics(const Arguments *args);
int verb_targets(const Arguments *args);
int verb_nodes(const Arguments *args);

/* What was printed must have arrived: a full disk behind a redirection is a failure. Gives r, if that is one
 * already. */
int verb_finish(int r);

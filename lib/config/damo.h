/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made by DAMO (https://github.com/damonitor/damo), the tool of the kernel's DAMON: the JSON or YAML that
 * "damo args damon" prints and "damo start" takes. */
#pragma once

#include "config/config.h"
#include "config/yaml.h"

/* Reads a tree whose top-level key is `kdamonds` into the configuration: each context becomes a monitor, named
 * "damo-0", "damo-1" … in file order, and each scheme is named by its action and its place ("pageout-0").
 * Values are taken as DAMO takes them, with two differences: unknown keys are errors, and thresholds stay in
 * percent and seconds instead of being rounded down to counts. What this version cannot do is an error with its
 * reason; what only tells about a running DAMON (state, pid, stats …) is passed over.
 * Errors are reported, not returned: 0 or -ENOMEM. */
int damo_read(const YamlNode *root, Config *config, ConfigErrors *errors);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon measures, as metrics. */
#pragma once

#include <jansson.h>

#include "frame.h"
#include "openmetrics.h"

/* What is known of one monitor. */
typedef struct MonitorMetrics {
        json_t *monitor; /* the interface's Monitor; borrowed */
        json_t *schemes; /* array of the interface's Scheme; owned; NULL: none */
        Frame *frame;    /* the latest snapshot; owned; NULL: there is none yet */
} MonitorMetrics;

typedef struct Metrics {
        json_t *status; /* the reply of GetStatus; owned */
        MonitorMetrics *monitors;
        size_t n_monitors;
} Metrics;

void metrics_deinit(Metrics *metrics);

/* All of it. 0 or -ENOMEM. */
int metrics_print(const Metrics *metrics, MetricsWriter *writer);

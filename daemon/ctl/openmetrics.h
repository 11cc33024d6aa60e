/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes OpenMetrics text, in the subset that the older Prometheus text format reads as well (the textfile collector of
 * node_exporter does): gauges and counters only, no timestamps, no exemplars.
 *
 * All samples of a family stand together, below its TYPE, UNIT and HELP, which are written with its first sample: a
 * family without samples leaves no trace. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

typedef enum MetricType {
        METRIC_GAUGE,
        METRIC_COUNTER, /* its samples end in _total */
} MetricType;

typedef struct MetricFamily {
        const char *name; /* ends with its unit */
        MetricType type;
        const char *unit; /* "bytes", "seconds", "ratio"; NULL: none */
        const char *help;
} MetricFamily;

typedef struct MetricLabel {
        const char *name;
        const char *value; /* NULL: the label is left out */
} MetricLabel;

#define METRIC_LABELS_MAX 4

typedef struct MetricsWriter {
        FILE *out;    /* text goes there; NULL: none does */
        json_t *json; /* an array that the same goes to, family by family; NULL: none */
        const MetricFamily *family; /* whose head has been written */
} MetricsWriter;

/* `labels`: METRIC_LABELS_MAX of them, or up to the first without a name. Values may have any bytes. */
void metrics_uint(MetricsWriter *writer, const MetricFamily *family, const MetricLabel *labels, uint64_t value);
void metrics_real(MetricsWriter *writer, const MetricFamily *family, const MetricLabel *labels, double value);
void metrics_seconds(MetricsWriter *writer, const MetricFamily *family, const MetricLabel *labels, uint64_t ns);

/* The last line of the text. */
void metrics_end(MetricsWriter *writer);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenMetrics text. */
#include "openmetrics.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/macro.h"

/* In a label: backslash, quote and line feed have escapes; other control characters would drive the terminal of whoever
 * looks at it. In a help text the quote stands for itself. */
static void put_escaped(FILE *out, const char *text, bool quoted) {
        for (const char *c = text; *c; c++) {
                if (*c == '\\')
                        (void) fputs("\\\\", out);
                else if (*c == '\n')
                        (void) fputs("\\n", out);
                else if (*c == '"' && quoted)
                        (void) fputs("\\\"", out);
                else
                        (void) fputc((unsigned char) *c < 0x20 || *c == 0x7f ? '?' : *c, out);
        }
}

static const char *type_name(const MetricFamily *family) {
        return family->type == METRIC_COUNTER ? "counter" : "gauge";
}

static void put_head(MetricsWriter *w, const MetricFamily *family) {
        (void) fprintf(w->out, "# TYPE %s %s\n", family->name, type_name(family));
        if (family->unit)
                (void) fprintf(w->out, "# UNIT %s %s\n", family->name, family->unit);
        (void) fprintf(w->out, "# HELP %s ", family->name);
        put_escaped(w->out, family->help, false);
        (void) fputc('\n', w->out);
}

/* As metrics_…(), the value as text. */
static void put_sample(MetricsWriter *w, const MetricFamily *family, const MetricLabel *labels, const char *value) {
        const char *separator = "{";

        (void) fprintf(w->out, "%s%s", family->name, family->type == METRIC_COUNTER ? "_total" : "");
        for (size_t i = 0; labels && i < METRIC_LABELS_MAX && labels[i].name; i++) {
                if (!labels[i].value)
                        continue;
                (void) fprintf(w->out, "%s%s=\"", separator, labels[i].name);
                put_escaped(w->out, labels[i].value, true);
                (void) fputc('"', w->out);
                separator = ",";
        }
        (void) fprintf(w->out, "%s %s\n", *separator == ',' ? "}" : "", value);
}

static void add_family(json_t *families, const MetricFamily *family) {
        json_array_append_new(families,
                              json_pack("{s:s, s:s, s:s?, s:s, s:[]}", "name", family->name, "type", type_name(family),
                                        "unit", family->unit, "help", family->help, "samples"));
}

/* `value` is stolen. */
static void add_sample(json_t *families, const MetricLabel *labels, json_t *value) {
        json_t *object = json_object();

        for (size_t i = 0; labels && i < METRIC_LABELS_MAX && labels[i].name; i++)
                if (labels[i].value)
                        (void) json_object_set_new(object, labels[i].name, json_string(labels[i].value));
        json_array_append_new(json_object_get(json_array_get(families, json_array_size(families) - 1), "samples"),
                              json_pack("{s:o, s:o}", "labels", object, "value", value));
}

static void sample(MetricsWriter *w, const MetricFamily *family, const MetricLabel *labels, const char *text,
                   json_t *value) {
        bool first = w->family != family;

        w->family = family;
        if (w->out && first)
                put_head(w, family);
        if (w->out)
                put_sample(w, family, labels, text);
        if (w->json && first)
                add_family(w->json, family);
        if (w->json)
                add_sample(w->json, labels, json_incref(value));
        json_decref(value);
}

#define NUMBER_MAX 48

void metrics_uint(MetricsWriter *w, const MetricFamily *family, const MetricLabel *labels, uint64_t value) {
        char text[NUMBER_MAX];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        sample(w, family, labels, text, json_integer((json_int_t) MIN(value, (uint64_t) INT64_MAX)));
}

void metrics_real(MetricsWriter *w, const MetricFamily *family, const MetricLabel *labels, double value) {
        char text[NUMBER_MAX];

        (void) snprintf(text, sizeof(text), "%.10g", value);
        sample(w, family, labels, text, json_real(value));
}

void metrics_seconds(MetricsWriter *w, const MetricFamily *family, const MetricLabel *labels, uint64_t ns) {
        char text[NUMBER_MAX];

        (void) snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
        sample(w, family, labels, text, json_real((double) ns / (double) NSEC_PER_SEC));
}

void metrics_end(MetricsWriter *w) {
        if (w->out)
                (void) fputs("# EOF\n", w->out);
}

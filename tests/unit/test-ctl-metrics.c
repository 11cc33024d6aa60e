/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenMetrics text: heads, numbers, and labels with anything in them. */
#include "metrics.h"
#include "test-ctl.h"

static const MetricFamily bytes = {
        .name = "x_bytes", .type = METRIC_GAUGE, .unit = "bytes", .help = "A \"quoted\" \\ help\nof two lines.",
};
static const MetricFamily count = { .name = "y", .type = METRIC_COUNTER, .help = "Count." };

/* What one sample looks like, without its head. */
static char *written(const MetricFamily *family, const MetricLabel *labels, uint64_t value) {
        char *text = NULL, *last;
        size_t size;
        MetricsWriter w = { .out = open_memstream(&text, &size) };

        metrics_uint(&w, family, labels, value);
        ck_assert_int_eq(fclose(w.out), 0);
        last = strrchr(text, '#');
        last = strdup(strchr(last, '\n') + 1);
        free(text);
        return last;
}

START_TEST(labels_are_escaped) {
        static const struct {
                const char *value;
                const char *text;
        } rows[] = {
                { "web", "x_bytes{a=\"web\"} 7\n" },
                { "", "x_bytes{a=\"\"} 7\n" },
                { "q\"q", "x_bytes{a=\"q\\\"q\"} 7\n" },
                { "b\\b", "x_bytes{a=\"b\\\\b\"} 7\n" },
                { "\\n", "x_bytes{a=\"\\\\n\"} 7\n" },
                { "n\nn", "x_bytes{a=\"n\\nn\"} 7\n" },
                { "e\033[2Je\x7f", "x_bytes{a=\"e?[2Je?\"} 7\n" },
                { "} 1\nz 2", "x_bytes{a=\"} 1\\nz 2\"} 7\n" },
                { "a=\"b\",c", "x_bytes{a=\"a=\\\"b\\\",c\"} 7\n" },
                { "日本", "x_bytes{a=\"日本\"} 7\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const MetricLabel labels[METRIC_LABELS_MAX] = { { "a", rows[i].value } };
                _cleanup_free_ char *text = written(&bytes, labels, 7);

                ck_assert_str_eq(text, rows[i].text);
        }
}
END_TEST

START_TEST(labels_that_are_not_there) {
        const MetricLabel none[METRIC_LABELS_MAX] = { { "a", NULL } };
        const MetricLabel some[METRIC_LABELS_MAX] = { { "a", NULL }, { "b", "1" }, { "c", NULL }, { "d", "2" } };
        _cleanup_free_ char *a = written(&bytes, NULL, 0), *b = written(&bytes, none, 0), *c = written(&count, some, 0);

        ck_assert_str_eq(a, "x_bytes 0\n");
        ck_assert_str_eq(b, "x_bytes 0\n");
        ck_assert_str_eq(c, "y_total{b=\"1\",d=\"2\"} 0\n");
}
END_TEST

START_TEST(heads_and_numbers) {
        char *text = NULL;
        size_t size;
        MetricsWriter w = { .out = open_memstream(&text, &size) };

        metrics_uint(&w, &bytes, NULL, UINT64_MAX);
        metrics_real(&w, &bytes, NULL, 0.1);
        metrics_real(&w, &bytes, NULL, 1e-7);
        metrics_seconds(&w, &count, NULL, 1500000000);
        metrics_seconds(&w, &count, NULL, UINT64_C(1767225600000000001));
        metrics_end(&w);
        ck_assert_int_eq(fclose(w.out), 0);
        ck_assert_str_eq(text, "# TYPE x_bytes gauge\n# UNIT x_bytes bytes\n"
                               "# HELP x_bytes A \"quoted\" \\\\ help\\nof two lines.\n"
                               "x_bytes 18446744073709551615\nx_bytes 0.1\nx_bytes 1e-07\n"
                               "# TYPE y counter\n# HELP y Count.\ny_total 1.500000000\n"
                               "y_total 1767225600.000000001\n# EOF\n");
        free(text);
}
END_TEST

/* What the daemon does not say is not there; what it says wrongly does no harm. */
START_TEST(odd_replies) {
        static const char *const statuses[] = {
                "{}", "{\"context\":null,\"runtime\":null}", "{\"runtime\":{\"cpu_ns\":-1,\"clients\":\"x\",\"events\":[]}}",
                "{\"runtime\":{\"pressure\":{\"some_ns\":1}}}",
        };
        static const char *const monitors[] = {
                "{}", "{\"name\":7,\"runtime\":3}",
                "{\"name\":\"x\",\"runtime\":{\"targets\":[1],\"untrackable\":[{}],\"samples_hot\":1.5}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                for (size_t k = 0; k < ELEMENTSOF(monitors); k++) {
                        json_t *monitor = json_loads(monitors[k], 0, NULL);
                        MonitorMetrics one = {
                                .monitor = monitor,
                                .schemes = json_loads("[{}, 5, {\"name\":\"s\",\"runtime\":{\"goals\":[{}],\"errors\":[0],"
                                                      "\"outcomes\":{}}}]", 0, NULL),
                        };
                        Metrics metrics = { .status = json_loads(statuses[i], 0, NULL), .n_monitors = 1 };
                        char *text = NULL;
                        size_t size;
                        MetricsWriter w = { .out = open_memstream(&text, &size) };

                        metrics.monitors = calloc(1, sizeof(one));
                        metrics.monitors[0] = one;
                        ck_assert_int_eq(metrics_print(&metrics, &w), 0);
                        ck_assert_int_eq(fclose(w.out), 0);
                        ck_assert_str_eq(text + size - 6, "# EOF\n");
                        ck_assert_lacks(text, "clients ");
                        ck_assert_lacks(text, " -");
                        metrics_deinit(&metrics);
                        json_decref(monitor);
                        free(text);
                }
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("metrics");

        tcase_add_test(tcase, labels_are_escaped);
        tcase_add_test(tcase, labels_that_are_not_there);
        tcase_add_test(tcase, heads_and_numbers);
        tcase_add_test(tcase, odd_replies);
        return run_case("ctl-metrics", tcase);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a configuration file: accepted with a sound result, or refused with sound errors. */
#include <errno.h>

#include "base/macro.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of the program relies on. In a fuzz build an assertion is the finding. */
static void check_config(const Config *config) {
        assert(config->n_monitors > 0);
        for (size_t i = 0; i < config->n_monitors; i++) {
                const MonitorConfig *m = &config->monitors[i];

                assert(m->name && *m->name && m->source && m->policy);
                assert(m->n_targets > 0 || streq(m->source, "sim"));
                assert(monitor_attrs_validate(&m->attrs, NULL) == 0);
                for (size_t j = 0; j < m->n_targets; j++)
                        assert((m->targets[j].pid > 0) != (m->targets[j].command != NULL));
        }
}

static void check_errors(const ConfigErrors *errors) {
        assert(errors->n > 0 && errors->n <= CONFIG_ERRORS_MAX);
        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *e = &errors->errors[i];

                assert((e->line == 0) == (e->column == 0));
                assert(i == 0 || e[-1].line <= e->line);
                for (const char *p = e->text; *p; p++)
                        assert((unsigned char) *p >= 0x20 && *p != 0x7f);
        }
}

/* What was accepted can be written down, and means the same when it is read again. */
static void check_format(const Config *config) {
        const MonitorConfig **monitors = calloc(config->n_monitors, sizeof(MonitorConfig *));
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(config_freep) Config *again = NULL;
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; monitors && i < config->n_monitors; i++)
                monitors[i] = &config->monitors[i];
        assert(monitors && config_format(monitors, config->n_monitors, &text) == 0);
        free(monitors);
        /* written out in full, it may be longer than a file may be */
        if (strlen(text) > CONFIG_FILE_MAX)
                return;
        assert(config_parse(text, strlen(text), &again, &errors) == 0);
        assert(again->n_monitors == config->n_monitors);
        for (size_t i = 0; i < config->n_monitors; i++) {
                const MonitorConfig *a = &config->monitors[i], *b = &again->monitors[i];

                assert(monitor_config_equal(a, b) && a->n_schemes == b->n_schemes);
                for (size_t k = 0; k < a->n_schemes; k++)
                        assert(scheme_config_equal(&a->schemes[k], &b->schemes[k]));
        }
}

static void read_config(const char *text, size_t size) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(config_freep) Config *config = NULL;
        int r = config_parse(text, size, &config, &errors);

        assert(r == 0 || r == -EINVAL);
        assert((r == 0) == (config != NULL));
        if (r != 0) {
                check_errors(&errors);
                return;
        }
        check_config(config);
        check_format(config);
}

static void read_schemes(const char *text, size_t size) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        SchemeConfig *schemes = NULL;
        size_t n = 0;
        int r = config_parse_schemes(text, size, &schemes, &n, &errors);

        assert(r == 0 || r == -EINVAL);
        if (r != 0)
                check_errors(&errors);
        for (size_t i = 0; r == 0 && i < n; i++) {
                assert(scheme_config_validate(&schemes[i], NULL) == 0);
                scheme_config_deinit(&schemes[i]);
        }
        free(schemes);
}

static void change_scheme(const char *text, size_t size) {
        static const char base[] = "schemes: [{name: s, action: pageout, quotas: {sz: 1MiB, reset_interval: 1s}}]";
        _cleanup_(config_errors_deinit) ConfigErrors errors = {}, none = {};
        SchemeConfig *schemes = NULL, changed = {};
        size_t n;
        int r;

        r = config_parse_schemes(base, sizeof(base) - 1, &schemes, &n, &none);
        assert(r == 0 && n == 1);
        r = config_change_scheme(&schemes[0], text, size, &changed, &errors);
        assert(r == 0 || r == -EINVAL);
        if (r == 0) {
                assert(streq(changed.name, "s") && changed.action == ACTION_PAGEOUT);
                assert(scheme_config_validate(&changed, NULL) == 0);
                scheme_config_deinit(&changed);
        } else
                check_errors(&errors);
        scheme_config_deinit(&schemes[0]);
        free(schemes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        read_config((const char *) data, size);
        read_schemes((const char *) data, size);
        change_scheme((const char *) data, size);
        return 0;
}

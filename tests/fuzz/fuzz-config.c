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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(config_freep) Config *config = NULL;
        int r = config_parse((const char *) data, size, &config, &errors);

        assert(r == 0 || r == -EINVAL);
        assert((r == 0) == (config != NULL));
        if (r == 0)
                check_config(config);
        else
                check_errors(&errors);
        return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as udamond.conf: accepted with a sound result, or refused with errors that can be printed. */
#include <errno.h>

#include "base/macro.h"
#include "config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sound(const Settings *s) {
        assert(s->log_level <= 4);
        assert(s->cpu_limit >= 0 && s->cpu_limit <= 1);
        assert(s->connections > 0 && s->connections_per_user > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        Settings settings;
        int r;

        r = settings_init(&settings);
        assert(r == 0);
        r = settings_parse(&settings, (const char *) data, size, &errors);
        assert(r == 0 || r == -EINVAL);
        assert((r == 0) == (errors.n == 0));
        for (size_t i = 0; i < errors.n; i++)
                for (const char *p = errors.errors[i].text; *p; p++)
                        assert((unsigned char) *p >= 0x20 && *p != 0x7f);
        if (r == 0)
                check_sound(&settings);
        settings_deinit(&settings);
        return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes of a running monitor, as its configuration has them. */
#include <errno.h>

#include "engine-internal.h"

static ActingHost acting_host(Engine *e) {
        return (ActingHost) {
                .event = e->host.event,
                .roots = e->host.roots,
                .support = e->host.support,
                .monitor = e->config.name,
                .source = e->source->ops,
                .physical = monitor_config_is_physical(&e->config),
                .follower = &e->follower,
        };
}

int engine_start_acting(Engine *e, char **ret_error) {
        ActingHost host = acting_host(e);
        size_t bad;
        int r;

        r = acting_check(&host, e->config.schemes, e->config.n_schemes, &bad, ret_error);
        if (r == 0)
                r = acting_new(&host, &e->acting);
        if (r == 0)
                r = acting_configure(e->acting, e->config.schemes, e->config.n_schemes);
        return r;
}

int engine_check_schemes(Engine *e, const SchemeConfig *schemes, size_t n, size_t *ret_index, char **ret_error) {
        ActingHost host = acting_host(e);

        return acting_check(&host, schemes, n, ret_index, ret_error);
}

int engine_set_schemes(Engine *e, const SchemeConfig *schemes, size_t n, char **ret_error) {
        _cleanup_(monitor_config_deinit) MonitorConfig copy = {};
        MonitorConfig with = e->config;
        size_t bad;
        int r;

        r = engine_check_schemes(e, schemes, n, &bad, ret_error);
        if (r != 0)
                return r;

        with.schemes = (SchemeConfig *) schemes;
        with.n_schemes = n;
        r = monitor_config_copy(&with, &copy);
        if (r == 0)
                r = acting_configure(e->acting, schemes, n);
        if (r < 0)
                return r;

        /* the names that others borrow stay where they are */
        copy.schemes = TAKE_GENERIC(e->config.schemes, copy.schemes);
        copy.n_schemes = TAKE_GENERIC(e->config.n_schemes, n);
        return 0;
}

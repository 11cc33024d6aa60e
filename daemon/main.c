/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamond. */
#include "log.h"
#include "offline.h"
#include "service.h"

int main(int argc, char **argv) {
        _cleanup_(options_deinit) Options options = {};
        int r;

        log_open();
        r = options_parse(argc, argv, &options);
        if (r != 0)
                return r == OPTIONS_E_ANSWERED ? EXIT_OK : EXIT_USAGE;

        switch (options.mode) {
        case OPTIONS_CHECK:
                return offline_check(options.paths, options.n_paths);
        case OPTIONS_SIMULATE:
                return offline_simulate(options.paths[0]);
        case OPTIONS_RUN:
                break;
        }
        return service_run(&options);
}

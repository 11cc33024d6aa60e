/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of udamond. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/parse.h"
#include "log.h"
#include "manager.h"
#include "state.h"

static void help(void) {
        (void) printf("Usage: udamond [OPTIONS]\n"
                      "       udamond --check FILE...\n\n"
                      "Watches which memory of running programs is in use, and answers on a varlink socket.\n\n"
                      "  -c, --config FILE       start the monitors of this YAML file (udamon.yaml(5))\n"
                      "  -s, --socket PATH       listen here instead of %s\n"
                      "      --connection-fd N   serve this connected socket and exit when it closes; with\n"
                      "                          several of them, when the first one does\n"
                      "      --check FILE...     check configurations: every error with line and column\n"
                      "      --simulate FILE     what the schemes of this file would have done over the snapshots on\n"
                      "                          standard input (for `udamonctl simulate`)\n"
                      "      --cpu-limit SHARE   what monitoring may take of one CPU, such as 1%% or 0.2%%; or none\n"
                      "      --state-directory DIR  keep statistics of schemes and tuned quotas here; or none\n"
                      "      --state-interval TIME  save them so often (default 10s)\n"
                      "  -l, --log-level LEVEL   error, warning, notice, info (default) or debug\n"
                      "  -h, --help              this text\n"
                      "      --version           the version\n\n"
                      "Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 wrong configuration.\n"
                      "Talk to it with udamonctl(1).\n",
                      SOCKET_DEFAULT);
}

static int parse_level(const char *s) {
        static const struct {
                const char *name;
                int level;
        } levels[] = {
                { "error", LOG_ERR },   { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
                { "info", LOG_INFO },   { "debug", LOG_DEBUG },
        };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (streq(levels[i].name, s))
                        return levels[i].level;
        return -EINVAL;
}

static int parse_cpu_limit(const char *s, Options *options) {
        double share = 0;

        if (!streq(s, "none") && (parse_share(s, &share) != 0 || share < 0.0001)) {
                log_error("--cpu-limit: '%s' is neither a share of a CPU from 0.01%% up (such as 1%%) nor none", s);
                return -EINVAL;
        }
        options->cpu_limit = share;
        return 0;
}

static int parse_state_interval(const char *s, Options *options) {
        nsec_t interval;

        if (parse_duration(s, &interval) != 0 || interval < STATE_INTERVAL_MIN || interval > 60 * NSEC_PER_MINUTE) {
                log_error("--state-interval: '%s' is no time from 10ms to 1h", s);
                return -EINVAL;
        }
        options->state_interval = interval;
        return 0;
}

static int parse_fd(const char *s, Options *options) {
        uint64_t fd;

        if (parse_u64(s, &fd) != 0 || fd < 3 || fd > 65535) {
                log_error("--connection-fd: '%s' is no descriptor from 3 up", s);
                return -EINVAL;
        }
        if (options->n_connection_fds == CONNECTION_FDS_MAX) {
                log_error("--connection-fd: at most %d connections", CONNECTION_FDS_MAX);
                return -EINVAL;
        }
        options->connection_fds[options->n_connection_fds++] = (int) fd;
        return 0;
}

static int add_path(Options *options, OptionsMode mode, const char *path) {
        options->mode = mode;
        options->paths[options->n_paths++] = path;
        return 0;
}

enum {
        OPTION_CONNECTION_FD = 256,
        OPTION_CHECK,
        OPTION_SIMULATE,
        OPTION_CPU_LIMIT,
        OPTION_STATE_DIRECTORY,
        OPTION_STATE_INTERVAL,
        OPTION_VERSION,
};

static int parse_option(int option, Options *options) {
        switch (option) {
        case 'c':
                return add_path(options, options->mode, optarg);
        case 's':
                options->socket = optarg;
                return 0;
        case 'l':
                if (parse_level(optarg) < 0) {
                        log_error("--log-level: '%s' is none of error, warning, notice, info, debug", optarg);
                        return -EINVAL;
                }
                log_set_level(parse_level(optarg));
                return 0;
        case OPTION_CPU_LIMIT:
                return parse_cpu_limit(optarg, options);
        case OPTION_STATE_DIRECTORY:
                options->state_directory = optarg;
                return 0;
        case OPTION_STATE_INTERVAL:
                return parse_state_interval(optarg, options);
        case OPTION_CONNECTION_FD:
                return parse_fd(optarg, options);
        case OPTION_CHECK:
                return add_path(options, OPTIONS_CHECK, optarg);
        case OPTION_SIMULATE:
                return add_path(options, OPTIONS_SIMULATE, optarg);
        case OPTION_VERSION:
                (void) printf("udamond %s\n", UDAMON_VERSION);
                return OPTIONS_E_ANSWERED;
        case 'h':
                help();
                return OPTIONS_E_ANSWERED;
        }
        (void) fprintf(stderr, "Try 'udamond --help'.\n");
        return -EINVAL;
}

static int read_vector(int argc, char **argv, Options *options) {
        static const struct option known[] = {
                { "config", required_argument, NULL, 'c' },
                { "socket", required_argument, NULL, 's' },
                { "log-level", required_argument, NULL, 'l' },
                { "connection-fd", required_argument, NULL, OPTION_CONNECTION_FD },
                { "check", required_argument, NULL, OPTION_CHECK },
                { "simulate", required_argument, NULL, OPTION_SIMULATE },
                { "cpu-limit", required_argument, NULL, OPTION_CPU_LIMIT },
                { "state-directory", required_argument, NULL, OPTION_STATE_DIRECTORY },
                { "state-interval", required_argument, NULL, OPTION_STATE_INTERVAL },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "c:s:l:h", known, NULL)) >= 0) {
                r = parse_option(option, options);
                if (r != 0)
                        return r;
        }
        for (; optind < argc && options->mode == OPTIONS_CHECK; optind++)
                (void) add_path(options, OPTIONS_CHECK, argv[optind]);
        if (optind < argc) {
                log_error("'%s' is no option; try 'udamond --help'", argv[optind]);
                return -EINVAL;
        }
        return 0;
}

int options_parse(int argc, char **argv, Options *ret) {
        _cleanup_(options_deinit) Options options = {
                .cpu_limit = CPU_LIMIT_DEFAULT,
                .state_interval = STATE_INTERVAL_DEFAULT,
        };
        int r;

        /* every argument can be one path at most */
        options.paths = calloc((size_t) argc, sizeof(*options.paths));
        if (!options.paths)
                return -ENOMEM;
        r = read_vector(argc, argv, &options);
        if (r == 0)
                *ret = TAKE_GENERIC(options, (Options) {});
        return r;
}

void options_deinit(Options *options) {
        free(options->paths);
        *options = (Options) {};
}

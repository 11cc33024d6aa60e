/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of udamond. */
#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/error.h"
#include "base/parse.h"
#include "config/settings.h"
#include "log.h"
#include "state.h"

static void help(void) {
        (void) printf("Usage: udamond [OPTIONS]\n"
                      "       udamond --check [PATH...]\n\n"
                      "Watches which memory of running programs is in use, and answers on a varlink socket.\n\n"
                      "  -c, --config PATH       read this instead of what is in /etc/udamon: a file of monitors\n"
                      "                          (udamon.yaml(5)), one of settings if its name ends in .conf\n"
                      "                          (udamond.conf(5)), or a directory of both; may be repeated; or none\n"
                      "  -s, --socket PATH       listen here instead of %s\n"
                      "      --connection-fd N   serve this connected socket and exit when it closes; with\n"
                      "                          several of them, when the first one does\n"
                      "      --check [PATH...]   check configurations, without PATH that in /etc/udamon: every error\n"
                      "                          with line and column\n"
                      "      --simulate FILE     what the schemes of this file would have done over the snapshots on\n"
                      "                          standard input (for `udamonctl simulate`)\n"
                      "      --cpu-limit SHARE   what monitoring may take of one CPU, such as 0.2%%, or none;\n"
                      "                          default 1%%\n"
                      "      --observe           look only: all schemes are dry runs\n"
                      "      --state-directory DIR  keep statistics of schemes and tuned quotas here; or none\n"
                      "      --state-interval TIME  save them so often (default 10s)\n"
                      "  -l, --log-level LEVEL   error, warning, notice, info (default) or debug\n"
                      "  -h, --help              this text\n"
                      "      --version           the version\n\n"
                      "Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 wrong configuration.\n"
                      "Talk to it with udamonctl(1).\n",
                      SOCKET_DEFAULT);
}

/* As udamond.conf would have it. */
static int check_setting(const char *option, const char *key, const char *value, Settings *scratch) {
        _cleanup_free_ char *reason = NULL;
        int r;

        r = settings_set(scratch, key, value, &reason);
        if (r < 0)
                log_error("--%s: %s", option, reason ?: error_text(r));
        return r;
}

static int check_settings(const Options *options) {
        _cleanup_(settings_deinit) Settings scratch = {};
        int r;

        r = settings_init(&scratch);
        if (r == 0 && options->log_level) {
                r = check_setting("log-level", "log_level", options->log_level, &scratch);
                if (r == 0)
                        log_set_level(LOG_ERR + (int) scratch.log_level);
        }
        if (r == 0 && options->cpu_limit)
                r = check_setting("cpu-limit", "cpu_limit", options->cpu_limit, &scratch);
        return r;
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
        OPTION_OBSERVE,
        OPTION_STATE_DIRECTORY,
        OPTION_STATE_INTERVAL,
        OPTION_VERSION,
};

static int parse_option(int option, Options *options) {
        switch (option) {
        case 'c':
                options->no_config = streq(optarg, "none");
                return options->no_config ? 0 : add_path(options, options->mode, optarg);
        case 's':
                options->socket = optarg;
                return 0;
        case 'l':
                options->log_level = optarg;
                return 0;
        case OPTION_CPU_LIMIT:
                options->cpu_limit = optarg;
                return 0;
        case OPTION_OBSERVE:
                options->observe = true;
                return 0;
        case OPTION_STATE_DIRECTORY:
                options->state_directory = optarg;
                return 0;
        case OPTION_STATE_INTERVAL:
                return parse_state_interval(optarg, options);
        case OPTION_CONNECTION_FD:
                return parse_fd(optarg, options);
        case OPTION_CHECK:
                options->mode = OPTIONS_CHECK;
                return optarg ? add_path(options, OPTIONS_CHECK, optarg) : 0;
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
                { "check", optional_argument, NULL, OPTION_CHECK },
                { "simulate", required_argument, NULL, OPTION_SIMULATE },
                { "cpu-limit", required_argument, NULL, OPTION_CPU_LIMIT },
                { "observe", no_argument, NULL, OPTION_OBSERVE },
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
                .state_interval = STATE_INTERVAL_DEFAULT,
        };
        int r;

        /* every argument can be one path at most */
        options.paths = calloc((size_t) argc, sizeof(*options.paths));
        if (!options.paths)
                return -ENOMEM;
        r = read_vector(argc, argv, &options);
        if (r == 0)
                r = check_settings(&options);
        if (r == 0)
                *ret = TAKE_GENERIC(options, (Options) {});
        return r;
}

void options_deinit(Options *options) {
        free(options->paths);
        *options = (Options) {};
}

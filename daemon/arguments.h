/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of udamond. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#define SOCKET_DEFAULT "/run/udamon/io.udamon.monitor"

/* Documented in udamond(8). */
enum {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_CONFIG = 3,
};

typedef enum OptionsMode {
        OPTIONS_RUN,
        OPTIONS_CHECK,
        OPTIONS_SIMULATE,
} OptionsMode;

#define CONNECTION_FDS_MAX 4

/* Texts are borrowed from the argument vector. */
typedef struct Options {
        OptionsMode mode;
        const char **paths; /* configurations, in the order given */
        size_t n_paths;
        bool no_config; /* nor from the usual places */
        const char *socket; /* NULL: the usual one */
        int connection_fds[CONNECTION_FDS_MAX];
        size_t n_connection_fds;
        const char *log_level; /* both checked; NULL: as udamond.conf says */
        const char *cpu_limit;
        bool observe; /* no scheme acts */
        const char *state_directory; /* NULL: the usual one; "none" */
        nsec_t state_interval;
} Options;

enum {
        OPTIONS_E_ANSWERED = 1, /* --help or --version: all has been said */
};

/* Logs what is wrong, and sets the level of the log. 0, OPTIONS_E_ANSWERED or -EINVAL. */
int options_parse(int argc, char **argv, Options *ret);

void options_deinit(Options *options);

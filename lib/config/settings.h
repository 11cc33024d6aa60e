/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What udamond.conf says about the process: the socket, the log, who may do what, limits. */
#pragma once

#include <stdio.h>

#include "base/clock.h"
#include "config/config.h"

typedef struct Settings {
        /* [daemon] */
        char *socket;          /* NULL: inherited, or the usual one */
        char *monitors;        /* file or directory; NULL: the usual directories */
        unsigned log_level;    /* 0 (error) to 4 (debug) */
        char *state_directory; /* NULL: none */
        double cpu_limit;      /* share of one CPU; 0: none */

        /* [access] */
        char *read_group;
        char *admin_group;

        /* [limits] */
        uint32_t connections;
        uint32_t connections_per_user;
        uint32_t streams_per_user;
        uint64_t output;
        uint64_t unfinished; /* ns */
        uint64_t unread;     /* ns */
} Settings;

/* Defaults of [limits]. */
#define SETTINGS_CONNECTIONS 128
#define SETTINGS_CONNECTIONS_PER_USER 16
#define SETTINGS_STREAMS_PER_USER 8
#define SETTINGS_OUTPUT (UINT64_C(4) << 20)
#define SETTINGS_UNFINISHED (10 * NSEC_PER_SEC)
#define SETTINGS_UNREAD (30 * NSEC_PER_SEC)

/* Takes the defaults. 0 or -ENOMEM, then *settings is empty. */
int settings_init(Settings *settings);
void settings_deinit(Settings *settings);

/* Reads a text over what is there already: what it does not mention stays. 0; -EINVAL with errors added; -ENOMEM. */
int settings_parse(Settings *settings, const char *text, size_t size, ConfigErrors *errors);

/* Sets one key as a file would. 0; -EINVAL with the reason, which begins with the key; -ENOMEM. */
int settings_set(Settings *settings, const char *key, const char *value, char **ret_error);

/* Keys whose values differ, and that only count when the process starts. At most n; how many there are. */
size_t settings_fixed_differences(const Settings *a, const Settings *b, const char **keys, size_t n);

/* The manual's reference section. 0 or -ENOMEM. */
int settings_print_roff(FILE *out);

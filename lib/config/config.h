/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validated, immutable configuration: what a YAML file says, defaults filled in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "monitor/attrs.h"

typedef struct TargetConfig {
        pid_t pid;      /* 0: by command */
        char *command;  /* NULL: by pid */
        bool children;
} TargetConfig;

typedef struct MonitorConfig {
        char *name;
        char *source; /* "auto", "idle", "softdirty", "referenced", "sim" */
        char *policy; /* "classic" */
        TargetConfig *targets;
        size_t n_targets;
        MonitorAttrs attrs;
        char *sim_pattern; /* path, or NULL for the built-in pattern */
        uint64_t seed;     /* 0: drawn at start */
} MonitorConfig;

typedef struct Config {
        MonitorConfig *monitors;
        size_t n_monitors;
} Config;

/* One thing wrong, at its place. */
typedef struct ConfigError {
        unsigned line;   /* from 1; 0 where none applies */
        unsigned column; /* from 1, in characters */
        char *text;      /* "unknown key 'intervall' in 'intervals' (did you mean 'interval'?)" */
} ConfigError;

typedef struct ConfigErrors {
        ConfigError *errors; /* in file order, at most CONFIG_ERRORS_MAX */
        size_t n;
        size_t n_more; /* found beyond that */
} ConfigErrors;

#define CONFIG_ERRORS_MAX 20
#define CONFIG_FILE_MAX (256 * 1024)

/* Parses and validates the text of one file. 0; -EINVAL with errors filled; -ENOMEM. */
int config_parse(const char *text, size_t size, Config **ret, ConfigErrors *errors);

/* The same from a file; a file that cannot be read is one error without a line. */
int config_load(const char *path, Config **ret, ConfigErrors *errors);

Config *config_free(Config *config);
void config_errors_deinit(ConfigErrors *errors);

/* Takes one monitor's defaults; name, source and policy are allocated. */
int monitor_config_init(MonitorConfig *monitor, const char *name);
void monitor_config_deinit(MonitorConfig *monitor);

static inline void config_freep(Config **config) {
        *config = config_free(*config);
}

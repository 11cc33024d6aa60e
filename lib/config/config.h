/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validated, immutable configuration: what a YAML file says, defaults filled in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"
#include "base/macro.h"
#include "monitor/attrs.h"
#include "scheme/scheme.h"

#define TARGET_NO_NODE UINT32_MAX

/* A pid alone, or what a process must be, all of it: then every one that is, now and later. Or physical memory. */
typedef struct TargetConfig {
        pid_t pid;        /* 0: any */
        char *command;    /* a name or a glob (fnmatch); NULL: any */
        char *cgroup;     /* a path, see target_cgroup_path(); NULL: any */
        char *unit;       /* a name or a glob, as systemctl shows it; NULL: any */
        char *user;       /* a name or a number; NULL: any */
        uint64_t min_rss; /* bytes */
        bool children;    /* of what a pid or a command names */
        uint32_t node;    /* of ops paddr: the memory of this NUMA node; TARGET_NO_NODE: not by node */
        Range *ranges;    /* … or these physical addresses, in bytes; ascending, disjoint */
        size_t n_ranges;
} TargetConfig;

typedef struct MonitorConfig {
        unsigned file; /* of a configuration of several (load.h): from 1; 0: none */
        char *name;
        char *ops;    /* "vaddr", "paddr" */
        char *source; /* "auto", "idle", "softdirty", "referenced", "sim" */
        char *policy; /* "directed" */
        TargetConfig *targets;
        size_t n_targets;
        MonitorAttrs attrs;
        char *sim_pattern; /* path, or NULL for the built-in pattern */
        uint64_t seed;     /* 0: drawn at start */
        SchemeConfig *schemes;
        size_t n_schemes;
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
        unsigned file;   /* from 1, in the order in which they were read; 0: a text that is none */
} ConfigError;

typedef struct ConfigErrors {
        ConfigError *errors; /* in the order of files and lines, at most CONFIG_ERRORS_MAX */
        size_t n;
        size_t n_more; /* found beyond that */
        char **files;
        unsigned n_files;
        unsigned at; /* the file that is being read */
} ConfigErrors;

#define CONFIG_ERRORS_MAX 20
#define CONFIG_FILE_MAX (256 * 1024)

/* Parses and validates the text of one file. 0; -EINVAL with errors filled; -ENOMEM. */
int config_parse(const char *text, size_t size, Config **ret, ConfigErrors *errors);

/* The text of a file of at most CONFIG_FILE_MAX bytes. A file that cannot be read is one error without a line.
 * 0, -EINVAL or -ENOMEM. */
int config_read_file(const char *path, Buffer *ret, ConfigErrors *errors);

/* Both. */
int config_load(const char *path, Config **ret, ConfigErrors *errors);

/* The schemes of a text: either a document whose one key is `schemes`, or a whole configuration with exactly
 * one monitor, of which the schemes are taken. *ret is owned by the caller (scheme_config_deinit() each, and
 * free()). Returns like config_parse(). */
int config_parse_schemes(const char *text, size_t size, SchemeConfig **ret, size_t *ret_n, ConfigErrors *errors);

/* Changes a scheme: a text such as "{dry_run: true, quotas: {sz: 64MiB}}" is read over a copy of it; what is not
 * mentioned stays, lists are replaced whole. The name and the action cannot be changed. Returns like
 * config_parse(). */
int config_change_scheme(const SchemeConfig *scheme, const char *text, size_t size, SchemeConfig *ret,
                         ConfigErrors *errors);

/* The whole configuration as a file would say it, defaults included: what comes out can be read again and
 * means the same. Allocated. 0 or -ENOMEM. */
int config_format(const MonitorConfig *const *monitors, size_t n, char **ret);
int config_format_scheme(const SchemeConfig *scheme, char **ret);

Config *config_free(Config *config);
void config_errors_deinit(ConfigErrors *errors);

/* The path of the file that an error is in; NULL: a text that is none. */
const char *config_error_file(const ConfigErrors *errors, const ConfigError *error);

/* Whether it watches physical memory. */
bool monitor_config_is_physical(const MonitorConfig *monitor);

/* Takes one monitor's defaults; name, ops, source and policy are allocated. */
int monitor_config_init(MonitorConfig *monitor, const char *name);
void monitor_config_deinit(MonitorConfig *monitor);

/* The rules of one entry as a whole, wherever it comes from. -EINVAL with the reason. */
int target_config_validate(const TargetConfig *target, char **ret_error);

void target_config_deinit(TargetConfig *target);
int target_config_copy(const TargetConfig *target, TargetConfig *ret);
bool target_config_equal(const TargetConfig *a, const TargetConfig *b);

/* A cgroup's path below the root of the hierarchy, "/" for that itself, of a path with or without /sys/fs/cgroup. */
const char *target_cgroup_path(const char *cgroup);

/* Whether it is more than a plain name. */
bool target_is_glob(const char *text);

/* "pid 1234", "unit db.service, min_rss 100MiB" … Allocated; NULL: out of memory. */
char *target_config_text(const TargetConfig *target);

/* A deep copy. 0 or -ENOMEM (then *ret is empty). */
int monitor_config_copy(const MonitorConfig *monitor, MonitorConfig *ret);

/* Whether they mean the same, the schemes left out. */
bool monitor_config_equal(const MonitorConfig *a, const MonitorConfig *b);

static inline void config_freep(Config **config) {
        *config = config_free(*config);
}

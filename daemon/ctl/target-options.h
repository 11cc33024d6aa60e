/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets that are not a single process: --command, --cgroup, --unit, --user, and several of these in --target. */
#pragma once

#include <jansson.h>

#include "options.h"

/* Setters (options.c). */
int set_command(void *field, const char *value, char **ret_error);
int set_cgroup(void *field, const char *value, char **ret_error);
int set_unit(void *field, const char *value, char **ret_error);
int set_user(void *field, const char *value, char **ret_error);
int set_target(void *field, const char *value, char **ret_error);

/* All targets as the interface has them. NULL: out of memory. */
json_t *targets_json(const MonitorOptions *options);

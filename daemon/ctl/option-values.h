/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Setters of option values: each takes the field (or the MonitorOptions that holds several), the
 * text and a place for the reason. 0, -EINVAL or -ENOMEM. */
#pragma once

/* All that a value of this name (as the help has it) can be, up to NULL; or NULL: it can be much. */
const char *const *option_choices(const char *value);

int set_flag(void *field, const char *value, char **ret_error);
int set_string(void *field, const char *value, char **ret_error);
int set_scheme_file(void *field, const char *value, char **ret_error); /* once only */
/* NULL: the usual interval. */
int set_watch(void *field, const char *value, char **ret_error);
int set_time(void *field, const char *value, char **ret_error);
int set_cpu_limit(void *field, const char *value, char **ret_error);
int set_size(void *field, const char *value, char **ret_error);
int set_count(void *field, const char *value, char **ret_error);
int set_width(void *field, const char *value, char **ret_error);
int set_color(void *field, const char *value, char **ret_error);
int set_sort(void *field, const char *value, char **ret_error);
int set_source(void *field, const char *value, char **ret_error);
int set_policy(void *field, const char *value, char **ret_error);
int set_rate_range(void *field, const char *value, char **ret_error);
int set_age_range(void *field, const char *value, char **ret_error);

/* Fields of Arguments that come with a has_ flag. */
int set_top(void *field, const char *value, char **ret_error);
int set_snapshot(void *field, const char *value, char **ret_error);

/* Fields of MonitorOptions. */
int set_pid(void *field, const char *value, char **ret_error);
int set_intervals(void *field, const char *value, char **ret_error);
int set_regions(void *field, const char *value, char **ret_error);
int set_seed(void *field, const char *value, char **ret_error);

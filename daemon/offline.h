/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What udamond does without being a daemon: check a configuration, simulate schemes. */
#pragma once

#include "config/config.h"
#include "arguments.h"

/* One line each to standard error. */
void print_config_errors(const ConfigErrors *errors);

/* Both return an exit status. */
int offline_check(const char *const *paths, size_t n); /* all of them; none: the usual places */
int offline_simulate(const char *file);

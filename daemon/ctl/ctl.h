/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole client as a function, which tests can call. */
#pragma once

#include "options.h"

/* Returns the exit status. */
int ctl_main(int argc, char **argv);

/* The i-th verb's name, and what it does; NULL beyond the last. */
const char *ctl_verb_name(size_t i, Verb *ret_verb, const char **ret_purpose);

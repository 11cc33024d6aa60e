/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting what is wrong with a configuration: sorted by place, bounded, safe to print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* What is reported from now on is in this file, behind all that was reported before. 0 or -ENOMEM. */
int config_errors_begin(ConfigErrors *errors, const char *path);

/* The same for a file that was begun before, by its number; 0: none in particular. */
void config_errors_resume(ConfigErrors *errors, unsigned file);

/* Whether an error at this place would be kept, or only counted: worth asking before working on a
 * helpful text. */
bool config_errors_wants(const ConfigErrors *errors, unsigned line, unsigned column);

/* Adds an error behind those at the same or an earlier place. 0 or -ENOMEM. */
int config_errors_addf(ConfigErrors *errors, unsigned line, unsigned column, const char *format,
                       ...) _printf_(4, 5);

/* All errors reported so far, kept or only counted. */
size_t config_errors_count(const ConfigErrors *errors);

/* The length of the UTF-8 sequence at s (which is not at the end of the text), and its code point. */
size_t code_point(const char *s, uint32_t *ret);

#define EXCERPT_MAX 64

/* What the file says, for an error text: cut to a readable length, and without anything that could
 * steer a terminal or forge a second line in a log. Returns buf. */
char *excerpt(char buf[static EXCERPT_MAX], const char *text);

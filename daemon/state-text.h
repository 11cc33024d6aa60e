/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the saved state reads:
 *
 *         udamon-state 1 CHECKSUM
 *         {"boot": …, "monitors": [{"name": …, "schemes": [{"name": …, "action": …, "yaml": …, "stats": …, …}]}]}
 *
 * The checksum is the 64-bit FNV-1a hash of everything behind its line. */
#pragma once

#include <jansson.h>

#include "scheme/memory.h"

#define STATE_VERSION 1

enum {
        STATE_E_REFUSED = 1, /* damaged, of a newer version, or something else */
};

/* The whole text of a state; owned by the caller. NULL without memory. */
char *state_text_format(const json_t *state);

/* 0 with an object (a new reference) whose "monitors" is an array of objects with a name, STATE_E_REFUSED with the
 * reason, or -ENOMEM. */
int state_text_parse(const char *text, size_t size, json_t **ret, char **ret_error);

/* What one scheme knows. NULL without memory. */
json_t *state_text_scheme(const SchemeView *view);

/* What is missing or of the wrong type counts as 0. */
void state_text_read_scheme(const json_t *scheme, SchemeMemory *ret);

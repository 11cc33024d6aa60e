/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entry of `targets` may say: its table, and its rules one by one for those who have it from elsewhere. */
#pragma once

#include "config/schema.h"

extern const SchemaMap target_map;

/* Rules for the list: nothing is named twice. Reports what it finds. 0 or -ENOMEM. */
int check_targets(const YamlNode *list, const TargetConfig *targets, size_t n, ConfigErrors *errors);

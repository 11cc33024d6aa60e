/* SPDX-License-Identifier: GPL-2.0-or-later */
/* StartMonitor's parameters: their table, and the configuration they make. */
#pragma once

#include "config/config.h"
#include "control.h"

extern const Field request_start_fields[];
extern const Field request_name_fields[];          /* name: string */
extern const Field request_optional_name_fields[]; /* name: ?string */

enum {
        REQUEST_E_INVALID = 1, /* *ret_field names the parameter */
        REQUEST_E_CONFIG = 2,  /* what is wrong with the schemes is in the errors */
};

/* Parameters that the table accepted → configuration (defaults filled in, name NULL where none was
 * given). 0, REQUEST_E_INVALID with the field (static) and the reason, REQUEST_E_CONFIG, or -ENOMEM. */
int request_start(const json_t *parameters, MonitorConfig *ret, const char **ret_field, char **ret_error,
                  ConfigErrors *errors);

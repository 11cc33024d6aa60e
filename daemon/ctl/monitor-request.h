/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking a daemon to start a monitor. */
#pragma once

#include <jansson.h>

#include "connect.h"
#include "options.h"

/* Calls StartMonitor. *ret is the reply (name, monitor). An ExitStatus (told) or a negative error
 * number. */
int monitor_request(Connection *connection, const MonitorOptions *options, json_t **ret);

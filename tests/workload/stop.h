/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGTERM and SIGINT end a run early, but in order: the truth log is still completed. */
#pragma once

#include <stdbool.h>

void stop_install(void);
bool stop_requested(void);

/* Dies of the signal that asked to stop, so that the parent sees why; returns if there was none. */
void stop_die(void);

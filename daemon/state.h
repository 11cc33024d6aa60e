/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What survives a restart: statistics of schemes, and what their goals found. Only for monitors of the configuration
 * file; what was started by hand does not come back. */
#pragma once

#include "manager.h"

#define STATE_INTERVAL_DEFAULT (10 * NSEC_PER_SEC)
#define STATE_INTERVAL_MIN (10 * NSEC_PER_MSEC)
#define STATE_DIRECTORY_DEFAULT "/var/lib/udamon"

/* Reads what there is, and saves from now on, when something has changed, so often. What cannot be read or saved is an
 * event, and never keeps the daemon from starting. 0 or -ENOMEM. */
int state_open(Manager *manager, const char *directory, nsec_t interval, State **ret);

/* Saves a last time. Accepts NULL, returns NULL. Engines must still be there. */
State *state_close(State *state);

/* A monitor of the file has just started: its schemes get back what was saved of them. */
void state_restore(State *state, Engine *engine);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as a process: set up, event loop, signals, end. */
#pragma once

#include "arguments.h"

/* Runs until it is told to end. Returns an exit status. */
int service_run(const Options *options);

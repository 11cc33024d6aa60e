/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The idle times of the whole machine. */
#pragma once

#include "options.h"

/* `idle --system`. An ExitStatus (told), or a negative error number. */
int verb_idle_system(const Arguments *args);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a process may go to swap. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"

/* Bytes that the cgroups which a process is in still let it have in swap: the least of all of them up to the root
 * (memory.swap.max less memory.swap.current). UINT64_MAX: no limit, or none that can be seen (no unified hierarchy, no
 * such controller). Pages may be charged to another cgroup than the one that their process is in now. */
uint64_t swap_room_of_cgroups(const RootFds *roots, pid_t pid);

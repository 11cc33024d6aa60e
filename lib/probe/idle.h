/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `idle`: page-exact, reads and writes, by idle page tracking
 * (Documentation/admin-guide/mm/idle_page_tracking.rst). */
#pragma once

#include "base/file.h"
#include "kernel/io.h"
#include "monitor/ops.h"

/* Opens the bitmap and kpageflags. roots and io are borrowed and must outlive the source.
 * 0, or -errno with the reason. */
int idle_source_new(const RootFds *roots, const KernelIo *io, Source **ret, char **ret_error);

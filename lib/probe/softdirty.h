/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `softdirty`: page-exact, writes only, by soft-dirty bits
 * (Documentation/admin-guide/mm/soft-dirty.rst). */
#pragma once

#include "base/file.h"
#include "monitor/ops.h"

/* roots are borrowed and must outlive the source. 0, or -errno with the reason. */
int softdirty_source_new(const RootFds *roots, Source **ret, char **ret_error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sources by name. */
#include <errno.h>

#include "base/error.h"
#include "base/macro.h"
#include "kernel/io.h"
#include "probe/caps.h"
#include "probe/idle.h"
#include "probe/referenced.h"
#include "probe/sim.h"
#include "probe/softdirty.h"

static const char *const source_names[_SOURCE_KIND_MAX] = {
        [SOURCE_IDLE] = "idle",
        [SOURCE_SOFTDIRTY] = "softdirty",
        [SOURCE_REFERENCED] = "referenced",
        [SOURCE_SIM] = "sim",
};

const char *source_kind_name(SourceKind kind) {
        assert(kind < _SOURCE_KIND_MAX);
        return source_names[kind];
}

int source_kind_from_name(const char *name) {
        for (int kind = 0; kind < _SOURCE_KIND_MAX; kind++)
                if (streq(name, source_names[kind]))
                        return kind;
        return -EINVAL;
}

int source_new(SourceKind kind, const RootFds *roots, const char *pattern, Source **ret,
               char **ret_error) {
        switch (kind) {
        case SOURCE_IDLE:
                return idle_source_new(roots, &KERNEL_IO_REAL, ret, ret_error);
        case SOURCE_SOFTDIRTY:
                return softdirty_source_new(roots, ret, ret_error);
        case SOURCE_REFERENCED:
                return referenced_source_new(roots, ret, ret_error);
        case SOURCE_SIM:
                return sim_source_new(pattern, ret, ret_error);
        default:
                return error_setf(ret_error, -EINVAL, "no such source");
        }
}

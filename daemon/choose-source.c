/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Choosing the source of a monitor. */
#include "choose-source.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "engine.h"
#include "probe/paddr.h"

/* Pattern files are small; anything larger is not one. */
#define PATTERN_MAX ((size_t) 1024 * 1024)

static int choose_kind(const Capabilities *caps, SourceKind best, const char *wanted, ChosenSource *chosen,
                       char **ret_error) {
        const SourceFinding *finding;
        bool automatic = streq(wanted, "auto");
        int kind = automatic ? (int) best : source_kind_from_name(wanted);

        if (kind < 0)
                return error_setf(ret_error, ENGINE_E_SOURCE, "there is no source '%s'", wanted);

        finding = &caps->sources[kind];
        if (!finding->usable)
                return error_setf(ret_error, ENGINE_E_SOURCE, "%s", finding->reason);

        chosen->kind = (SourceKind) kind;
        return asprintf(&chosen->reason, "%s: %s", automatic ? "chosen automatically" : "asked for",
                        finding->reason) < 0
                       ? -ENOMEM
                       : 0;
}

static int read_pattern(const char *path, Buffer *buffer, char **ret_error) {
        int r = read_whole_at(-1, path, PATTERN_MAX, buffer);

        if (r < 0)
                return error_setf(ret_error, ENGINE_E_SOURCE, "cannot read the pattern %s: %s", path, error_text(r));
        return 0;
}

int source_choose(const Capabilities *caps, const RootFds *roots, const MonitorConfig *config, ChosenSource *ret,
                  char **ret_error) {
        _cleanup_(chosen_source_deinit) ChosenSource chosen = {};
        _cleanup_(buffer_deinit) Buffer pattern = {};
        _cleanup_free_ char *reason = NULL;
        const char *path = config->sim_pattern;
        bool physical = monitor_config_is_physical(config);
        int r;

        r = choose_kind(caps, physical ? SOURCE_IDLE : caps->best, config->source, &chosen, ret_error);
        if (r == 0 && physical && chosen.kind != SOURCE_IDLE)
                r = error_setf(ret_error, ENGINE_E_SOURCE,
                               "physical memory can only be watched by the source idle");
        if (r == 0 && path)
                r = read_pattern(path, &pattern, ret_error);
        if (r != 0)
                return r;

        r = physical ? paddr_source_new(roots, &KERNEL_IO_REAL, &chosen.source, &reason)
                     : source_new(chosen.kind, roots, path ? pattern.data : NULL, &chosen.source, &reason);
        if (r < 0)
                return error_setf(ret_error, ENGINE_E_SOURCE, "%s%s%s", path ?: "", path ? ": " : "",
                                  reason ?: error_text(r));
        r = capabilities_warnings(caps, chosen.kind, &chosen.warnings);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(chosen, (ChosenSource) {});
        return 0;
}

void chosen_source_deinit(ChosenSource *chosen) {
        source_free(chosen->source);
        for (char **warning = chosen->warnings; warning && *warning; warning++)
                free(*warning);
        free(chosen->warnings);
        free(chosen->reason);
        *chosen = (ChosenSource) {};
}

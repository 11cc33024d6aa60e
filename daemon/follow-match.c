/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entry of `targets` describes. */
#include <fnmatch.h>
#include <stdio.h>

#include "follow-internal.h"

/* ---- Units ---- */

/* systemd puts '_' before a name that could be taken for one of the kernel's own files. */
static const char *unescape(const char *name) {
        return *name == '_' ? name + 1 : name;
}

static bool is_slice(const char *name) {
        static const char end[] = ".slice";
        size_t n = strlen(name);

        return n > strlen(end) && streq(name + n - strlen(end), end);
}

/* The manager of a user keeps its units below /user.slice/user-UID.slice/user@UID.service. */
static bool is_manager(const char *name, uid_t uid) {
        char manager[32];

        if (uid == UID_NONE)
                return false;
        (void) snprintf(manager, sizeof(manager), "user@%u.service", (unsigned) uid);
        return streq(name, manager);
}

/* Units lie in slices, and slices in each other: what is below a service or scope is its own affair, however it may
 * call that. */
static CgroupInterest unit_interest(const char *unit, uid_t uid, const char *path) {
        char part[256];
        size_t n;

        if (streq(unit, "-.slice"))
                return CGROUP_MEMBERS;
        for (path++; *path; path += n + (path[n] == '/')) {
                n = strcspn(path, "/");
                if (n >= sizeof(part))
                        return CGROUP_NONE;
                memcpy(part, path, n);
                part[n] = '\0';
                if (fnmatch(unit, unescape(part), 0) == 0 || streq(unit, unescape(part)))
                        return CGROUP_MEMBERS;
                if (!is_slice(part) && !is_manager(part, uid))
                        return CGROUP_NONE;
        }
        return CGROUP_PASSAGE;
}

static CgroupInterest path_interest(const char *wanted, const char *path) {
        if (cgroup_is_within(path, wanted))
                return CGROUP_MEMBERS;
        return cgroup_is_within(wanted, path) ? CGROUP_PASSAGE : CGROUP_NONE;
}

CgroupInterest spec_interest(const FollowSpec *spec, const char *cgroup) {
        const TargetConfig *t = spec->config;
        CgroupInterest interest = spec_has_cgroup(spec) ? CGROUP_MEMBERS : CGROUP_NONE;

        if (t->cgroup)
                interest = path_interest(target_cgroup_path(t->cgroup), cgroup);
        if (t->unit)
                interest = MIN(interest, unit_interest(t->unit, t->user ? spec->uid : UID_NONE, cgroup));
        return interest;
}

bool spec_has_cgroup(const FollowSpec *spec) {
        return spec->config->cgroup || spec->config->unit;
}

/* ---- Processes ---- */

bool stat_is_watchable(const ProcStat *stat) {
        return !(stat->flags & PROC_STAT_KTHREAD) && stat->state != 'Z' && stat->state != 'X';
}

bool spec_still_fits(const FollowSpec *spec, uid_t uid, const char *cgroup) {
        if (spec->config->user && (spec->uid == UID_NONE || spec->uid != uid))
                return false;
        return !spec_has_cgroup(spec) || (cgroup && spec_interest(spec, cgroup) == CGROUP_MEMBERS);
}

SpecFit spec_fits(const FollowSpec *spec, const RootFds *roots, const ProcStat *stat, const char *cgroup) {
        const TargetConfig *t = spec->config;
        uid_t uid = UID_NONE;

        /* what costs nothing comes first */
        if (t->command && !streq(t->command, stat->comm) && fnmatch(t->command, stat->comm, 0) != 0)
                return SPEC_NOT;
        if (t->user && (spec->uid == UID_NONE || proc_uid_read(roots, stat->pid, &uid) != 0))
                return SPEC_NOT;
        if (!spec_still_fits(spec, uid, cgroup))
                return SPEC_NOT;
        return stat->rss_pages * (uint64_t) sysconf(_SC_PAGESIZE) < t->min_rss ? SPEC_SMALL : SPEC_FITS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following the processes of cgroups and units. The tree of cgroups tells by itself what comes and goes (inotify);
 * which processes a cgroup has is read from its cgroup.procs, while it has any. */
#include <errno.h>

#include "follow-internal.h"

/* The tree as a whole, in case that something was not told. */
#define LOOK_INTERVAL (10 * NSEC_PER_SEC)

static CgroupInterest interest(void *userdata, const char *path) {
        const Follower *f = userdata;
        CgroupInterest most = CGROUP_NONE;

        for (size_t i = 0; i < f->n_specs && most < CGROUP_MEMBERS; i++)
                if (spec_has_cgroup(&f->specs[i]))
                        most = MAX(most, spec_interest(&f->specs[i], path));
        return most;
}

static bool wants_cgroups(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (spec_has_cgroup(&f->specs[i]))
                        return true;
        return false;
}

/* How many cgroups each entry has found. */
static void count(Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++) {
                FollowSpec *spec = &f->specs[i];
                size_t before = spec->n_cgroups;

                spec->n_cgroups = 0;
                for (size_t k = 0; k < f->cgroups.n_nodes && spec_has_cgroup(spec); k++)
                        spec->n_cgroups += spec_interest(spec, f->cgroups.nodes[k]->path) == CGROUP_MEMBERS;
                spec->n_vanished += before > 0 && spec->n_cgroups == 0;
        }
}

static int on_inotify(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        Follower *f = userdata;
        bool changed;

        (void) s;
        (void) fd;
        (void) events;
        /* what went wrong is made good by the next look at the whole */
        if (cgroup_watch_read(&f->cgroups, &changed) < 0 || f->cgroups.stale)
                f->next_look = 0;
        count(f);
        f->events.wake(f->events.userdata);
        return 0;
}

int follow_start_cgroups(Follower *f) {
        int r;

        if (!wants_cgroups(f))
                return 0;
        r = cgroup_watch_init(&f->cgroups, f->roots, interest, f);
        if (r == CGROUP_E_NONE) {
                f->no_hierarchy = true;
                return 0;
        }
        if (r < 0)
                return r;

        f->has_cgroups = true;
        count(f);
        if (!f->event || f->cgroups.inotify < 0)
                return 0;
        r = sd_event_add_io(f->event, &f->inotify, f->cgroups.inotify, EPOLLIN, on_inotify, f);
        return r < 0 ? r : 0;
}

static SpecFit find_spec(const Follower *f, const ProcStat *stat, const char *path, const FollowSpec **ret) {
        SpecFit best = SPEC_NOT;

        for (size_t i = 0; i < f->n_specs && best != SPEC_FITS; i++) {
                SpecFit fit;

                if (!spec_has_cgroup(&f->specs[i]))
                        continue;
                fit = spec_fits(&f->specs[i], f->roots, stat, path);
                best = MAX(best, fit);
                if (fit == SPEC_FITS)
                        *ret = &f->specs[i];
        }
        return best;
}

static void move(Followed *followed, const char *path) {
        char *copy;

        if (followed->cgroup && streq(followed->cgroup, path))
                return;
        copy = strdup(path);
        if (!copy)
                return;
        free(followed->cgroup);
        followed->cgroup = copy;
}

/* A process that is in a cgroup. */
static int look_at(Follower *f, pid_t pid, const char *path) {
        Followed *followed = follower_find_pid(f, pid), as;
        const FollowSpec *spec = NULL;
        ProcStat stat;
        nsec_t born;
        int r;

        /* a pid is another's only after its owner has ended, of which a pidfd has told before */
        if (followed && followed->ref.fd >= 0) {
                followed->pass = f->pass;
                move(followed, path);
                return 0;
        }
        if (!followed && !others_is_due(&f->others, pid, f->pass, f->before))
                return 0;
        f->looks++;
        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (followed && followed->ref.start_time == stat.start_time) {
                followed->pass = f->pass;
                move(followed, path);
                return 0;
        }
        if (!stat_is_watchable(&stat) || find_spec(f, &stat, path, &spec) != SPEC_FITS) {
                others_note(&f->others, pid, f->pass);
                return 0;
        }
        if (!follow_is_ripe(f, &stat, &born)) {
                others_note_young(&f->others, pid, f->pass, born);
                return 0;
        }
        as = (Followed) {
                .children = spec->config->children && spec->config->command,
                .named = true,
                .spec = (uint32_t) (spec - f->specs),
        };
        r = follow_offer(f, &stat, &as, path);
        if (r == 0)
                others_forget(&f->others, pid);
        else
                others_note(&f->others, pid, f->pass); /* another time */
        return r;
}

static int read_cgroup(Follower *f, CgroupNode *node) {
        int r;

        node->fresh = false;
        r = cgroup_procs_read(f->roots, node->path, &f->procs);
        if (r < 0)
                return follow_is_fatal(r) ? r : 0; /* gone meanwhile, or not for us to read */
        for (size_t i = 0; i < f->procs.n; i++) {
                r = look_at(f, f->procs.pids[i], node->path);
                if (follow_is_fatal(r))
                        return r;
        }
        return 0;
}

/* Those that no cgroup had any more: ended, or moved elsewhere. */
static void find_leavers(Follower *f) {
        for (size_t i = 0; i < f->n_followed; i++) {
                Followed *followed = &f->followed[i];
                _cleanup_free_ char *path = NULL;
                const FollowSpec *spec;

                if (followed->over || followed->spec >= f->n_specs || followed->pass == f->pass)
                        continue;
                spec = &f->specs[followed->spec];
                if (!spec_has_cgroup(spec) || !pidref_alive(&followed->ref, f->roots) ||
                    proc_cgroup_read(f->roots, followed->ref.pid, &path) != 0)
                        continue;
                if (spec_interest(spec, path) == CGROUP_MEMBERS)
                        move(followed, path); /* on its way from one to the next */
                else
                        follow_leave(f, followed);
        }
}

int follow_scan_cgroups(Follower *f, nsec_t now) {
        int r = 0;

        if (!f->has_cgroups)
                return 0;
        if (now >= f->next_look || f->cgroups.stale) {
                f->next_look = now + LOOK_INTERVAL;
                r = cgroup_watch_look(&f->cgroups);
                count(f);
        }

        for (size_t i = 0; i < f->cgroups.n_nodes && r >= 0; i++)
                if (f->cgroups.nodes[i]->members && f->cgroups.nodes[i]->populated)
                        r = read_cgroup(f, f->cgroups.nodes[i]);
        if (r < 0)
                return r;
        others_sweep(&f->others, f->pass);
        find_leavers(f);
        return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following processes, in recorded trees: what an entry describes, how little is looked at, cgroups that come and go. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "follow-internal.h"

/* ---- A host ---- */

typedef struct Host {
        char root[64];
        RootFds roots;
        Follower follower;
        TargetConfig specs[4];
        size_t n_specs;
        uint64_t last_id;
        unsigned woken;
        unsigned exited;
        unsigned left;
} Host;

static void write_text(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
}

static char *path_of(const Host *host, const char *format, ...) _printf_(2, 3);
static char *path_of(const Host *host, const char *format, ...) {
        static char paths[4][512];
        static unsigned next;
        char *path = paths[next++ % 4];
        int n = snprintf(path, 512, "%s/", host->root);
        va_list args;

        va_start(args, format);
        (void) vsnprintf(path + n, 512 - (size_t) n, format, args);
        va_end(args);
        return path;
}

static void host_init(Host *host) {
        *host = (Host) { .roots = ROOT_FDS_NONE };
        (void) snprintf(host->root, sizeof(host->root), "/tmp/udamon-follow-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(host->root));
        ck_assert_int_eq(mkdir(path_of(host, "proc"), 0755), 0);
        ck_assert_int_eq(mkdir(path_of(host, "sys"), 0755), 0);
        ck_assert_int_eq(mkdir(path_of(host, "sys/fs"), 0755), 0);
        ck_assert_int_eq(mkdir(path_of(host, "sys/fs/cgroup"), 0755), 0);
        write_text(path_of(host, "sys/fs/cgroup/cgroup.procs"), "");
        ck_assert_int_eq(root_fds_open(&host->roots, host->root), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static void host_deinit(Host *host) {
        follower_deinit(&host->follower);
        root_fds_close(&host->roots);
        ck_assert_int_eq(nftw(host->root, remove_one, 32, FTW_DEPTH | FTW_PHYS), 0);
}

static void set_process(Host *host, pid_t pid, const char *command, char state, pid_t parent, unsigned start,
                        unsigned flags, unsigned rss) {
        char text[512];

        (void) mkdir(path_of(host, "proc/%d", (int) pid), 0755);
        (void) snprintf(text, sizeof(text),
                        "%d (%s) %c %d 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %u 1000000 %u 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                        (int) pid, command, state, (int) parent, flags, start, rss);
        write_text(path_of(host, "proc/%d/stat", (int) pid), text);
        if (!streq(command, "sleep")) {
                (void) snprintf(text, sizeof(text), "Name:\tx\nTgid:\t%d\n", (int) pid);
                write_text(path_of(host, "proc/%d/status", (int) pid), text);
        }
}

static void add_process(Host *host, pid_t pid, const char *command) {
        set_process(host, pid, command, 'S', 1, (unsigned) pid + 1000, 0, 100);
}

static void remove_process(Host *host, pid_t pid) {
        (void) nftw(path_of(host, "proc/%d", (int) pid), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void set_last_pid(Host *host, pid_t pid) {
        char text[64];

        (void) snprintf(text, sizeof(text), "0.00 0.01 0.05 1/123 %d\n", (int) pid);
        write_text(path_of(host, "proc/loadavg"), text);
}

static void add_cgroup(Host *host, const char *path) {
        ck_assert_int_eq(mkdir(path_of(host, "sys/fs/cgroup%s", path), 0755), 0);
        write_text(path_of(host, "sys/fs/cgroup%s/cgroup.procs", path), "");
        write_text(path_of(host, "sys/fs/cgroup%s/cgroup.events", path), "populated 0\nfrozen 0\n");
}

static void fill_cgroup(Host *host, const char *path, const char *procs) {
        write_text(path_of(host, "sys/fs/cgroup%s/cgroup.procs", path), procs);
        write_text(path_of(host, "sys/fs/cgroup%s/cgroup.events", path),
                   *procs ? "populated 1\nfrozen 0\n" : "populated 0\nfrozen 0\n");
}

static void remove_cgroup(Host *host, const char *path) {
        ck_assert_int_eq(nftw(path_of(host, "sys/fs/cgroup%s", path), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- A monitor ---- */

static int add(void *userdata, const PidRef *ref, const ProcStat *stat, bool news, uint64_t *ret) {
        Host *host = userdata;

        (void) news;
        ck_assert_int_eq(ref->pid, stat->pid);
        *ret = ++host->last_id;
        return 0;
}

static void end(void *userdata, uint64_t target, FollowEnd how) {
        Host *host = userdata;

        ck_assert(follower_find(&host->follower, target)->over);
        if (how == FOLLOW_LEFT)
                host->left++;
        else
                host->exited++;
}

static void wake(void *userdata) {
        ((Host *) userdata)->woken++;
}

static void follow(Host *host) {
        const FollowEvents events = { .add = add, .end = end, .wake = wake, .userdata = host };

        ck_assert_int_eq(follower_init(&host->follower, &host->roots, host->specs, host->n_specs, &events, NULL), 0);
}

static void scan(Host *host, nsec_t now) {
        ck_assert_int_eq(follower_scan(&host->follower, now * NSEC_PER_SEC), 0);
}

/* "3 7 9": those that are followed, in the order of their pids. */
static const char *followed(Host *host) {
        static char text[512];
        size_t n = 0;

        text[0] = '\0';
        for (size_t i = 0; i < host->follower.n_by_pid; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%d", i > 0 ? " " : "",
                                       (int) host->follower.by_pid[i].pid);
        return text;
}

/* ---- What an entry describes ---- */

START_TEST(units) {
        static const struct {
                const char *unit;
                const char *path;
                CgroupInterest interest;
        } cases[] = {
                { "db.service", "/", CGROUP_PASSAGE },
                { "db.service", "/system.slice", CGROUP_PASSAGE },
                { "db.service", "/system.slice/db.service", CGROUP_MEMBERS },
                { "db.service", "/system.slice/db.service/workers/1", CGROUP_MEMBERS },
                { "db.service", "/a.slice/a-b.slice/db.service", CGROUP_MEMBERS },
                { "db.service", "/system.slice/_db.service", CGROUP_MEMBERS },
                { "db.service", "/system.slice/web.service", CGROUP_NONE },
                { "db.service", "/system.slice/web.service/db.service", CGROUP_NONE },
                { "db.service", "/machine.slice/c.scope/system.slice/db.service", CGROUP_NONE },
                { "db.service", "/user.slice/user-7.slice/user@7.service", CGROUP_NONE },
                { "db.service", "/docker", CGROUP_NONE },
                { "system.slice", "/system.slice/db.service", CGROUP_MEMBERS },
                { "system.slice", "/system.slicer", CGROUP_NONE },
                { "-.slice", "/", CGROUP_MEMBERS },
                { "pg@*.service", "/system.slice/system-pg.slice/pg@15-main.service", CGROUP_MEMBERS },
                { "pg@*.service", "/system.slice/pgx.service", CGROUP_NONE },
                { "dev-disk\\x2dby.swap", "/system.slice/dev-disk\\x2dby.swap", CGROUP_MEMBERS },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TargetConfig config = { .unit = (char *) cases[i].unit };
                FollowSpec spec = { .config = &config, .uid = 7 };

                ck_assert_msg(spec_interest(&spec, cases[i].path) == cases[i].interest, "%s in %s: %d", cases[i].unit,
                              cases[i].path, spec_interest(&spec, cases[i].path));
        }
}
END_TEST

START_TEST(units_of_a_user) {
        TargetConfig config = { .unit = (char *) "db.service", .user = (char *) "7" };
        FollowSpec spec = { .config = &config, .uid = 7 };

        ck_assert_int_eq(spec_interest(&spec, "/user.slice/user-7.slice/user@7.service"), CGROUP_PASSAGE);
        ck_assert_int_eq(spec_interest(&spec, "/user.slice/user-7.slice/user@7.service/app.slice/db.service"),
                         CGROUP_MEMBERS);
        ck_assert_int_eq(spec_interest(&spec, "/user.slice/user-8.slice/user@8.service"), CGROUP_NONE);
}
END_TEST

START_TEST(cgroups_and_units_together) {
        TargetConfig config = { .unit = (char *) "db.service", .cgroup = (char *) "/sys/fs/cgroup/a.slice" };
        FollowSpec spec = { .config = &config };

        ck_assert_int_eq(spec_interest(&spec, "/a.slice/db.service"), CGROUP_MEMBERS);
        ck_assert_int_eq(spec_interest(&spec, "/a.slice"), CGROUP_PASSAGE);
        ck_assert_int_eq(spec_interest(&spec, "/b.slice/db.service"), CGROUP_NONE);
        ck_assert_int_eq(spec_interest(&spec, "/a.slicer/db.service"), CGROUP_NONE);
}
END_TEST

/* ---- Commands and users ---- */

static void assert_waits(Host *host, const char *text) {
        _cleanup_free_ char *found = follower_waits_for(&host->follower);

        ck_assert_msg(found && strstr(found, text), "'%s' is not in: %s", text, found ?: "nothing");
}

START_TEST(commands) {
        Host host;

        host_init(&host);
        add_process(&host, 10, "php-fpm7");
        add_process(&host, 11, "php");
        set_process(&host, 12, "php-dead", 'Z', 1, 5, 0, 0);
        set_process(&host, 13, "php-kthread", 'S', 2, 5, PROC_STAT_KTHREAD, 0);
        set_last_pid(&host, 13);
        host.specs[0] = (TargetConfig) { .command = (char *) "php-*" };
        host.n_specs = 1;
        follow(&host);
        scan(&host, 1);
        ck_assert_str_eq(followed(&host), "10");
        ck_assert_int_eq(host.follower.followed[0].spec, 0);
        ck_assert(host.follower.followed[0].news);

        /* new ones, of which one takes the name after its fork */
        add_process(&host, 20, "php-new");
        add_process(&host, 21, "sh");
        set_last_pid(&host, 21);
        scan(&host, 2);
        ck_assert_str_eq(followed(&host), "10 20");
        set_process(&host, 21, "php-exec", 'S', 1, 1021, 0, 100);
        scan(&host, 3);
        ck_assert_str_eq(followed(&host), "10 20 21");
        host_deinit(&host);
}
END_TEST

START_TEST(a_thread_is_no_process) {
        Host host;

        host_init(&host);
        set_last_pid(&host, 5);
        host.specs[0] = (TargetConfig) { .command = (char *) "web" };
        host.n_specs = 1;
        follow(&host);
        scan(&host, 1);
        assert_waits(&host, "no process of that name runs");
        add_process(&host, 6, "web");
        write_text(path_of(&host, "proc/6/status"), "Name:\tweb\nTgid:\t3\n");
        set_last_pid(&host, 6);
        /* not by its number; the list of /proc has no threads, the recorded one is found there */
        host.follower.round = host.follower.round ?: opendir("/nowhere");
        scan(&host, 2);
        ck_assert_uint_eq(host.follower.n_young, 0);
        host_deinit(&host);
}
END_TEST

START_TEST(users) {
        Host host;
        char uid[16];

        host_init(&host);
        add_process(&host, 10, "a");
        set_last_pid(&host, 10);
        (void) snprintf(uid, sizeof(uid), "%u", (unsigned) geteuid());
        host.specs[0] = (TargetConfig) { .user = (char *) "no-such-user-here" };
        host.specs[1] = (TargetConfig) { .user = uid };
        host.n_specs = 2;
        follow(&host);
        assert_waits(&host, "there is no such user");
        scan(&host, 1);
        ck_assert_str_eq(followed(&host), "10");
        ck_assert_int_eq(host.follower.followed[0].spec, 1);
        ck_assert_uint_eq(host.follower.followed[0].uid, geteuid());
        ck_assert(!host.follower.followed[0].news);
        if (geteuid() == 0) {
                ck_assert_int_eq(chown(path_of(&host, "proc/10"), 1234, 1234), 0);
                scan(&host, 2);
                ck_assert_str_eq(followed(&host), "");
                ck_assert_uint_eq(host.left, 1);
        }
        host_deinit(&host);
}
END_TEST

START_TEST(sizes) {
        Host host;

        host_init(&host);
        set_process(&host, 10, "a", 'S', 1, 5, 0, 10);
        set_last_pid(&host, 10);
        host.specs[0] = (TargetConfig) { .command = (char *) "a", .min_rss = 100 * 4096 };
        host.n_specs = 1;
        follow(&host);
        for (nsec_t t = 1; t < 20; t++)
                scan(&host, t);
        ck_assert_str_eq(followed(&host), "");
        set_process(&host, 10, "a", 'S', 1, 5, 0, 100);
        scan(&host, 20);
        ck_assert_str_eq(followed(&host), "10");
        host_deinit(&host);
}
END_TEST

#define IDLE 1200

/* As many processes as make more than one slice, none of which is looked for. */
START_TEST(others_cost_nothing) {
        uint64_t before;
        Host host;

        host_init(&host);
        for (pid_t pid = 1; pid <= IDLE; pid++)
                add_process(&host, pid, "sleep");
        add_process(&host, IDLE + 1, "late");
        set_last_pid(&host, IDLE + 1);
        host.specs[0] = (TargetConfig) { .command = (char *) "web" };
        host.specs[1] = (TargetConfig) { .command = (char *) "late" };
        host.n_specs = 2;
        follow(&host);
        /* the first round is cut into pieces, and hurries */
        for (nsec_t t = 0; t < 30; t++) {
                before = host.follower.looks;
                scan(&host, t);
                ck_assert_uint_le(host.follower.looks - before, 512 + 2 * 1024 + 64);
        }
        ck_assert_uint_ge(host.woken, 2);
        ck_assert(!host.follower.hasten);
        ck_assert_str_eq(followed(&host), "1201");

        before = host.follower.looks;
        for (nsec_t t = 100; t < 200; t++)
                scan(&host, t);
        ck_assert_uint_le(host.follower.looks - before, 100 * 64 + 64);
        /* new ones are looked at a few times */
        before = host.follower.looks;
        add_process(&host, IDLE + 2, "sh");
        set_last_pid(&host, IDLE + 2);
        for (nsec_t t = 200; t < 210; t++)
                scan(&host, t);
        ck_assert_uint_le(host.follower.looks - before, 10 * 64 + 4);
        /* an old one that becomes what is looked for is found by the round */
        set_process(&host, 77, "web", 'S', 1, 1077, 0, 100);
        for (nsec_t t = 300; t < 300 + IDLE / 64 + 2 && host.follower.n_by_pid < 2; t++)
                scan(&host, t);
        ck_assert_str_eq(followed(&host), "77 1201");
        host_deinit(&host);
}
END_TEST

START_TEST(cgroup_members_that_are_not_looked_for_cost_little) {
        _cleanup_free_ char *procs = NULL;
        size_t size, before;
        FILE *out = open_memstream(&procs, &size);
        Host host;

        host_init(&host);
        add_cgroup(&host, "/a");
        for (pid_t pid = 1; pid <= 700; pid++) {
                add_process(&host, pid, "sleep");
                (void) fprintf(out, "%d\n", (int) pid);
        }
        (void) fclose(out);
        fill_cgroup(&host, "/a", procs);
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/a", .command = (char *) "web" };
        host.n_specs = 1;
        follow(&host);
        for (nsec_t t = 0; t < 10; t++)
                scan(&host, t);
        before = host.follower.looks;
        for (nsec_t t = 10; t < 20; t++)
                scan(&host, t);
        ck_assert_uint_le(host.follower.looks - before, 10 * 64 + 64);
        set_process(&host, 7, "web", 'S', 1, 1007, 0, 100);
        for (nsec_t t = 20; t < 60 && host.follower.n_by_pid == 0; t++)
                scan(&host, t);
        ck_assert_str_eq(followed(&host), "7");
        host_deinit(&host);
}
END_TEST

static void take_events(Host *host) {
        bool changed;

        ck_assert_int_eq(cgroup_watch_read(&host->follower.cgroups, &changed), 0);
}

/* Begun just now. */
static void add_young(Host *host, pid_t pid, const char *command) {
        unsigned ticks = (unsigned) (clock_nsec(CLOCK_BOOTTIME) / (NSEC_PER_SEC / (nsec_t) sysconf(_SC_CLK_TCK)));

        set_process(host, pid, command, 'S', 1, ticks, 0, 100);
}

/* While very many come and go, only those are followed that stay. */
START_TEST(patience) {
        uint64_t before;
        Host host;

        host_init(&host);
        add_cgroup(&host, "/a");
        host.specs[0] = (TargetConfig) { .command = (char *) "web" };
        host.specs[1] = (TargetConfig) { .cgroup = (char *) "/a" };
        host.n_specs = 2;
        add_process(&host, 9, "sh");
        set_last_pid(&host, 9);
        follow(&host);
        scan(&host, 1);
        host.follower.n_new = 100;
        follower_govern(&host.follower, 1.5, 0.5, NSEC_PER_SEC);
        ck_assert_uint_eq(host.follower.patience, NSEC_PER_SEC);
        for (unsigned i = 0; i < 10; i++) {
                host.follower.n_new = 100;
                follower_govern(&host.follower, 1.5, 0.5, NSEC_PER_SEC);
        }
        ck_assert_uint_eq(host.follower.patience, 30 * NSEC_PER_SEC);

        add_young(&host, 10, "web");
        add_young(&host, 11, "x");
        set_process(&host, 12, "web", 'S', 1, 1, 0, 100);
        fill_cgroup(&host, "/a", "11\n");
        set_last_pid(&host, 12);
        take_events(&host);
        scan(&host, 2);
        ck_assert_str_eq(followed(&host), "12");
        /* nor are they looked at again before it is time */
        before = host.follower.looks;
        host.follower.round = host.follower.round ?: opendir("/nowhere");
        for (nsec_t t = 3; t < 10; t++)
                scan(&host, t);
        ck_assert_uint_le(host.follower.looks - before, 7 * 5); /* by the round */
        ck_assert_str_eq(followed(&host), "12");

        /* few are new: there is time for everybody */
        for (unsigned i = 0; i < 6; i++)
                follower_govern(&host.follower, 1.5, 0.5, NSEC_PER_SEC);
        ck_assert_uint_eq(host.follower.patience, 0);
        scan(&host, 10);
        ck_assert_str_eq(followed(&host), "10 11 12");
        host_deinit(&host);
}
END_TEST

/* ---- Cgroups ---- */

START_TEST(cgroups_come_and_go) {
        Host host;

        host_init(&host);
        add_process(&host, 10, "a");
        add_process(&host, 11, "b");
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/web/x" };
        host.n_specs = 1;
        follow(&host);
        scan(&host, 1);
        assert_waits(&host, "there is no such cgroup");

        add_cgroup(&host, "/web");
        add_cgroup(&host, "/web/x");
        add_cgroup(&host, "/web/x/y");
        fill_cgroup(&host, "/web/x/y", "11\n10\n11\n");
        take_events(&host);
        ck_assert_ptr_nonnull(cgroup_watch_find(&host.follower.cgroups, "/web/x/y"));
        scan(&host, 2);
        ck_assert_str_eq(followed(&host), "10 11");
        ck_assert_str_eq(host.follower.followed[0].cgroup, "/web/x/y");

        /* one leaves it, the other one ends */
        write_text(path_of(&host, "proc/10/cgroup"), "0::/elsewhere\n");
        fill_cgroup(&host, "/web/x/y", "11\n");
        scan(&host, 3);
        ck_assert_str_eq(followed(&host), "11");
        ck_assert_uint_eq(host.left, 1);
        remove_process(&host, 11);
        fill_cgroup(&host, "/web/x/y", "");
        scan(&host, 4);
        ck_assert_uint_eq(host.left, 1);

        remove_cgroup(&host, "/web/x");
        take_events(&host);
        ck_assert_ptr_null(cgroup_watch_find(&host.follower.cgroups, "/web/x/y"));
        ck_assert_ptr_nonnull(cgroup_watch_find(&host.follower.cgroups, "/web"));
        /* what is not told is seen by the next look */
        add_cgroup(&host, "/web/x");
        fill_cgroup(&host, "/web/x", "10\n");
        ck_assert_int_eq(cgroup_watch_look(&host.follower.cgroups), 0);
        ck_assert_ptr_nonnull(cgroup_watch_find(&host.follower.cgroups, "/web/x"));
        scan(&host, 5);
        ck_assert_ptr_nonnull(follower_find_pid(&host.follower, 10));
        host_deinit(&host);
}
END_TEST

/* What keeps processes from being found is counted, and only as long as it does. */
START_TEST(cgroups_that_are_not_watched_are_counted) {
        CgroupWatch *watch;
        Host host;

        host_init(&host);
        add_cgroup(&host, "/a");
        add_cgroup(&host, "/a/x");
        add_cgroup(&host, "/b");
        add_cgroup(&host, "/b/secret");
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/b" };
        host.n_specs = 1;
        follow(&host);
        watch = &host.follower.cgroups;
        ck_assert_uint_eq(watch->n_nodes, 3); /* with the root */
        ck_assert_uint_eq(watch->n_left_out, 0);
        ck_assert_uint_eq(watch->n_denied, 0);
        ck_assert_uint_eq(cgroup_watch_unnoticed(watch), 0);

        ck_assert_int_eq(inotify_rm_watch(watch->inotify, cgroup_watch_find(watch, "/b/secret")->on_dir), 0);
        take_events(&host);
        ck_assert_uint_eq(cgroup_watch_unnoticed(watch), 1);
        ck_assert_int_eq(cgroup_watch_look(watch), 0);
        ck_assert_uint_eq(cgroup_watch_unnoticed(watch), 0);

        ck_assert_int_eq(chmod(path_of(&host, "sys/fs/cgroup/b/secret"), 0), 0);
        if (geteuid() == 0)
                ck_assert_int_eq(seteuid(65534), 0);
        ck_assert_int_eq(cgroup_watch_look(watch), 0);
        if (geteuid() == 65534)
                ck_assert_int_eq(seteuid(0), 0);
        ck_assert_uint_eq(watch->n_denied, 1);
        ck_assert_ptr_null(cgroup_watch_find(watch, "/b/secret"));
        ck_assert_int_eq(chmod(path_of(&host, "sys/fs/cgroup/b/secret"), 0755), 0);
        ck_assert_int_eq(cgroup_watch_look(watch), 0);
        ck_assert_uint_eq(watch->n_denied, 0);

        watch->nodes_max = 4;
        host.specs[0].cgroup = (char *) "/";
        ck_assert_int_eq(cgroup_watch_look(watch), 0);
        ck_assert_uint_eq(watch->n_nodes, 4);
        ck_assert_uint_eq(watch->n_left_out, 1); /* and what is below that */
        host_deinit(&host);
}
END_TEST

START_TEST(a_pid_used_again_is_another_process) {
        Host host;

        host_init(&host);
        add_cgroup(&host, "/a");
        set_process(&host, 10, "old", 'S', 1, 100, 0, 100);
        fill_cgroup(&host, "/a", "10\n");
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/a" };
        host.n_specs = 1;
        follow(&host);
        scan(&host, 1);
        ck_assert_uint_eq(host.follower.followed[0].ref.start_time, 100);
        set_process(&host, 10, "new", 'S', 1, 200, 0, 100);
        scan(&host, 2);
        ck_assert_uint_eq(host.exited, 1);
        ck_assert_uint_eq(follower_find_pid(&host.follower, 10)->ref.start_time, 200);
        ck_assert_uint_eq(follower_find_pid(&host.follower, 10)->target, 2);
        /* the old one is still there, to be told of */
        ck_assert(follower_find(&host.follower, 1)->over);
        follower_forget(&host.follower, 1);
        ck_assert_ptr_null(follower_find(&host.follower, 1));
        ck_assert_str_eq(followed(&host), "10");
        host_deinit(&host);
}
END_TEST

/* The first entry that fits has a process, and it is followed once. */
START_TEST(entries_overlap) {
        Host host;

        host_init(&host);
        add_cgroup(&host, "/a");
        add_cgroup(&host, "/a/b");
        add_process(&host, 10, "x");
        add_process(&host, 11, "y");
        set_last_pid(&host, 11);
        fill_cgroup(&host, "/a", "10\n");
        fill_cgroup(&host, "/a/b", "11\n");
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/a/b", .command = (char *) "y" };
        host.specs[1] = (TargetConfig) { .cgroup = (char *) "/a" };
        host.specs[2] = (TargetConfig) { .command = (char *) "*" };
        host.n_specs = 3;
        follow(&host);
        scan(&host, 1);
        scan(&host, 2);
        ck_assert_str_eq(followed(&host), "10 11");
        ck_assert_int_eq(follower_find_pid(&host.follower, 10)->spec, 1);
        ck_assert_int_eq(follower_find_pid(&host.follower, 11)->spec, 0);
        host_deinit(&host);
}
END_TEST

START_TEST(no_hierarchy) {
        Host host;

        host_init(&host);
        ck_assert_int_eq(remove(path_of(&host, "sys/fs/cgroup/cgroup.procs")), 0);
        host.specs[0] = (TargetConfig) { .cgroup = (char *) "/a" };
        host.n_specs = 1;
        follow(&host);
        scan(&host, 1);
        assert_waits(&host, "no unified hierarchy");
        host_deinit(&host);
}
END_TEST

START_TEST(texts) {
        PidList list = {};
        char *path = NULL;
        pid_t pid;

        ck_assert_int_eq(cgroup_procs_parse("1\n0\n22\n", &list), 0);
        ck_assert_uint_eq(list.n, 2);
        ck_assert_int_eq(list.pids[1], 22);
        ck_assert_int_eq(cgroup_procs_parse("", &list), 0);
        ck_assert_uint_eq(list.n, 0);
        ck_assert_int_eq(cgroup_procs_parse("1\nx\n", &list), -EBADMSG);
        ck_assert_int_eq(cgroup_procs_parse("99999999999\n", &list), -EBADMSG);
        pid_list_deinit(&list);

        ck_assert_int_eq(proc_cgroup_parse("12:cpu:/x\n0::/a/b c\n", &path), 0);
        ck_assert_str_eq(path, "/a/b c");
        free(path);
        ck_assert_int_eq(proc_cgroup_parse("0::/gone (deleted)\n", &path), 0);
        ck_assert_str_eq(path, "/gone");
        free(path);
        ck_assert_int_eq(proc_cgroup_parse("1:name=systemd:/\n", &path), -ENOENT);

        ck_assert_int_eq(loadavg_parse("0.20 0.18 0.12 1/80 11206\n", &pid), 0);
        ck_assert_int_eq(pid, 11206);
        ck_assert_int_eq(loadavg_parse("", &pid), -EBADMSG);
        ck_assert_int_eq(loadavg_parse("a b", &pid), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("follow");
        TCase *tests = tcase_create("follow");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 100);
        tcase_add_test(tests, units);
        tcase_add_test(tests, units_of_a_user);
        tcase_add_test(tests, cgroups_and_units_together);
        tcase_add_test(tests, commands);
        tcase_add_test(tests, a_thread_is_no_process);
        tcase_add_test(tests, users);
        tcase_add_test(tests, sizes);
        tcase_add_test(tests, others_cost_nothing);
        tcase_add_test(tests, cgroup_members_that_are_not_looked_for_cost_little);
        tcase_add_test(tests, patience);
        tcase_add_test(tests, cgroups_come_and_go);
        tcase_add_test(tests, cgroups_that_are_not_watched_are_counted);
        tcase_add_test(tests, a_pid_used_again_is_another_process);
        tcase_add_test(tests, entries_overlap);
        tcase_add_test(tests, no_hierarchy);
        tcase_add_test(tests, texts);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}

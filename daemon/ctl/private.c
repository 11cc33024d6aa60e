/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a private daemon and seeing it off. */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/macro.h"
#include "message.h"

/* The daemon's ends, in the daemon: one for a stream, and one to ask meanwhile. */
#define CONNECTION_FD 3
#define ASIDE_FD 4

#define REAP_TIMEOUT_MS 5000

static bool is_program(const char *path) {
        return access(path, X_OK) == 0;
}

/* Where our own executable is: installed as bin/udamonctl beside sbin/udamond, or in a build tree
 * as daemon/ctl/udamonctl below daemon/udamond. */
static bool find_beside(char *path, size_t size) {
        static const char *const places[] = { "udamond", "../sbin/udamond", "../udamond" };
        char self[PATH_MAX], *slash;
        ssize_t n;

        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n <= 0)
                return false;
        self[n] = 0;
        slash = strrchr(self, '/');
        if (!slash)
                return false;
        *slash = 0;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if ((size_t) snprintf(path, size, "%s/%s", self, places[i]) < size &&
                    is_program(path))
                        return true;
        return false;
}

static bool find_in(const char *dirs, char *path, size_t size) {
        while (dirs && *dirs) {
                size_t length = strcspn(dirs, ":");

                /* an empty element would mean the working directory: not for a privileged program
                 */
                if (length > 0 && dirs[0] == '/' &&
                    (size_t) snprintf(path, size, "%.*s/udamond", (int) length, dirs) < size &&
                    is_program(path))
                        return true;
                dirs += length + (dirs[length] == ':');
        }
        return false;
}

int private_daemon_find(char *path, size_t size) {
        const char *env = getenv("UDAMOND");

        if (env && *env) {
                if ((size_t) snprintf(path, size, "%s", env) < size && is_program(path))
                        return 0;
                return fail(CTL_NO_DAEMON, "$UDAMOND is '%s', which is no program", env);
        }
        if (find_beside(path, size) || find_in(getenv("PATH"), path, size) ||
            find_in("/usr/local/sbin:/usr/sbin:/sbin", path, size))
                return 0;
        return fail(CTL_NO_DAEMON,
                    "no udamond found (beside udamonctl, in $PATH and in /usr/sbin): install it, "
                    "or set $UDAMOND to its path");
}

/* Runs in the child. A session of its own: the terminal's Ctrl-C is for the command, not for the
 * daemon, which ends when its connection does. */
__attribute__((noreturn)) static void become_daemon(const char *path, const char *cpu_limit, int fd, int aside) {
        /* what it would say about its source and targets comes over the connection */
        char *argv[] = {(char *) "udamond", (char *) "--connection-fd=3", (char *) "--connection-fd=4",
                        (char *) "--log-level=error", cpu_limit ? (char *) "--cpu-limit" : NULL,
                        (char *) cpu_limit, NULL};
        sigset_t none;

        (void) setsid();
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        /* out of the way first: either may have the number that the other shall get */
        fd = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FD + 1);
        aside = fcntl(aside, F_DUPFD_CLOEXEC, ASIDE_FD + 1);
        if (fd < 0 || aside < 0 || dup2(fd, CONNECTION_FD) < 0 || dup2(aside, ASIDE_FD) < 0)
                _exit(CTL_CANNOT_EXEC);
        (void) execv(path, argv);
        tell("cannot start %s: %s", path, error_text(-errno));
        _exit(CTL_CANNOT_EXEC);
}

static void close_pair(int pair[static 2]) {
        (void) close(pair[0]);
        (void) close(pair[1]);
}

static int make_pairs(int pair[static 2], int aside[static 2]) {
        int r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, aside) < 0) {
                r = -errno;
                close_pair(pair);
                return r;
        }
        return 0;
}

int private_daemon_start(const char *cpu_limit, int ret_fds[static 2], pid_t *ret_pid) {
        char path[PATH_MAX];
        int pair[2], aside[2], r;
        pid_t pid;

        r = private_daemon_find(path, sizeof(path));
        if (r == 0)
                r = make_pairs(pair, aside);
        if (r != 0)
                return r;

        (void) fflush(NULL);
        pid = fork();
        if (pid == 0)
                become_daemon(path, cpu_limit, pair[1], aside[1]);
        r = -errno;
        if (pid < 0) {
                close_pair(pair);
                close_pair(aside);
                return r;
        }
        (void) close(pair[1]);
        (void) close(aside[1]);
        ret_fds[0] = pair[0];
        ret_fds[1] = aside[0];
        *ret_pid = pid;
        return 0;
}

void private_daemon_reap(pid_t pid) {
        _cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (fd >= 0 && poll(&p, 1, REAP_TIMEOUT_MS) == 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

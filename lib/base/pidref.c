/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reference to one process that a reused pid cannot redirect. */
#include "base/pidref.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/macro.h"

/* 52 numbers of at most 20 digits, a command of at most 64 bytes. */
#define STAT_MAX 2048

/* Parses one decimal field and steps over the space behind it. */
static bool next_number(const char **p, uint64_t *ret) {
        char *end = NULL;
        uint64_t value;

        if (**p == '-') {
                /* Priorities and the like may be negative; none of them is wanted. */
                (*p)++;
                value = 0;
                (void) strtoull(*p, &end, 10);
        } else
                value = strtoull(*p, &end, 10);
        if (end == *p || (*end != ' ' && *end != '\n' && *end != '\0'))
                return false;

        *p = *end == ' ' ? end + 1 : end;
        *ret = value;
        return true;
}

/* Copies what is between the first "(" and the last ")": the command may contain both. */
static const char *parse_command(const char *text, char *comm, size_t size) {
        const char *open = strchr(text, '('), *close = strrchr(text, ')');
        size_t n;

        if (!open || !close || close < open || close[1] != ' ' || close[2] == '\0' ||
            close[3] != ' ')
                return NULL;

        n = MIN((size_t) (close - open - 1), size - 1);
        memcpy(comm, open + 1, n);
        comm[n] = '\0';
        return close + 2;
}

int proc_stat_parse(const char *text, ProcStat *ret) {
        /* Fields of proc(5), counted from 1. */
        enum { PPID = 4, FLAGS = 9, START_TIME = 22, RSS = 24 };
        uint64_t fields[RSS + 1] = {};
        ProcStat stat = {};
        const char *p = text;
        uint64_t pid;

        if (!next_number(&p, &pid) || pid > INT32_MAX)
                return -EINVAL;

        p = parse_command(p, stat.comm, sizeof(stat.comm));
        if (!p)
                return -EINVAL;

        stat.pid = (pid_t) pid;
        stat.state = *p;
        p += 2;
        for (size_t i = PPID; i <= RSS; i++)
                if (!next_number(&p, &fields[i]))
                        return -EINVAL;
        if (fields[PPID] > INT32_MAX || fields[FLAGS] > UINT32_MAX)
                return -EINVAL;

        stat.ppid = (pid_t) fields[PPID];
        stat.flags = (uint32_t) fields[FLAGS];
        stat.start_time = fields[START_TIME];
        stat.rss_pages = fields[RSS];
        *ret = stat;
        return 0;
}

int proc_stat_read(const RootFds *roots, pid_t pid, ProcStat *ret) {
        char path[32], text[STAT_MAX];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "%d/stat", (int) pid);
        n = read_small_at(roots->proc, path, text, sizeof(text));
        if (n == -ENOENT || n == -ESRCH || n == 0)
                return PIDREF_E_GONE;
        return n < 0 ? (int) n : proc_stat_parse(text, ret);
}

/* The kernel shows the effective user as the owner of the directory, of whatever else it makes a secret. */
int proc_uid_read(const RootFds *roots, pid_t pid, uid_t *ret) {
        char path[16];
        struct stat st;

        (void) snprintf(path, sizeof(path), "%d", (int) pid);
        if (fstatat(roots->proc, path, &st, 0) < 0)
                return errno == ENOENT || errno == ESRCH ? PIDREF_E_GONE : -errno;
        *ret = st.st_uid;
        return 0;
}

nsec_t proc_stat_born(const ProcStat *stat) {
        return stat->start_time * (NSEC_PER_SEC / (nsec_t) sysconf(_SC_CLK_TCK));
}

static bool state_is_dead(char state) {
        return state == 'Z' || state == 'X' || state == 'x';
}

static int open_pidfd(const RootFds *roots, pid_t pid, int *ret) {
        long fd;

        /* a pid in a recorded tree means nothing to the running kernel */
        if (!roots->live) {
                *ret = -1;
                return 0;
        }

        fd = syscall(SYS_pidfd_open, pid, 0U);
        if (fd < 0 && errno == ESRCH)
                return PIDREF_E_GONE;
        /* Kernels before 5.3, and sandboxes that forbid the call. */
        if (fd < 0 && errno != ENOSYS && errno != EPERM)
                return -errno;

        *ret = (int) fd;
        return 0;
}

static bool pidfd_has_exited(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

int pidref_open(PidRef *ref, const RootFds *roots, pid_t pid, ProcStat *ret_stat) {
        _cleanup_close_ int fd = -1;
        ProcStat stat;
        int r;

        r = open_pidfd(roots, pid, &fd);
        if (r != 0)
                return r;

        r = proc_stat_read(roots, pid, &stat);
        if (r != 0)
                return r;

        /* Alive after the file was read: so the file spoke of this very process. */
        if (state_is_dead(stat.state) || (fd >= 0 && pidfd_has_exited(fd)))
                return PIDREF_E_GONE;

        *ref = (PidRef) { .pid = pid, .fd = TAKE_FD(fd), .start_time = stat.start_time };
        if (ret_stat)
                *ret_stat = stat;
        return 0;
}

void pidref_close(PidRef *ref) {
        closep(&ref->fd);
        *ref = PIDREF_NONE;
}

bool pidref_alive(const PidRef *ref, const RootFds *roots) {
        ProcStat stat;

        /* the pid is nobody else's before its pidfd has told the end */
        if (ref->fd >= 0)
                return !pidfd_has_exited(ref->fd);
        return proc_stat_read(roots, ref->pid, &stat) == 0 && !state_is_dead(stat.state) &&
               stat.start_time == ref->start_time;
}

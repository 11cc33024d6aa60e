/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a cgroup. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "kernel/scan.h"

#define FILE_MAX ((size_t) 1 << 20)

static bool leads_outside(const char *path) {
        while (*path) {
                size_t n = strcspn(path, "/");

                if (n == 2 && strncmp(path, "..", 2) == 0)
                        return true;
                path += n;
                path += strspn(path, "/");
        }
        return false;
}

static int open_with(const RootFds *roots, const char *cgroup, int flags) {
        int fd;

        if (leads_outside(cgroup))
                return -EINVAL;
        if (roots->cgroup < 0)
                return -ENOENT;

        cgroup += strspn(cgroup, "/");
        fd = openat(roots->cgroup, *cgroup ? cgroup : ".", flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int cgroup_open(const RootFds *roots, const char *cgroup) {
        return open_with(roots, cgroup, O_PATH);
}

int cgroup_open_dir(const RootFds *roots, const char *cgroup) {
        return open_with(roots, cgroup, O_RDONLY);
}

bool cgroup_is_unified(const RootFds *roots) {
        return roots->cgroup >= 0 && faccessat(roots->cgroup, "cgroup.procs", F_OK, 0) == 0;
}

bool cgroup_is_populated(int dir_fd) {
        char text[128];
        ssize_t n = read_small_at(dir_fd, "cgroup.events", text, sizeof(text));

        /* any other error: deleted */
        return n < 0 ? n == -ENOENT : strstr(text, "populated 1") != NULL;
}

/* ---- Processes ---- */

void pid_list_deinit(PidList *list) {
        free(list->pids);
        buffer_deinit(&list->text);
        *list = (PidList) {};
}

int pid_list_add(PidList *list, pid_t pid) {
        pid_t *pids;

        if (list->n == list->allocated) {
                pids = reallocarray(list->pids, list->allocated * 2 + 64, sizeof(*pids));
                if (!pids)
                        return -ENOMEM;
                list->pids = pids;
                list->allocated = list->allocated * 2 + 64;
        }
        list->pids[list->n++] = pid;
        return 0;
}

int cgroup_procs_parse(const char *text, PidList *list) {
        list->n = 0;
        for (const char *p = text; *p;) {
                uint64_t pid;
                int r;

                if (!scan_decimal(&p, &pid) || pid > INT32_MAX || (*p && !scan_char(&p, '\n')))
                        return -EBADMSG;
                if (pid == 0)
                        continue;
                r = pid_list_add(list, (pid_t) pid);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cgroup_procs_read(const RootFds *roots, const char *cgroup, PidList *list) {
        _cleanup_close_ int fd = cgroup_open(roots, cgroup);
        int r;

        list->n = 0;
        if (fd < 0)
                return fd;
        r = read_whole_at(fd, "cgroup.procs", 16 * FILE_MAX, &list->text);
        if (r == -EOPNOTSUPP)
                return 0;
        return r < 0 ? r : cgroup_procs_parse(list->text.data, list);
}

int proc_cgroup_parse(const char *text, char **ret) {
        static const char mark[] = " (deleted)";

        for (const char *line = text; line; line = scan_next_line(line)) {
                size_t n;
                char *path;

                if (strncmp(line, "0::/", 4) != 0)
                        continue;
                line += 3;
                n = strcspn(line, "\n");
                if (n > strlen(mark) && strncmp(line + n - strlen(mark), mark, strlen(mark)) == 0)
                        n -= strlen(mark);
                path = strndup(line, n);
                if (!path)
                        return -ENOMEM;
                *ret = path;
                return 0;
        }
        return -ENOENT;
}

int proc_cgroup_read(const RootFds *roots, pid_t pid, char **ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        char path[32];
        int r;

        (void) snprintf(path, sizeof(path), "%d/cgroup", (int) pid);
        r = read_whole_at(roots->proc, path, FILE_MAX, &buffer);
        return r < 0 ? r : proc_cgroup_parse(buffer.data, ret);
}

int cgroup_inode(const RootFds *roots, const char *cgroup, uint64_t *ret) {
        _cleanup_close_ int fd = cgroup_open(roots, cgroup);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;

        *ret = st.st_ino;
        return 0;
}

/* ---- memory.numa_stat ---- */

/* "anon N0=1234 N1=0": finds the node's value. 0, -EBADMSG or -ENOENT. */
static int parse_nodes(const char *p, uint32_t wanted, uint64_t *ret) {
        bool found = false;
        uint64_t node, value, result = 0;

        while (scan_char(&p, ' ')) {
                if (!scan_char(&p, 'N') || !scan_decimal(&p, &node) || !scan_char(&p, '=') ||
                    !scan_decimal(&p, &value))
                        return -EBADMSG;
                if (node != wanted)
                        continue;
                found = true;
                result = value;
        }
        if (*p != '\n' && *p != '\0')
                return -EBADMSG;
        if (!found)
                return -ENOENT;

        *ret = result;
        return 0;
}

/* Adds the line's value to the sum if it is about one of the LRU lists, and notes which. */
static int add_list(const char *line, uint32_t node, unsigned *seen, uint64_t *sum) {
        static const char *const lists[] = { "inactive_anon", "active_anon", "inactive_file", "active_file" };

        for (unsigned i = 0; i < ELEMENTSOF(lists); i++) {
                const char *p = line;
                uint64_t value;
                int r;

                if (!scan_word(&p, lists[i]) || *p != ' ')
                        continue;
                if (*seen & 1U << i)
                        return -EBADMSG;
                *seen |= 1U << i;
                r = parse_nodes(p, node, &value);
                if (r < 0)
                        return r;
                return __builtin_add_overflow(*sum, value, sum) ? -EBADMSG : 0;
        }
        return 0;
}

int memory_numa_stat_parse(const char *text, uint32_t node, uint64_t *ret) {
        unsigned seen = 0;
        uint64_t sum = 0;
        int r;

        for (const char *line = text; line; line = scan_next_line(line)) {
                r = add_list(line, node, &seen, &sum);
                if (r < 0)
                        return r;
        }
        if (seen != 0xf)
                return -EBADMSG;

        *ret = sum;
        return 0;
}

int cgroup_node_memory_read(const RootFds *roots, const char *cgroup, uint32_t node, uint64_t *ret) {
        _cleanup_close_ int fd = cgroup_open(roots, cgroup);
        _cleanup_(buffer_deinit) Buffer buffer = {};
        int r;

        if (fd < 0)
                return fd;
        r = read_whole_at(fd, "memory.numa_stat", FILE_MAX, &buffer);
        return r < 0 ? r : memory_numa_stat_parse(buffer.data, node, ret);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What works here, found out on a child of our own. */
#include "action/support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "action/internal.h"
#include "base/error.h"
#include "kernel/pagemap.h"
#include "kernel/system.h"

/* How long the child may take to fill its pages; it takes some microseconds. */
#define CHILD_TIMEOUT_MSEC 5000

#define TOUCHED_PAGES 16u

/* The guinea pig: a process that sleeps on two blocks of memory, the first pages of which are there. */
typedef struct Child {
        pid_t pid;
        int pidfd;
        uint64_t start; /* of a block */
        uint64_t page;
        uint64_t block;
} Child;

/* After fork() in what may be a process with threads: system calls only. Never returns. */
static void child_main(int fd, pid_t parent, const Child *child) {
        uint64_t start;
        char *p;

        /* It must neither outlive the parent nor keep the parent's files open. */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        if (fd > 0)
                (void) syscall(SYS_close_range, 0U, (unsigned) fd - 1, 0U);
        (void) syscall(SYS_close_range, (unsigned) fd + 1, ~0U, 0U);

        p = mmap(NULL, 3 * child->block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                _exit(1);
        start = ((uint64_t) (uintptr_t) p + child->block - 1) / child->block * child->block;
        for (unsigned i = 0; i < TOUCHED_PAGES; i++)
                *(volatile char *) (uintptr_t) (start + i * child->page) = 1;

        if (write(fd, &start, sizeof(start)) != (ssize_t) sizeof(start))
                _exit(1);
        for (;;)
                (void) pause();
}

/* Kills by number: a child that was not waited for keeps its own. */
static void child_stop(Child *child) {
        closep(&child->pidfd);
        child->pidfd = -1;
        if (child->pid <= 0)
                return;
        (void) kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        child->pid = 0;
}

static int read_start(int fd, uint64_t *ret) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;

        do
                r = poll(&p, 1, CHILD_TIMEOUT_MSEC);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        if (r == 0)
                return -ETIMEDOUT;
        /* Eight bytes in a pipe come at once, or the child has ended. */
        return read(fd, ret, sizeof(*ret)) == (ssize_t) sizeof(*ret) ? 0 : -ECHILD;
}

static int child_start(Child *child) {
        _cleanup_close_ int from = -1, to = -1;
        pid_t parent = getpid();
        int fds[2];

        *child = (Child) { .pidfd = -1, .page = UINT64_C(1) << page_shift() };
        child->block = child->page * child->page / sizeof(uint64_t);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        from = fds[0];
        to = fds[1];

        child->pid = fork();
        if (child->pid < 0)
                return -errno;
        if (child->pid == 0)
                child_main(to, parent, child);

        closep(&to);
        to = -1;
        child->pidfd = (int) syscall(SYS_pidfd_open, child->pid, 0U);
        return read_start(from, &child->start);
}

static int set_finding(ActionSupport *support, Action action, bool usable, const char *reason) {
        ActionFinding *finding = &support->actions[action];

        free(finding->reason);
        finding->usable = usable;
        finding->reason = strdup(reason);
        return finding->reason ? 0 : -ENOMEM;
}

/* Why advice to another process does not work; NULL: it does. */
static const char *advice_problem(int r, int advice) {
        switch (r) {
        case -ENOSYS:
                return "this kernel has no process_madvise (Linux 5.10 and later, with CONFIG_ADVISE_SYSCALLS)";
        case -EPERM:
        case -EACCES:
                return "not permitted: advising other processes takes CAP_SYS_NICE and CAP_SYS_PTRACE, and a sandbox "
                       "must allow process_madvise";
        case -EINVAL:
                return advice == MADVISE_COLLAPSE ?
                               "this kernel cannot make huge pages for another process (Linux 6.1 and later, with "
                               "CONFIG_TRANSPARENT_HUGEPAGE)" :
                               "this kernel does not take this advice for another process (cold and pageout: "
                               "Linux 5.10 and later; willneed: 5.15 and later)";
        /* It understood, but could not do it just now: that is no matter of support. */
        case -EAGAIN:
        case -EBUSY:
        case -ENOMEM:
        case -EBADF:
        case -EINTR:
                return NULL;
        default:
                return r < 0 ? error_text(r) : NULL;
        }
}

static int advise_child(const ActionIo *io, const Child *child, int advice) {
        struct iovec range = {
                .iov_base = (void *) (uintptr_t) child->start,
                .iov_len = advice == MADVISE_COLLAPSE ? child->block : TOUCHED_PAGES * child->page,
        };
        ssize_t r;

        /* Without a pidfd, the kernel is too old for the call as well. */
        if (child->pidfd < 0)
                return -ENOSYS;

        r = io->madvise(child->pidfd, &range, 1, advice);
        return r < 0 ? (int) r : 0;
}

/* What can be said of an action that works. */
static const char *advice_remark(const RootFds *roots, Action action) {
        MemInfo info;
        bool no_swap = meminfo_read(roots, &info) == 0 && info.swap_total == 0;

        switch (action) {
        case ACTION_PAGEOUT:
                return no_swap ? "there is no swap: only file-backed memory can be paged out" : "";
        case ACTION_WILLNEED:
                return no_swap ? "there is no swap: only file-backed memory can be fetched" : "";
        case ACTION_HUGEPAGE:
                return "done by collapse (MADV_COLLAPSE), at once: no process may set MADV_HUGEPAGE for another";
        case ACTION_LRU_DEPRIO:
                return "done by cold (MADV_COLD)";
        default:
                return "";
        }
}

static int probe_advice(const RootFds *roots, const ActionIo *io, const Child *child, ActionSupport *support) {
        static const Action actions[] = {
                ACTION_COLD, ACTION_LRU_DEPRIO, ACTION_WILLNEED, ACTION_COLLAPSE, ACTION_HUGEPAGE, ACTION_PAGEOUT,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(actions) && r == 0; i++) {
                int advice = action_traits[actions[i]].advice;
                const char *problem = advice_problem(advise_child(io, child, advice), advice);

                r = set_finding(support, actions[i], !problem, problem ?: advice_remark(roots, actions[i]));
        }
        return r;
}

static int probe_read(const ActionIo *io, const Child *child, ActionSupport *support) {
        char byte;
        struct iovec local = { .iov_base = &byte, .iov_len = 1 };
        struct iovec remote = { .iov_base = (void *) (uintptr_t) child->start, .iov_len = 1 };
        ssize_t r = io->vm_readv(child->pid, &local, 1, &remote, 1);

        if (r == 1)
                return set_finding(support, ACTION_LRU_PRIO, true, "done by reading a byte of each page twice");
        if (r == -ENOSYS)
                return set_finding(support, ACTION_LRU_PRIO, false,
                                   "this kernel has no process_vm_readv (CONFIG_CROSS_MEMORY_ATTACH)");
        if (r == -EPERM || r == -EACCES)
                return set_finding(support, ACTION_LRU_PRIO, false,
                                   "not permitted: reading other processes takes CAP_SYS_PTRACE");
        return set_finding(support, ACTION_LRU_PRIO, false, r < 0 ? error_text((int) r) : "nothing could be read");
}

static int probe_split(const RootFds *roots, const ActionIo *io, const Child *child, ActionSupport *support) {
        LazyFd lazy = {};
        _cleanup_close_ int fd = lazy_fd(&lazy, roots->sys, "kernel/debug/split_huge_pages", O_WRONLY);
        int r = fd < 0 ? fd : io->split(fd, child->pid, child->start, child->start + child->block);

        if (r >= 0)
                return set_finding(support, ACTION_NOHUGEPAGE, true,
                                   "done by debugfs split_huge_pages: splits what is there, does not keep the kernel "
                                   "from making huge pages again");
        if (r == -ENOENT)
                return set_finding(support, ACTION_NOHUGEPAGE, false,
                                   "no process may set MADV_NOHUGEPAGE for another, and there is no debugfs file "
                                   "split_huge_pages to do it by (/sys/kernel/debug not mounted?)");
        if (r == -EPERM || r == -EACCES)
                return set_finding(support, ACTION_NOHUGEPAGE, false,
                                   "not permitted: debugfs split_huge_pages, which it is done by, is for root (and not "
                                   "under lockdown)");
        return set_finding(support, ACTION_NOHUGEPAGE, false, "debugfs split_huge_pages takes no address ranges");
}

/* A page of the child is moved to where it is. */
static int move_child(const ActionIo *io, const Child *child) {
        void *page = (void *) (uintptr_t) child->start;
        int node = -1, status = -1, r;

        r = io->nodes(child->pid, 1, &page, &status);
        if (r < 0)
                return r;
        if (status < 0)
                return status;
        node = status;
        r = io->move(child->pid, 1, &page, &node, &status, true);
        return r == -EPERM ? io->move(child->pid, 1, &page, &node, &status, false) : r;
}

/* Why nothing can be moved; NULL: it can. */
static const char *move_problem(const RootFds *roots, const ActionIo *io, const Child *child) {
        _cleanup_(tiers_deinit) Tiers tiers = {};
        int r = move_child(io, child);
        size_t n = 0;

        if (r == -ENOSYS)
                return "this kernel has no move_pages (CONFIG_NUMA and CONFIG_MIGRATION)";
        if (r == -EPERM)
                return "not permitted: moving the memory of other processes takes CAP_SYS_NICE and CAP_SYS_PTRACE, and "
                       "a sandbox must allow move_pages";
        if (r < 0)
                return error_text(r);

        (void) tiers_read(roots, &tiers);
        for (size_t i = 0; i < tiers.n; i++)
                n += tiers.nodes[i].total > 0;
        return n > 1 ? NULL : "this machine has one NUMA node with memory: there is nowhere to move it to";
}

static int probe_rest(const RootFds *roots, const ActionIo *io, const Child *child, ActionSupport *support) {
        const char *problem = move_problem(roots, io, child);

        if (set_finding(support, ACTION_STAT, true, "") < 0 ||
            set_finding(support, ACTION_MIGRATE_HOT, !problem, problem ?: "") < 0)
                return -ENOMEM;
        return set_finding(support, ACTION_MIGRATE_COLD, !problem, problem ?: "");
}

int action_support_probe_with(const RootFds *roots, const ActionIo *io, ActionSupport **ret) {
        _cleanup_(action_support_freep) ActionSupport *support = calloc(1, sizeof(*support));
        _cleanup_(child_stop) Child child = { .pidfd = -1 };
        int r;

        if (!support)
                return -ENOMEM;

        r = child_start(&child);
        if (r < 0)
                return r;

        /* Collapse before pageout: it wants pages that are there. */
        r = probe_advice(roots, io, &child, support);
        if (r == 0)
                r = probe_read(io, &child, support);
        if (r == 0)
                r = probe_split(roots, io, &child, support);
        if (r == 0)
                r = probe_rest(roots, io, &child, support);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(support);
        return 0;
}

int action_support_probe(const RootFds *roots, ActionSupport **ret) {
        return action_support_probe_with(roots, &ACTION_IO_REAL, ret);
}

int action_support_none(const char *reason, ActionSupport **ret) {
        _cleanup_(action_support_freep) ActionSupport *support = calloc(1, sizeof(*support));
        int r = support ? 0 : -ENOMEM;

        for (unsigned action = 0; action < _ACTION_MAX && r == 0; action++)
                r = set_finding(support, (Action) action, action == ACTION_STAT, action == ACTION_STAT ? "" : reason);
        if (r == 0)
                *ret = TAKE_PTR(support);
        return r;
}

ActionSupport *action_support_free(ActionSupport *support) {
        if (!support)
                return NULL;

        for (size_t i = 0; i < _ACTION_MAX; i++)
                free(support->actions[i].reason);
        free(support);
        return NULL;
}

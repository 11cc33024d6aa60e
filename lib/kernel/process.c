/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source's hold on one process. */
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/macro.h"
#include "kernel/pagemap.h"
#include "kernel/scan.h"

/* Sorts what can happen to any process at any time from what is broken. */
static int outcome(int r) {
        switch (r) {
        case -ENOENT:
        case -ESRCH:
                return OPS_E_GONE;
        case -EACCES:
        case -EPERM:
                return OPS_E_DENIED;
        default:
                return r;
        }
}

int process_open_file(const Process *process, const char *name, int flags, int *ret) {
        _cleanup_close_ int fd = -1;
        char path[64];

        (void) snprintf(path, sizeof(path), "%d/%s", (int) process->ref.pid, name);
        fd = openat(process->roots->proc, path, flags | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return pidref_alive(&process->ref, process->roots) ? -EOPNOTSUPP : OPS_E_GONE;
        if (fd < 0)
                return outcome(-errno);

        /* Alive after the file was opened: so the pid was not another's in between. */
        if (!pidref_alive(&process->ref, process->roots))
                return OPS_E_GONE;

        *ret = TAKE_FD(fd);
        return 0;
}

static int take_identity(const RootFds *roots, pid_t pid, PidRef *ret) {
        ProcStat stat;
        PidRef ref;
        int r;

        r = pidref_open(&ref, roots, pid, &stat);
        if (r == PIDREF_E_GONE)
                return OPS_E_GONE;
        if (r < 0)
                return outcome(r);
        if (stat.flags & PROC_STAT_KTHREAD) {
                pidref_close(&ref);
                return -EINVAL;
        }

        *ret = ref;
        return 0;
}

int process_open(Process *process, const RootFds *roots, pid_t pid) {
        Process new = { .roots = roots, .ref = PIDREF_NONE, .pagemap = -1 };
        int r;

        r = take_identity(roots, pid, &new.ref);
        if (r != 0)
                return r;

        r = process_open_file(&new, "pagemap", O_RDONLY, &new.pagemap);
        if (r != 0) {
                pidref_close(&new.ref);
                return r;
        }

        *process = new;
        return 0;
}

void process_close(Process *process) {
        closep(&process->pagemap);
        pidref_close(&process->ref);
        *process = PROCESS_NONE;
}

int process_space_new(const RootFds *roots, pid_t pid, size_t size, Space **ret) {
        _cleanup_free_ Process *process = calloc(1, size);
        int r;

        if (!process)
                return -ENOMEM;

        *process = PROCESS_NONE;
        r = process_open(process, roots, pid);
        if (r != 0)
                return r;

        *ret = (Space *) TAKE_PTR(process);
        return 0;
}

int process_recover(Process *process, Io *io) {
        _cleanup_close_ int fd = -1;
        uint64_t entry;
        int r;

        /* Address 0 lies inside of every address space that still exists. */
        r = pagemap_read(io, process->pagemap, 0, &entry);
        if (r != PAGEMAP_E_NOTHING)
                return outcome(r);

        r = process_open_file(process, "pagemap", O_RDONLY, &fd);
        if (r != 0)
                return r;

        /* Exiting processes lose their address space before they become zombies. */
        r = pagemap_read(io, fd, 0, &entry);
        if (r == PAGEMAP_E_NOTHING)
                return OPS_E_GONE;
        if (r < 0)
                return outcome(r);

        closep(&process->pagemap);
        process->pagemap = TAKE_FD(fd);
        return OPS_E_REPLACED;
}

int process_verify(Process *process, Io *io) {
        uint64_t entry;

        return process_pagemap(process, io, 0, &entry);
}

int process_pagemap(Process *process, Io *io, uint64_t addr, uint64_t *ret) {
        int r;

        r = pagemap_read(io, process->pagemap, addr, ret);
        if (r == 0)
                return 0;
        if (r < 0)
                return outcome(r);

        r = process_recover(process, io);
        if (r == 0)
                *ret = 0;
        return r;
}

int process_share(Process *process, Io *io, uint64_t addr, PageShare *ret) {
        uint64_t entry;
        int r;

        r = process_pagemap(process, io, addr, &entry);
        if (r != 0)
                return r;
        if (!pagemap_present(entry))
                *ret = SHARE_NOTHING;
        else
                *ret = entry & (PAGEMAP_EXCLUSIVE | PAGEMAP_FILE) ? SHARE_OWN : SHARE_SHARED;
        return 0;
}

/* Opens pagemap anew at every update. A process seen between vfork and exec shares its parent's
 * address space, which does not end with the exec: the file opened then would show the parent for
 * ever. This bounds it to one update interval. */
static int renew_pagemap(Process *process, Io *io) {
        _cleanup_close_ int fd = -1;
        int r;

        r = process_open_file(process, "pagemap", O_RDONLY, &fd);
        if (r != 0)
                return r;

        /* The old one still there after the new one was opened: there was no exec before either. */
        r = process_verify(process, io);
        if (r != 0)
                return r;

        closep(&process->pagemap);
        process->pagemap = TAKE_FD(fd);
        return 0;
}

int process_map(Process *process, Io *io, const HugetlbDevices *devices, AddressMap **ret) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = process_open_file(process, "maps", O_RDONLY, &fd);
        if (r != 0)
                return r;
        r = maps_read(fd, devices, &map, &io->calls);
        if (r < 0)
                return outcome(r);

        r = renew_pagemap(process, io);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(map);
        return 0;
}

int process_clear_refs(const Process *process, Io *io, char what) {
        _cleanup_close_ int fd = -1;
        ssize_t n;
        int r;

        r = process_open_file(process, "clear_refs", O_WRONLY, &fd);
        if (r != 0)
                return r;

        n = io_pwrite(io, fd, &what, 1, 0);
        return n < 0 ? outcome((int) n) : 0;
}

int statm_parse(const char *text, SpaceSize *ret) {
        const char *p = text;
        uint64_t mapped, resident;

        if (!scan_decimal(&p, &mapped) || !scan_char(&p, ' ') || !scan_decimal(&p, &resident))
                return -EBADMSG;

        *ret = (SpaceSize) {
                .mapped = mapped << page_shift(),
                .resident = resident << page_shift(),
        };
        return 0;
}

SpaceSize process_size(const Process *process) {
        char path[32], text[256];
        SpaceSize size = {};

        (void) snprintf(path, sizeof(path), "%d/statm", (int) process->ref.pid);
        if (read_small_at(process->roots->proc, path, text, sizeof(text)) > 0)
                (void) statm_parse(text, &size);
        return size;
}

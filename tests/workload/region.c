/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mapping of regions: placement with guard holes, backings, placement advice, first touch. */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

#define PAGE      UINT64_C(4096)
#define NODE_BITS 1024

static uint64_t round_up(uint64_t n, uint64_t unit)
{
        return (n + unit - 1) / unit * unit;
}

/* The size of both THP and default hugetlb pages; 2 MiB where the kernel names none. */
static uint64_t huge_page_size(void)
{
        CLEANUP(cleanup_fclose) FILE *f = fopen("/proc/meminfo", "re");
        unsigned long long kib = 0;
        char line[128];

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "Hugepagesize: %llu kB", &kib) == 1)
                        break;
        return kib > 0 ? kib << 10 : UINT64_C(2) << 20;
}

/*
 * Offset of each region from a huge-page-aligned start. At least a page stays free between two,
 * so that the kernel neither merges them nor builds one huge page over both; regions that can
 * hold a huge page start at a boundary of one. Returns the total, guards included.
 */
static uint64_t place(const RegionSpec *specs, size_t n, uint64_t huge, Region *regions,
                      uint64_t *ret_offsets)
{
        uint64_t end = 0;

        for (size_t i = 0; i < n; i++) {
                const RegionSpec *spec = &specs[i];
                bool aligned = spec->len >= huge || spec->backing == BACKING_HUGETLB;

                regions[i].spec = spec;
                regions[i].mapped =
                        round_up(spec->len, spec->backing == BACKING_HUGETLB ? huge : PAGE);
                ret_offsets[i] = round_up(end + PAGE, aligned ? huge : PAGE);
                end = ret_offsets[i] + regions[i].mapped;
        }
        return end + PAGE;
}

/* The file is made if it is not there, and grown to the region's length if it is shorter. */
static int open_backing_file(Region *region)
{
        const RegionSpec *spec = region->spec;
        CLEANUP(cleanup_close) int fd = -1;
        struct stat st;
        int r;

        fd = open(spec->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        region->created = fd >= 0;
        if (fd < 0 && errno == EEXIST)
                fd = open(spec->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && !spec->written)
                fd = open(spec->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t)st.st_size < spec->len && ftruncate(fd, (off_t)spec->len) < 0)
                return -errno;

        r = fd;
        fd = -1;
        return r;
}

static int open_memfd(const Region *region)
{
        int fd = memfd_create(region->spec->name, MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (ftruncate(fd, (off_t)region->mapped) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

static int map_backing(Region *region, void *addr)
{
        CLEANUP(cleanup_close) int fd = -1;
        int flags = MAP_FIXED, protection = PROT_READ | PROT_WRITE;
        void *p;

        switch (region->spec->backing) {
        case BACKING_ANON:
                flags |= MAP_PRIVATE | MAP_ANONYMOUS;
                break;
        case BACKING_HUGETLB:
                flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
                break;
        case BACKING_SHARED:
                flags |= MAP_SHARED | MAP_ANONYMOUS;
                break;
        case BACKING_MEMFD:
                fd = open_memfd(region);
                flags |= MAP_SHARED;
                break;
        case BACKING_FILE:
                fd = open_backing_file(region);
                flags |= MAP_SHARED;
                if (!region->spec->written)
                        protection = PROT_READ;
                break;
        }
        if (!(flags & MAP_ANONYMOUS) && fd < 0)
                return fd;
        p = mmap(addr, region->mapped, protection, flags, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        region->addr = p;
        return 0;
}

/* glibc has no mbind(), and libnuma would be a dependency for one call. */
static int bind_to_node(const Region *region)
{
        unsigned long mask[NODE_BITS / (8 * sizeof(unsigned long))] = { 0 };
        unsigned node = (unsigned)region->spec->node, bits = 8 * sizeof(unsigned long);

        mask[node / bits] |= 1UL << node % bits;
        if (syscall(SYS_mbind, region->addr, region->mapped, MPOL_BIND, mask, NODE_BITS + 1, 0) < 0)
                return -errno;
        return 0;
}

static int advise_thp(const Region *region)
{
        bool always = region->spec->thp == THP_ALWAYS;

        if (madvise(region->addr, region->mapped, always ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
                return 0;
        /* A kernel without huge pages refuses both, but never is what it does anyway. */
        return !always && errno == EINVAL ? 0 : -errno;
}

/* A file shorter than the region leaves the rest untouched. */
static int fill_from_file(const Region *region)
{
        CLEANUP(cleanup_close) int fd = open(region->spec->init_file, O_RDONLY | O_CLOEXEC);
        uint64_t done = 0;

        if (fd < 0)
                return -errno;
        while (done < region->spec->len) {
                ssize_t n = read(fd, region->addr + done, region->spec->len - done);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (uint64_t)n;
        }
        return 0;
}

/* Policy before the first touch: placement is decided there. */
static int set_up(Region *region, void *addr, RegionError *error)
{
        const RegionSpec *spec = region->spec;
        int r;

        *error = (RegionError){ .field = "backing", .what = backing_to_string(spec->backing) };
        if (spec->backing == BACKING_HUGETLB)
                error->what = "hugetlb (are enough pages reserved in vm.nr_hugepages?)";
        r = map_backing(region, addr);
        if (r < 0)
                return r;

        *error = (RegionError){ .field = "node", .what = "mbind" };
        r = spec->node >= 0 ? bind_to_node(region) : 0;
        if (r < 0)
                return r;

        *error = (RegionError){ .field = "thp", .what = "madvise" };
        r = spec->thp != THP_UNSET ? advise_thp(region) : 0;
        if (r < 0)
                return r;

        *error = (RegionError){ .field = "file", .what = spec->init_file };
        r = spec->init_file ? fill_from_file(region) : 0;
        if (r < 0)
                return r;

        *error = (RegionError){ .field = "lock", .what = "mlock" };
        return spec->lock && mlock(region->addr, region->mapped) < 0 ? -errno : 0;
}

/* What was reserved and is no region becomes a hole. */
static void punch_holes(const Region *regions, size_t n, char *start, char *end)
{
        for (size_t i = 0; i < n; i++) {
                if (regions[i].addr > start)
                        munmap(start, (size_t)(regions[i].addr - start));
                start = regions[i].addr + regions[i].mapped;
        }
        if (end > start)
                munmap(start, (size_t)(end - start));
}

int regions_map(const RegionSpec *specs, size_t n, Regions *ret, RegionError *ret_error)
{
        CLEANUP(cleanup_free) Region *items = calloc(n, sizeof(*items));
        CLEANUP(cleanup_free) uint64_t *offsets = calloc(n, sizeof(*offsets));
        uint64_t huge = huge_page_size(), total;
        char *reserved, *base;

        *ret_error = (RegionError){ .index = 0, .field = "size", .what = "address space" };
        if (!items || !offsets)
                return -ENOMEM;
        total = place(specs, n, huge, items, offsets) + huge;
        reserved = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (reserved == MAP_FAILED)
                return -errno;
        base = reserved + (round_up((uintptr_t)reserved, huge) - (uintptr_t)reserved);

        for (size_t i = 0; i < n; i++) {
                int r = set_up(&items[i], base + offsets[i], ret_error);

                if (r < 0) {
                        Regions partial = { .items = TAKE_PTR(items), .n = i + 1 };

                        regions_deinit(&partial);
                        munmap(reserved, total);
                        ret_error->index = i;
                        return r;
                }
        }
        punch_holes(items, n, reserved, reserved + total);
        *ret = (Regions){ .items = TAKE_PTR(items), .n = n };
        return 0;
}

void region_populate(const Region *region)
{
        bool writable = region->spec->backing != BACKING_FILE || region->spec->written;

        /* A read of untouched anonymous memory would only map the zero page. */
        for (uint64_t offset = 0; offset < region->spec->len; offset += PAGE) {
                volatile char *p = region->addr + offset;
                char c = *p;

                if (writable)
                        *p = c;
        }
}

void regions_deinit(Regions *regions)
{
        for (size_t i = 0; i < regions->n; i++) {
                Region *region = &regions->items[i];

                if (region->addr)
                        munmap(region->addr, region->mapped);
                if (region->created)
                        unlink(region->spec->path);
        }
        free(regions->items);
        *regions = (Regions)REGIONS_NULL;
}

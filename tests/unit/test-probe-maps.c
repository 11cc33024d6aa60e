/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers of maps, mountinfo and lines, and the decoding of pagemap entries. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "kernel/lines.h"
#include "kernel/maps.h"
#include "kernel/pagemap.h"

static AddressMap *parse(const char *text) {
        AddressMap *map = NULL;

        ck_assert_int_eq(maps_parse(text, strlen(text), NULL, &map), 0);
        return map;
}

static int parse_error(const char *text) {
        AddressMap *map = NULL;
        int r = maps_parse(text, strlen(text), NULL, &map);

        ck_assert(r < 0 ? map == NULL : map != NULL);
        address_map_unref(map);
        return r;
}

START_TEST(ordinary_program) {
        static const char text[] =
                "557ac47e3000-557ac47e5000 r--p 00000000 fe:00 247134                     /usr/bin/cat\n"
                "557ac47e5000-557ac47ea000 r-xp 00002000 fe:00 247134                     /usr/bin/cat\n"
                "557ac5000000-557ac5021000 rw-p 00000000 00:00 0                          [heap]\n"
                "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
                "7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
                "7f0010000000-7f0010001000 rw-s 00000000 00:01 12     /dev/zero (deleted)\n"
                "7f0020000000-7f0020001000 rw-s 00000000 fe:00 99     /data/a b (deleted)\n"
                "7fffbaf59000-7fffbaf7a000 rw-p 00000000 00:00 0                          [stack]\n"
                "7fffbafe0000-7fffbafe4000 r--p 00000000 00:00 0                          [vvar]\n"
                "7fffbafe4000-7fffbafe6000 r--p 00000000 00:00 0                          [vvar_vclock]\n"
                "7fffbafe6000-7fffbafe8000 r-xp 00000000 00:00 0                          [vdso]\n"
                "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
        _cleanup_(address_map_unrefp) AddressMap *map = parse(text);

        ck_assert_uint_eq(map->n_mappings, 8);
        ck_assert_uint_eq(map->mappings[0].start, 0x557ac47e3000);
        ck_assert_uint_eq(map->mappings[0].end, 0x557ac47e5000);
        ck_assert_str_eq(map->names + map->mappings[1].name, "/usr/bin/cat");
        ck_assert_uint_eq(map->mappings[0].flags, 0);
        ck_assert_str_eq(map->names + map->mappings[2].name, "[heap]");
        ck_assert_uint_eq(map->mappings[2].flags, MAPPING_ANON);
        ck_assert_str_eq(map->names + map->mappings[3].name, "");
        ck_assert_uint_eq(map->mappings[4].flags, MAPPING_ANON | MAPPING_SHARED);
        ck_assert_uint_eq(map->mappings[5].flags, MAPPING_SHARED);
        ck_assert_str_eq(map->names + map->mappings[5].name, "/data/a b (deleted)");
        ck_assert_str_eq(map->names + map->mappings[7].name, "[vdso]");
}
END_TEST

START_TEST(hugetlb_areas) {
        static const char text[] =
                "7f0000000000-7f0000200000 rw-p 00000000 00:0f 71   /anon_hugepage (deleted)\n"
                "7f0000200000-7f0000400000 rw-s 00000000 00:15 72   /dev/hugepages/a\n"
                "7f0000400000-7f0000600000 rw-s 00000000 00:16 72   /dev/shm/a\n";
        static const char mounts[] =
                "22 27 0:21 / /dev/hugepages rw,relatime shared:7 - hugetlbfs hugetlbfs rw,pagesize=2M\n"
                "23 27 0:22 / /dev/shm rw - tmpfs tmpfs rw\n";
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        HugetlbDevices devices;

        /* mountinfo counts in decimal, maps in hexadecimal. */
        ck_assert_int_eq(hugetlb_devices_parse(mounts, strlen(mounts), &devices), 0);
        ck_assert_uint_eq(devices.n, 1);
        ck_assert_int_eq(maps_parse(text, strlen(text), &devices, &map), 0);
        ck_assert_uint_eq(map->mappings[0].flags, MAPPING_ANON | MAPPING_HUGETLB);
        ck_assert_uint_eq(map->mappings[1].flags, MAPPING_SHARED | MAPPING_HUGETLB);
        ck_assert_uint_eq(map->mappings[2].flags, MAPPING_SHARED);
}
END_TEST

START_TEST(malformed) {
        static const char *const lines[] = {
                "x", "7f00", "7f00-", "7f00-7e00 rw-p 0 0:0 0\n", "1000-2000 rwxq 0 0:0 0\n",
                "1000-2000 rw-p 0 0:0\n", "1000-2000 rw-p 0 0 0\n", "\n",
                "11112222333344445-11112222333344446 rw-p 0 0:0 0\n", "1000-2000 rw-p 0 0:0 0x\n",
                "1000-2000 rw-p 0 0:0 99999999999999999999\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                ck_assert_msg(parse_error(lines[i]) == -EBADMSG, "%s", lines[i]);
        ck_assert_int_eq(parse_error(""), 0);
        ck_assert_int_eq(parse_error("1000-2000 rw-p 0 0:0 0"), 0);
}
END_TEST

START_TEST(overlaps_of_a_racing_read) {
        static const char text[] = "1000-3000 rw-p 0 0:0 0\n2000-5000 rw-p 0 0:0 0\n1000-4000 rw-p 0 0:0 0\n"
                                   "6000-7000 rw-p 0 0:0 0\n";
        _cleanup_(address_map_unrefp) AddressMap *map = parse(text);

        ck_assert_uint_eq(map->n_mappings, 3);
        ck_assert_uint_eq(map->mappings[1].start, 0x3000);
        ck_assert_uint_eq(map->mappings[1].end, 0x5000);
        ck_assert_uint_eq(map->bytes, 0x5000);
}
END_TEST

static char *many_mappings(size_t n, size_t *ret_size) {
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_size);

        for (size_t i = 0; i < n; i++)
                (void) fprintf(out, "%zx-%zx rw-p 00000000 fe:00 1234      /var/lib/data/file-%zu\n",
                               (i + 1) << 13, ((i + 1) << 13) + 4096, i / 3);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

START_TEST(hundred_thousand_mappings) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL;
        char path[] = "/var/tmp/probe-maps-XXXXXX";
        _cleanup_close_ int fd = mkstemp(path);
        uint64_t calls = 0;
        size_t size;

        text = many_mappings(100000, &size);
        ck_assert_int_eq(maps_parse(text, size, NULL, &map), 0);
        ck_assert_uint_eq(map->n_mappings, 100000);

        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(write(fd, text, size), (ssize_t) size);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(maps_read(fd, NULL, &again, &calls), 0);
        ck_assert_uint_eq(again->n_mappings, 100000);
        ck_assert_uint_eq(again->bytes, map->bytes);
        ck_assert_uint_eq(again->names_size, map->names_size);
        ck_assert_uint_lt(calls, size / 16384);
}
END_TEST

START_TEST(own_maps) {
        _cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        const Mapping *mapping;
        uint64_t calls = 0;

        ck_assert_int_eq(maps_read(fd, NULL, &map, &calls), 0);
        mapping = address_map_find(map, (uintptr_t) &calls);
        ck_assert_ptr_nonnull(mapping);
        ck_assert_uint_eq(mapping->flags, MAPPING_ANON);
}
END_TEST

static int count_line(char *line, size_t size, void *userdata) {
        ck_assert_uint_eq(strlen(line), size);
        ++*(size_t *) userdata;
        return 0;
}

START_TEST(long_lines) {
        _cleanup_free_ char *text = malloc(LINE_MAX_SIZE * 4);
        size_t n = 0;

        memset(text, 'a', LINE_MAX_SIZE * 4);
        ck_assert_int_eq(lines_text(text, LINE_MAX_SIZE * 4, count_line, &n), -EMSGSIZE);
        for (size_t i = 1; i <= 4; i++)
                text[i * LINE_MAX_SIZE - 1] = '\n';
        n = 0;
        ck_assert_int_eq(lines_text(text, LINE_MAX_SIZE * 4, count_line, &n), 0);
        ck_assert_uint_eq(n, 4);
}
END_TEST

START_TEST(pagemap_entries) {
        uint64_t swapped = PAGEMAP_SWAPPED | 0x12345, present = PAGEMAP_PRESENT | PAGEMAP_FILE | 0x12345;

        ck_assert(pagemap_present(present));
        ck_assert(!pagemap_swapped(present));
        ck_assert_uint_eq(pagemap_pfn(present), 0x12345);
        ck_assert(!pagemap_present(swapped));
        ck_assert(pagemap_swapped(swapped));
        ck_assert_uint_eq(pagemap_pfn(swapped), 0);
        ck_assert_uint_eq(pagemap_pfn(UINT64_MAX), (UINT64_C(1) << 55) - 1);
        ck_assert_uint_eq(pagemap_pfn(0), 0);
}
END_TEST

START_TEST(pagemap_in_bulk) {
        _cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *memory = aligned_alloc(4096, 64 * 4096);
        Io io = { .kernel = &KERNEL_IO_REAL };
        uint64_t entries[64], entry;
        size_t n;

        memset(memory, 1, 64 * 4096);
        ck_assert_int_eq(pagemap_read_range(&io, fd, (uintptr_t) memory, entries, 64, &n), 0);
        ck_assert_uint_eq(n, 64);
        for (size_t i = 0; i < n; i++)
                ck_assert(pagemap_present(entries[i]));
        ck_assert_int_eq(pagemap_read(&io, fd, (uintptr_t) memory + 5 * 4096 + 9, &entry), 0);
        ck_assert_uint_eq(entry, entries[5]);
        ck_assert_uint_eq(io.calls, 2);
        ck_assert_int_eq(pagemap_read(&io, fd, UINT64_MAX - 4096, &entry), PAGEMAP_E_NOTHING);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("probe-maps");
        TCase *tcase = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(tcase, ordinary_program);
        tcase_add_test(tcase, hugetlb_areas);
        tcase_add_test(tcase, malformed);
        tcase_add_test(tcase, overlaps_of_a_racing_read);
        tcase_add_test(tcase, hundred_thousand_mappings);
        tcase_add_test(tcase, own_maps);
        tcase_add_test(tcase, long_lines);
        tcase_add_test(tcase, pagemap_entries);
        tcase_add_test(tcase, pagemap_in_bulk);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what: levels of peers, and the table of methods against the interface text. */
#include <check.h>
#include <stdio.h>

#include "methods.h"

#define READERS 700
#define ADMINS 701
#define OWNER 1000
#define OTHER 1001

static const Access access_of_a_machine = { .own_uid = OWNER, .read_group = READERS, .admin_group = ADMINS };

static const struct {
        uid_t uid;
        gid_t gid;
        gid_t group; /* one more */
        AccessClass level;
} peers[] = {
        { 0, 0, 0, ACCESS_ADMIN },
        { OWNER, OWNER, OWNER, ACCESS_ADMIN },
        { OTHER, OTHER, OTHER, ACCESS_OWN },
        { OTHER, READERS, OTHER, ACCESS_READ },
        { OTHER, OTHER, READERS, ACCESS_READ },
        { OTHER, OTHER, ADMINS, ACCESS_ADMIN },
        { OTHER, ADMINS, READERS, ACCESS_ADMIN },
        /* the group root is not the user root, and a group that does not exist has no members */
        { OTHER, 0, 0, ACCESS_OWN },
        { OTHER, (gid_t) -1, (gid_t) -1, ACCESS_OWN },
};

START_TEST(test_level) {
        ControlPeer peer = {
                .uid = peers[_i].uid, .gid = peers[_i].gid, .groups = &peers[_i].group, .n_groups = 1,
        };
        Access without_groups = { .own_uid = OWNER, .read_group = (gid_t) -1, .admin_group = (gid_t) -1 };

        ck_assert_int_eq(access_level(&access_of_a_machine, &peer), peers[_i].level);
        for (AccessClass class = ACCESS_OWN; class < _ACCESS_CLASS_MAX; class++)
                ck_assert_int_eq(access_allows(&access_of_a_machine, &peer, class), class <= peers[_i].level);
        ck_assert(!access_allows(&access_of_a_machine, &peer, ACCESS_NOBODY));

        ck_assert_int_eq(access_level(&without_groups, &peer),
                         peer.uid == 0 || peer.uid == OWNER ? ACCESS_ADMIN : ACCESS_OWN);
}
END_TEST

/* Each method's comment ends with its class, and each class is one that somebody has. */
START_TEST(test_interface) {
        const char *text = methods_service.interfaces[0].description;
        size_t declared = 0;

        for (const char *p = text; (p = strstr(p, "\nmethod ")); p++)
                declared++;
        ck_assert_uint_eq(declared, methods_n);

        for (size_t i = 0; i < methods_n; i++) {
                char wanted[128];

                ck_assert_int_gt(methods_table[i].access, ACCESS_NOBODY);
                ck_assert_int_lt(methods_table[i].access, _ACCESS_CLASS_MAX);
                (void) snprintf(wanted, sizeof(wanted), "\n# Access: %s\nmethod %s(",
                                access_class_name(methods_table[i].access), strrchr(methods_table[i].name, '.') + 1);
                ck_assert_msg(strstr(text, wanted), "the interface text does not say:%s", wanted);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("access");
        TCase *tests = tcase_create("access");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(tests, test_level, 0, ELEMENTSOF(peers));
        tcase_add_test(tests, test_interface);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}

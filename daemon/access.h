/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what, and see what: decided on uid and groups of the peer, never on its pid.
 *
 * Every method has a class in its table, and says the same in the interface text ("Access: …", which a test
 * compares). A peer has a level, the highest class that is open to it. What a method of the class OWN tells is cut
 * to what the peer may see. */
#pragma once

#include <stdbool.h>

#include "control.h"

typedef enum AccessClass {
        ACCESS_NOBODY, /* a method whose table forgot to say */
        ACCESS_OWN,    /* whoever can connect; sees processes of its own */
        ACCESS_READ,   /* sees all, but of processes of others neither addresses nor names of mappings */
        ACCESS_ADMIN,  /* sees all, and changes things */
        _ACCESS_CLASS_MAX,
} AccessClass;

/* "nobody", "own", "read", "admin", as in the interface text. */
const char *access_class_name(AccessClass class);

typedef struct Access {
        uid_t own_uid;     /* of the daemon: who runs it may do all */
        gid_t admin_group; /* (gid_t) -1 where there is none of that name */
        gid_t read_group;
} Access;

#define ACCESS_READ_GROUP "udamon-read"
#define ACCESS_ADMIN_GROUP "udamon-admin"

/* Looks the two groups up. */
void access_init(Access *access, const char *read_group, const char *admin_group);

/* OWN, READ or ADMIN. */
AccessClass access_level(const Access *access, const ControlPeer *peer);

bool access_allows(const Access *access, const ControlPeer *peer, AccessClass class);

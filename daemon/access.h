/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what: decided on uid and groups of the peer, never on its pid. */
#pragma once

#include <stdbool.h>

#include "control.h"

typedef enum AccessClass {
        ACCESS_READ,  /* see what is monitored */
        ACCESS_ADMIN, /* start and stop monitors */
} AccessClass;

typedef struct Access {
        uid_t own_uid;     /* of the daemon: who runs it may do all */
        gid_t admin_group; /* (gid_t) -1 where there is none of that name */
        gid_t read_group;
} Access;

/* Looks the groups udamon-admin and udamon-read up. */
void access_init(Access *access);

bool access_allows(const Access *access, const ControlPeer *peer, AccessClass class);

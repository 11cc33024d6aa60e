/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what. */
#include "access.h"

#include <grp.h>

static gid_t group_by_name(const char *name) {
        const struct group *group = getgrnam(name);

        return group ? group->gr_gid : (gid_t) -1;
}

void access_init(Access *access) {
        *access = (Access) {
                .own_uid = geteuid(),
                .admin_group = group_by_name("udamon-admin"),
                .read_group = group_by_name("udamon-read"),
        };
}

static bool in_group(const ControlPeer *peer, gid_t group) {
        return group != (gid_t) -1 && control_peer_in_group(peer, group);
}

bool access_allows(const Access *access, const ControlPeer *peer, AccessClass class) {
        if (peer->uid == 0 || peer->uid == access->own_uid || in_group(peer, access->admin_group))
                return true;
        return class == ACCESS_READ && in_group(peer, access->read_group);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what. */
#include "access.h"

#include <grp.h>

const char *access_class_name(AccessClass class) {
        static const char *const names[] = {
                [ACCESS_NOBODY] = "nobody",
                [ACCESS_OWN] = "own",
                [ACCESS_READ] = "read",
                [ACCESS_ADMIN] = "admin",
        };

        return names[class];
}

static gid_t group_by_name(const char *name) {
        const struct group *group = getgrnam(name);

        return group ? group->gr_gid : (gid_t) -1;
}

void access_init(Access *access, const char *read_group, const char *admin_group) {
        *access = (Access) {
                .own_uid = geteuid(),
                .admin_group = group_by_name(admin_group),
                .read_group = group_by_name(read_group),
        };
}

static bool in_group(const ControlPeer *peer, gid_t group) {
        return group != (gid_t) -1 && control_peer_in_group(peer, group);
}

AccessClass access_level(const Access *access, const ControlPeer *peer) {
        if (peer->uid == 0 || peer->uid == access->own_uid || in_group(peer, access->admin_group))
                return ACCESS_ADMIN;
        return in_group(peer, access->read_group) ? ACCESS_READ : ACCESS_OWN;
}

bool access_allows(const Access *access, const ControlPeer *peer, AccessClass class) {
        return class != ACCESS_NOBODY && access_level(access, peer) >= class;
}

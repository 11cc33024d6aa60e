/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.service: introspection. */
#include "wire/service.h"

#include "base/macro.h"

const ServiceInterface service_interface = {
        .name = "org.varlink.service",
        .description =
                "# Every service has this interface: what the service is, and what it speaks.\n"
                "interface org.varlink.service\n"
                "\n"
                "# The implementation and the interfaces it provides.\n"
                "method GetInfo() -> (\n"
                "  vendor: string,\n"
                "  product: string,\n"
                "  version: string,\n"
                "  url: string,\n"
                "  interfaces: []string\n"
                ")\n"
                "\n"
                "# The text of one of these interfaces.\n"
                "method GetInterfaceDescription(interface: string) -> (description: string)\n"
                "\n"
                "# The service has no such interface.\n"
                "error InterfaceNotFound (interface: string)\n"
                "\n"
                "# The interface has no such method.\n"
                "error MethodNotFound (method: string)\n"
                "\n"
                "# The interface has it, this service does not do it.\n"
                "error MethodNotImplemented (method: string)\n"
                "\n"
                "# A parameter is missing, unknown, of the wrong type or out of range.\n"
                "error InvalidParameter (parameter: string)\n"
                "\n"
                "# The caller may not do that.\n"
                "error PermissionDenied ()\n"
                "\n"
                "# The method must be called with more.\n"
                "error ExpectedMore ()\n",
};

const Field service_description_fields[] = {
        { "interface", FIELD_STRING },
        FIELD_END,
};

static bool name_is(const ServiceInterface *interface, const char *name, size_t length) {
        return strlen(interface->name) == length && memcmp(interface->name, name, length) == 0;
}

const ServiceInterface *service_find(const ServiceInfo *info, const char *name, size_t length) {
        if (name_is(&service_interface, name, length))
                return &service_interface;

        for (size_t i = 0; i < info->n_interfaces; i++)
                if (name_is(&info->interfaces[i], name, length))
                        return &info->interfaces[i];

        return NULL;
}

json_t *service_get_info(const ServiceInfo *info) {
        json_t *names;
        int r;

        names = json_array();
        r = json_array_append_new(names, json_string(service_interface.name));
        for (size_t i = 0; i < info->n_interfaces && r == 0; i++)
                r = json_array_append_new(names, json_string(info->interfaces[i].name));
        if (r != 0) {
                json_decref(names);
                return NULL;
        }

        return json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", info->vendor, "product",
                         info->product, "version", info->version, "url", info->url, "interfaces",
                         names);
}

json_t *service_get_description(const ServiceInterface *interface) {
        return json_pack("{s:s}", "description", interface->description);
}

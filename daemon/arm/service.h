// The actions that people, systemd and kdumpd ask for, with what they say. Each logs what happened,
// once, and leaves what became of it where status and kdumpd find it (arming_state.h).
//
// The words are those of RHEL's kdumpctl where it has some: scripts look for them.
#pragma once

#include <string>

#include "daemon/arm/arm.h"
#include "daemon/arm/arming_state.h"
#include "daemon/host/host.h"

namespace kdump {

// start, unless something is loaded already.
ArmingState start_service(const Host& host);
// Arms anew. What is loaded stays loaded until the new image is built and checked.
ArmingState restart_service(const Host& host);
// Loads the image that is there once more, with the command line of now.
ArmingState reload_service(const Host& host);
ArmingState stop_service(const Host& host);
// For ExecStop= of the unit: stop, unless systemd stops it to start it at once (`systemctl
// restart`, an upgrade of the package). Then what is loaded stays, and kdumpd refreshes it when it
// starts.
ArmingState end_service(const Host& host);
// Whether `systemctl list-jobs` tells of such a restart.
bool names_restart(const std::string& jobs);
// Builds the image; what is loaded stays.
ArmingState rebuild_service(const Host& host);

// What kdumpd asks for when something may have changed: builds what is not fresh, and loads what is
// not loaded. Silent when there is nothing to do, and about a failure that was told before. With
// `hotplug` (memory or CPUs came or went) it loads in any case, as the list of them is made when an
// image is loaded, unless the kernel keeps that list by itself; the image that is loaded, if
// nothing newer can be had. Leaves a host alone that was stopped.
ArmingState refresh_service(const Host& host, bool hotplug);

// "Kdump is operational" and such. Exit status as RHEL's: 0, 3 when not armed, 1 when it cannot be
// told.
int report_status(const Host& host);
int report_reserved_memory(const Host& host);

}  // namespace kdump

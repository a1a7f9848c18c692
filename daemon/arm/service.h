// The actions that people and systemd ask for, with what they say. Each logs what happened, once,
// and returns what became of it; kdumpctl turns that into an exit status, kdumpd into a status
// line.
//
// The words are those of RHEL's kdumpctl where it has some: scripts look for them.
#pragma once

#include <string>

#include "daemon/arm/arm.h"
#include "daemon/arm/arming_state.h"
#include "daemon/host/host.h"

namespace kdump {

struct ServiceState {
  bool ok = false;  // what was asked for is done
  Armed armed = Armed::no;
  std::string summary;  // one line: where dumps go, or why the host is not armed
};

// start, unless something is loaded already.
ServiceState start_service(const Host& host);
// Arms anew. What is loaded stays loaded until the new image is built and checked.
ServiceState restart_service(const Host& host);
// Loads the image that is there once more, with the command line of now.
ServiceState reload_service(const Host& host);
ServiceState stop_service(const Host& host);
// Builds the image; what is loaded stays.
ServiceState rebuild_service(const Host& host);

// "Kdump is operational" and such. Exit status as RHEL's: 0, 3 when not armed, 1 when it cannot be
// told.
int report_status(const Host& host);
int report_reserved_memory(const Host& host);

}  // namespace kdump

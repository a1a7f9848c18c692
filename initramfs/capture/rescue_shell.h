// failure_action shell: a shell on the console for whoever comes to look. Nothing of PID 1's may
// depend on what it does.
#pragma once

#include <sys/types.h>

namespace kdump {

// Starts the image's shell in a session of its own, with the console as its terminal, so that
// Ctrl-C and job control work. -1 if no process can be started; a shell that cannot be run ends
// with status 127.
pid_t start_rescue_shell();

}  // namespace kdump

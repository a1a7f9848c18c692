// kdumpctl setup-crypttab: systemd is told to leave the keys of the volumes that targets stand on
// in a keyring, where they can be handed to the capture kernel. Without that it would have to
// derive them, which takes a gigabyte of memory and somebody to type the passphrase.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/crashkernel/luks.h"
#include "daemon/host/host.h"
#include "makedump/base/result.h"

namespace kdump {

// Logs what it did; the exit status.
int setup_crypttab(const Host& host);

// The file with this volume's key, as its line says; "" if no line is about it or names none.
std::string key_file_of(const HostPaths& paths, std::string_view crypttab,
                        const LuksVolume& volume);

// The text of crypttab with the option for this volume; the same text if it is there. Another key
// name gives way. not_found if no line is about this volume. `paths`: for /dev/… in the file.
Result<std::string> with_volume_key(const HostPaths& paths, std::string_view crypttab,
                                    const LuksVolume& volume);

// Whether the volume's key is there for the capture kernel to use: the kernel can hand it over, and
// crypttab asks for it.
bool volume_key_is_handed_over(const HostPaths& paths, const LuksVolume& volume);

}  // namespace kdump

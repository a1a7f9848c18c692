#include "initramfs/capture/unlock.h"

#include <chrono>
#include <linux/keyctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/child.h"
#include "initramfs/plan/block_device.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// Opening with the key itself derives nothing, and is a matter of milliseconds.
constexpr seconds kOpenLimit{60};

std::string find_cryptsetup() {
  for (const char* path : {"/usr/sbin/cryptsetup", "/sbin/cryptsetup", "/usr/bin/cryptsetup"})
    if (::access(path, X_OK) == 0) return path;
  return "";
}

// The kernel looks for keys from the session's keyring on, and a service's has no link to root's.
void reach_root_keyring() {
  (void)::syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
}

// False where the kernel cannot hand over keys.
Result<bool> restore_keys(const UnlockPlaces& places) {
  const std::string keys = places.configfs + "/crash_dm_crypt_keys";
  if (::access(keys.c_str(), F_OK) != 0)
    (void)::mount("configfs", places.configfs.c_str(), "configfs", 0, nullptr);
  if (::access(keys.c_str(), F_OK) != 0) return false;
  KDUMP_TRY(write_existing_file(keys + "/restore", "1\n"));
  return true;
}

Result<std::string> wait_for_volume(const std::string& uuid, WorkerState& state) {
  const std::string spec = "UUID=" + uuid;
  const seconds limit = state.device_limit();
  state.doing(("looking for the encrypted " + spec).c_str(), limit + kOpenLimit);
  BlockDeviceSearch search(spec);
  const auto start = steady_clock::now();
  for (;;) {
    auto found = search.find();
    if (found || steady_clock::now() - start >= limit) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Result<void> unlock(const std::string& uuid, WorkerState& state, const UnlockPlaces& places) {
  const std::string name = "kdump-" + uuid;
  if (::access((places.mapper + "/" + name).c_str(), F_OK) == 0) return {};
  KDUMP_TRY_ASSIGN(const std::string device, wait_for_volume(uuid, state));
  state.doing(("unlocking " + device).c_str(), kOpenLimit + seconds(30));
  ChildOptions options;
  options.argv = {places.cryptsetup.empty() ? find_cryptsetup() : places.cryptsetup,
                  "open",
                  "--volume-key-keyring",
                  "%logon:" + volume_key_name(uuid),
                  device,
                  name};
  options.stall_limit = options.silent_limit = kOpenLimit;
  options.on_line = [](const std::string& line) { say(line); };
  const ChildEnd end = run_child(options);
  if (end.ok()) return {};
  return Error(Errc::io, "unlocking " + device + ": " + end.error);
}

}  // namespace

std::vector<std::string> volumes_with_keys(std::string_view proc_keys) {
  constexpr size_t kUuid = 36;
  const std::string prefix = "logon     " + volume_key_name("");
  std::vector<std::string> uuids;
  for (size_t at = 0; (at = proc_keys.find(prefix, at)) != std::string_view::npos;) {
    at += prefix.size();
    const std::string_view uuid = proc_keys.substr(at, kUuid);
    if (uuid.size() == kUuid &&
        uuid.find_first_not_of("0123456789abcdef-") == std::string_view::npos)
      uuids.emplace_back(uuid);
  }
  return uuids;
}

Result<void> unlock_volumes(WorkerState& state, const UnlockPlaces& places) {
  state.doing("asking the kernel for the keys of encrypted disks", kOpenLimit);
  auto restored = restore_keys(places);
  // None were handed over, or the attempt before has asked already.
  if (restored && !*restored) return {};
  reach_root_keyring();
  const auto text = read_text_file(places.keys);
  const auto uuids = text ? volumes_with_keys(*text) : std::vector<std::string>();
  if (!restored && uuids.empty())
    return std::move(restored).error().context("keys of encrypted disks were not handed over");
  Result<void> first;
  for (const std::string& uuid : uuids)
    if (auto done = unlock(uuid, state, places); !done && first) first = std::move(done);
  return first;
}

}  // namespace kdump

#include "daemon/arm/disk_keys.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/crashkernel/crypttab.h"
#include "daemon/crashkernel/luks.h"
#include "initramfs/capture/unlock.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

Result<DiskKeys> disk_keys(const HostPaths& paths, const Settings& settings, uint64_t reserved) {
  DiskKeys keys;
  const auto volumes = luks_volumes(paths, settings);
  if (volumes.empty()) return keys;
  const auto crypttab = read_text_file(paths.crypttab());
  for (const LuksVolume& volume : volumes) {
    const std::string what =
        "/dev/" + volume.device + " is encrypted (LUKS, UUID=" + volume.uuid + ")";
    const std::string file = crypttab ? key_file_of(paths, *crypttab, volume) : "";
    if (volume_key_is_handed_over(paths, volume)) {
      keys.handed_over.push_back(volume.uuid);
      continue;
    }
    if (file.empty())
      return Error(Errc::unsupported,
                   what +
                       ", and nobody can type its passphrase after a crash: have it unlocked by a "
                       "key file that " +
                       paths.crypttab() +
                       " names (it is copied into the capture image, which only root can read), "
                       "or name another file system in kdump.conf, such as ext4 UUID=…");
    std::error_code failed;
    if (!std::filesystem::is_regular_file(paths.root + file, failed))
      return Error(Errc::not_found, what + ": its key file " + file + ", which " +
                                        paths.crypttab() + " names, is not there");
    keys.files.push_back({paths.root + file, file, 0400});
    // Of the volume's slots, nobody knows which one takes the file. One for a passphrase is
    // expensive on purpose.
    if (volume.kdf_bytes > reserved / 2)
      keys.warnings.push_back(
          what + ": a key slot of it takes " + human_bytes(volume.kdf_bytes) +
          " of memory to open, of the " + human_bytes(reserved) +
          " that are reserved: make sure that the one of " + file +
          " has a cheap key derivation (cryptsetup luksConvertKey --pbkdf pbkdf2 --key-file " +
          file + " /dev/" + volume.device + ")");
  }
  return keys;
}

Result<void> hand_over_keys(const HostPaths& paths, const std::vector<std::string>& uuids) {
  namespace fs = std::filesystem;
  const std::string keys = paths.crash_dm_crypt_keys();
  std::error_code failed;
  // In configfs, a folder is an object of the kernel's, and removing it is forgetting it.
  std::vector<std::string> known;
  for (fs::directory_iterator it(keys, failed), end; !failed && it != end; it.increment(failed))
    if (it->is_directory(failed)) known.push_back(it->path().filename());
  for (const std::string& uuid : known)
    if (std::ranges::find(uuids, uuid) == uuids.end()) (void)::rmdir((keys + "/" + uuid).c_str());
  for (const std::string& uuid : uuids) {
    const std::string entry = keys + "/" + uuid;
    if (::mkdir(entry.c_str(), 0700) != 0 && errno != EEXIST)
      return Error::from_errno(entry + ": the key of UUID=" + uuid +
                               " cannot be handed to the capture kernel");
    KDUMP_TRY(write_existing_file(entry + "/description", volume_key_name(uuid)));
  }
  return {};
}

}  // namespace kdump

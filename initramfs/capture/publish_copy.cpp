#include "initramfs/capture/publish_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

Result<void> publish_copy(Destination& destination, const std::string& path,
                          const std::string& name) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  (void)::unlink(path.c_str());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(path);
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return destination.publish(name, "");
  void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (bytes == MAP_FAILED) return Error::from_errno(path + ": mmap");
  auto published = destination.publish(name, {static_cast<const char*>(bytes), size});
  ::munmap(bytes, size);
  return published;
}

}  // namespace kdump

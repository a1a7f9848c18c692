// Where the host keeps what arming reads and writes. A test puts a directory in the machine's place
// by setting `root`; no other code of this folder spells an absolute path of the host.
#pragma once

#include <string>
#include <unistd.h>
#include <vector>

#include "config/settings.h"

namespace kdump {

struct HostPaths {
  std::string root;  // in front of every path; "" is the machine itself

  [[nodiscard]] std::string kdump_conf() const { return root + "/etc/kdump.conf"; }
  [[nodiscard]] std::string policy() const { return root + "/etc/kdump/policy.yaml"; }
  [[nodiscard]] std::string rhel_sysconfig() const { return root + "/etc/sysconfig/kdump"; }
  [[nodiscard]] std::string debian_sysconfig() const { return root + "/etc/default/kdump"; }
  // RHEL's place, or Debian's when only that one is there.
  [[nodiscard]] std::string sysconfig() const {
    const std::string rhel = rhel_sysconfig();
    const std::string debian = debian_sysconfig();
    return ::access(rhel.c_str(), F_OK) != 0 && ::access(debian.c_str(), F_OK) == 0 ? debian : rhel;
  }
  // openSUSE's kdump (in RHEL's place, in words of its own) and Debian's kdump-tools: what 'config
  // import' reads.
  [[nodiscard]] std::string suse_sysconfig() const { return rhel_sysconfig(); }
  [[nodiscard]] std::string debian_kdump_tools() const { return root + "/etc/default/kdump-tools"; }
  [[nodiscard]] ConfigFiles config_files() const { return {kdump_conf(), policy(), sysconfig()}; }
  // pre.d, post.d and emergency.d: programs of the admin's, in RHEL's layout.
  [[nodiscard]] std::string hooks() const { return root + "/etc/kdump"; }

  [[nodiscard]] std::string fstab() const { return root + "/etc/fstab"; }
  [[nodiscard]] std::string modprobe_d() const { return root + "/etc/modprobe.d"; }

  [[nodiscard]] std::string command_line() const { return root + "/proc/cmdline"; }
  [[nodiscard]] std::string cpuinfo() const { return root + "/proc/cpuinfo"; }
  [[nodiscard]] std::string system_vendor() const { return root + "/sys/class/dmi/id/sys_vendor"; }
  [[nodiscard]] std::string iomem() const { return root + "/proc/iomem"; }
  [[nodiscard]] std::string boot_id() const { return root + "/proc/sys/kernel/random/boot_id"; }
  [[nodiscard]] std::string sysrq_trigger() const { return root + "/proc/sysrq-trigger"; }
  [[nodiscard]] std::string load_disabled() const {
    return root + "/proc/sys/kernel/kexec_load_disabled";
  }
  [[nodiscard]] std::string load_limit() const {
    return root + "/proc/sys/kernel/kexec_load_limit_panic";
  }

  [[nodiscard]] std::string sys_kernel() const { return root + "/sys/kernel"; }
  [[nodiscard]] std::string lockdown() const { return root + "/sys/kernel/security/lockdown"; }
  [[nodiscard]] std::string secure_boot() const {
    return root + "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  }
  [[nodiscard]] std::string module_signatures_enforced() const {
    return root + "/sys/module/module/parameters/sig_enforce";
  }
  [[nodiscard]] std::string watchdogs() const { return root + "/sys/class/watchdog"; }
  [[nodiscard]] std::string meminfo() const { return root + "/proc/meminfo"; }
  [[nodiscard]] std::string kernel_log() const { return root + "/dev/kmsg"; }
  [[nodiscard]] std::string platform_devices() const { return root + "/sys/devices/platform"; }
  [[nodiscard]] std::string pci_driver(const std::string& name) const {
    return root + "/sys/bus/pci/drivers/" + name;
  }
  // Since 6.16: the kernel can hand keys of encrypted disks to the capture kernel.
  [[nodiscard]] std::string crash_dm_crypt_keys() const {
    return root + "/sys/kernel/config/crash_dm_crypt_keys";
  }

  // Where bootloaders are told what the kernel's command line is.
  [[nodiscard]] std::string grub_defaults() const { return root + "/etc/default/grub"; }
  [[nodiscard]] std::string grub_drop_ins() const { return root + "/etc/default/grub.d"; }
  [[nodiscard]] std::string kernel_command_line_file() const {  // kernel-install(8)
    return root + "/etc/kernel/cmdline";
  }
  [[nodiscard]] std::string zipl_conf() const { return root + "/etc/zipl.conf"; }
  [[nodiscard]] std::string efi_loader_info() const {
    return root + "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
  }
  [[nodiscard]] std::string ostree_booted() const { return root + "/run/ostree-booted"; }

  [[nodiscard]] std::string mountinfo() const { return root + "/proc/self/mountinfo"; }
  [[nodiscard]] std::string block_devices() const { return root + "/sys/class/block"; }
  [[nodiscard]] std::string block_devices_by_number() const { return root + "/sys/dev/block"; }
  [[nodiscard]] std::string crypttab() const { return root + "/etc/crypttab"; }
  // Holds X.wants/Y.service for what is enabled.
  [[nodiscard]] std::string enabled_units() const { return root + "/etc/systemd/system"; }

  // cpu/crash_hotplug and memory/crash_hotplug are below it.
  [[nodiscard]] std::string sys_devices() const { return root + "/sys/devices/system"; }

  [[nodiscard]] std::string boot() const { return root + "/boot"; }
  [[nodiscard]] std::string machine_id() const { return root + "/etc/machine-id"; }
  // Where kernels are; the EFI partition's mount points, too.
  [[nodiscard]] std::vector<std::string> boot_directories() const {
    return {boot(), boot() + "/efi", root + "/efi"};
  }
  [[nodiscard]] std::string modules_root() const { return root.empty() ? "/" : root; }
  [[nodiscard]] std::string all_modules() const { return root + "/lib/modules"; }
  [[nodiscard]] std::string modules(const std::string& release) const {
    return all_modules() + "/" + release;
  }

  // Not /boot, where RHEL has it when it can: /boot is small, full or read-only on many hosts, is
  // not needed to boot this image, and may be readable by everybody, which the image is not to be.
  [[nodiscard]] std::string state() const { return root + "/var/lib/kdump"; }
  [[nodiscard]] std::string image(const std::string& release) const {
    return state() + "/initramfs-" + release + "kdump.img";
  }
  [[nodiscard]] std::string last_good() const { return state() + "/last-good.json"; }
  [[nodiscard]] std::string last_good_image(const std::string& digest) const {
    return state() + "/last-good-" + digest + ".img";
  }
  [[nodiscard]] std::string last_good_kernel(const std::string& digest) const {
    return state() + "/last-good-" + digest + ".vmlinuz";
  }

  // What arming did last, for `kdumpctl status` and the status line of kdumpd. Gone at reboot, as
  // is what is loaded.
  [[nodiscard]] std::string arming_state() const { return root + "/run/kdump/arming.json"; }
  // Which captures were told of, so that each is once.
  [[nodiscard]] std::string captures_seen() const { return state() + "/captures.json"; }
  [[nodiscard]] std::string captures_lock() const { return state() + "/captures.lock"; }
  // When targets were last proved to take a dump, and what came of it.
  [[nodiscard]] std::string proof() const { return state() + "/proof.json"; }
  // What became of the last `kdumpctl test`; RHEL's name for it.
  [[nodiscard]] std::string crash_test() const { return state() + "/vmcore-creation.status"; }

  // Keys of the machines that dumps go to: those that `kdumpctl propagate` pinned, then those that
  // root's ssh knows.
  [[nodiscard]] std::string pinned_hosts() const { return state() + "/known_hosts"; }
  // What goes into the capture image for ssh targets: made when it is planned.
  [[nodiscard]] std::string image_known_hosts() const { return state() + "/image-known_hosts"; }
  [[nodiscard]] std::string random_seed() const { return state() + "/random-seed"; }
  [[nodiscard]] std::string root_ssh() const { return root + "/root/.ssh"; }
  [[nodiscard]] std::string root_known_hosts() const { return root_ssh() + "/known_hosts"; }
  [[nodiscard]] std::string global_known_hosts() const { return root + "/etc/ssh/ssh_known_hosts"; }
  [[nodiscard]] std::string global_ssh_config() const { return root + "/etc/ssh/ssh_config"; }

  [[nodiscard]] std::string lock() const { return root + "/run/lock/kdump"; }
};

}  // namespace kdump

// /etc/default/kdump-tools of Debian and Ubuntu.
#include "config/importer.h"
#include "config/target_value.h"
#include "config/words.h"

namespace kdump {

namespace {

void import_targets(Importer& importer) {
  size_t targets = 0;
  const auto add = [&](const char* variable, const char* word, std::string options) {
    const auto value = importer.take(variable);
    if (!value) return;
    auto target = parse_target(word, *value);
    if (!target) return importer.note(variable, target.error().message());
    target->options = std::move(options);
    importer.target(*std::move(target));
    if (++targets == 2)
      importer.note(variable,
                    "kdump-tools saves to every target, kdumpd to the first one that works");
  };
  std::string options;
  if (const auto timeo = importer.take("NFS_TIMEO")) options = "timeo=" + *timeo;
  if (const auto retrans = importer.take("NFS_RETRANS"))
    options += (options.empty() ? "retrans=" : ",retrans=") + *retrans;
  add("NFS", "nfs", options);
  add("SSH", "ssh", "");
  if (const auto key = importer.take("SSH_KEY")) importer.directive("SSH_KEY", "sshkey", *key);
  importer.take_with_note({"FTP"}, "there is no ftp target; sftp is one, see policy.yaml");
  importer.take_with_note({"NFS_MOUNT_RETRY", "SSH_KDUMP_RETRY", "SSH_KDUMP_DELAY"},
                          "is not needed: a target is tried until limits.stall of policy.yaml");
}

void import_actions(Importer& importer) {
  if (const auto use = importer.take("USE_KDUMP"); use && *use == "0")
    importer.note("USE_KDUMP", "kdumpd is switched off with 'systemctl disable kdumpd'");
  const auto command = importer.take("KDUMP_FAIL_CMD");
  if (!command) return;
  const std::string program = split_words(*command).front();
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name == "reboot" || name == "halt" || name == "poweroff")
    importer.directive("KDUMP_FAIL_CMD", "failure_action", name);
  else if (name == "sh" || name == "bash" || name == "dash")
    importer.directive("KDUMP_FAIL_CMD", "failure_action", "shell");
  else
    importer.note("KDUMP_FAIL_CMD", in_quotes(*command) +
                                        " is no failure_action (reboot, halt, poweroff, shell); "
                                        "reboot is used");
}

}  // namespace

void import_debian(Importer& importer) {
  if (const auto directory = importer.take("KDUMP_COREDIR"))
    importer.directive("KDUMP_COREDIR", "path", *directory);
  if (const auto options = importer.take("MAKEDUMP_ARGS"))
    importer.collector("MAKEDUMP_ARGS", *options);
  import_actions(importer);
  import_targets(importer);
  if (const auto number = importer.take("KDUMP_NUM_DUMPS")) {
    if (const auto captures = parse_number(*number))
      importer.keep(*captures);
    else
      importer.note("KDUMP_NUM_DUMPS", in_quotes(*number) + " is no number");
  }
  if (const auto tag = importer.take("HOSTTAG"); tag && *tag == "hostname")
    importer.name_by_hostname();
  if (const auto line = importer.take("KDUMP_CMDLINE")) importer.base_parameters(*line);
  // The unit boots Debian's real root system; kdumpd's image has its own init.
  if (const auto line = importer.take("KDUMP_CMDLINE_APPEND"))
    importer.append_parameters(*line, {"systemd.unit"});

  if (const auto dmesg = importer.take("KDUMP_DUMP_DMESG"); dmesg && *dmesg == "0")
    importer.note("KDUMP_DUMP_DMESG", "the kernel's log is always saved");
  importer.take_with_note({"KDUMP_KERNEL", "KDUMP_INITRD"},
                          "is not needed: the running kernel is used, with an image for it");
  importer.take_with_note({"KDUMP_COMPRESSION"},
                          "is not needed: core_collector compresses, see kdump.conf");
  importer.take_with_note({"KDUMP_KEXEC_ARGS"},
                          "is not needed: kdumpd loads the kernel itself, without kexec");
  importer.take_with_note({"KDUMP_SYSCTL"}, "write it into a file of /etc/sysctl.d");
}

}  // namespace kdump

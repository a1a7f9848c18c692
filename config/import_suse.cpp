// /etc/sysconfig/kdump of openSUSE and SLES.
#include "config/importer.h"
#include "config/target_value.h"
#include "config/words.h"

namespace kdump {

namespace {

struct Url {
  std::string scheme, user, host, path;  // path from "/", or ""
  std::string port;
  bool had_password = false;
};

// scheme://user:password@host:port/path; a path alone is a file.
Url split_url(std::string_view text) {
  Url url;
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) {
    url.scheme = "file";
    url.path = text.starts_with("file:") ? text.substr(5) : text;
    return url;
  }
  url.scheme = text.substr(0, scheme);
  text.remove_prefix(scheme + 3);
  const size_t slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  std::string_view authority = text.substr(0, slash);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    url.user = login.substr(0, login.find(':'));
    url.had_password = login.find(':') != std::string_view::npos;
  }
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    url.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  url.host = authority;
  return url;
}

constexpr char kSavedir[] = "KDUMP_SAVEDIR";

void import_login(Importer& importer, const Url& url) {
  const std::string word = url.scheme == "ssh" ? "ssh" : "sftp";
  auto target = parse_target(word, (url.user.empty() ? "root" : url.user) + "@" + url.host);
  if (!target) return importer.note(kSavedir, target.error().message());
  if (!url.port.empty()) {
    const auto port = parse_number(url.port);
    if (!port || *port == 0 || *port > 65535)
      return importer.note(kSavedir, in_quotes(url.port) + " is no port");
    target->port = static_cast<uint16_t>(*port);
  }
  if (url.had_password)
    importer.note(kSavedir,
                  "the password is left out: 'kdumpctl propagate' installs a key on the target");
  if (!url.path.empty()) importer.directive(kSavedir, "path", url.path);
  importer.target(*std::move(target));
}

void import_savedir(Importer& importer) {
  const auto value = importer.take(kSavedir);
  if (!value) return;
  const std::vector<std::string> urls = split_words(*value);
  if (urls.size() > 1)
    importer.note(kSavedir, "only the first of its " + std::to_string(urls.size()) +
                                " places is taken over; write the others into policy.yaml");
  const Url url = split_url(urls.front());
  if (url.scheme == "file") {
    importer.directive(kSavedir, "path", url.path.empty() ? "/" : url.path);
  } else if (url.scheme == "nfs") {
    auto target = parse_target("nfs", url.host + ":" + (url.path.empty() ? "/" : url.path));
    if (!target) return importer.note(kSavedir, target.error().message());
    importer.target(*std::move(target));
    importer.directive(kSavedir, "path", "/");
  } else if (url.scheme == "ssh" || url.scheme == "sftp" || url.scheme == "scp") {
    import_login(importer, url);
  } else {
    importer.note(kSavedir, "there is no " + shown(url.scheme) +
                                " target; dumps go to /var/crash on this host");
  }
}

void import_collector(Importer& importer) {
  std::string options;
  const std::string format = importer.take("KDUMP_DUMPFORMAT").value_or("compressed");
  const auto level = importer.take("KDUMP_DUMPLEVEL");
  if (format == "lzo")
    options = "-l";
  else if (format == "snappy")
    options = "-p";
  else if (format == "zstd")
    options = "-z";
  else
    options = "-c";
  if (format == "raw" || format == "ELF" || format == "none")
    importer.note("KDUMP_DUMPFORMAT",
                  in_quotes(format) + " cannot be had: dumps are kdump-compressed, with zlib");
  options += " -d " + level.value_or("31");
  if (const auto more = importer.take("MAKEDUMPFILE_OPTIONS")) options += " " + *more;
  importer.collector("KDUMP_DUMPLEVEL", options);
}

void import_programs(Importer& importer) {
  const auto add = [&](const char* variable, const char* word) {
    const auto value = importer.take(variable);
    if (!value) return;
    if (split_words(*value).size() == 1 && value->starts_with("/"))
      importer.directive(variable, word, *value);
    else
      importer.note(variable, in_quotes(*value) + " is a command, and " + word +
                                  " takes the whole path of one program: put it into a script");
  };
  add("KDUMP_PRESCRIPT", "kdump_pre");
  add("KDUMP_POSTSCRIPT", "kdump_post");
  if (const auto programs = importer.take("KDUMP_REQUIRED_PROGRAMS"))
    importer.directive("KDUMP_REQUIRED_PROGRAMS", "extra_bins", *programs);
}

void import_retention(Importer& importer) {
  if (const auto keep = importer.take("KDUMP_KEEP_OLD_DUMPS")) {
    const auto number = parse_number(*keep);
    if (number)
      importer.keep(*number);
    else if (*keep == "-1")
      importer.keep(1);
    else
      importer.note("KDUMP_KEEP_OLD_DUMPS", in_quotes(*keep) + " is no number");
  }
  if (const auto free = importer.take("KDUMP_FREE_DISK_SIZE")) {
    if (const auto mib = parse_number(*free))
      importer.keep_free_mib(*mib);
    else
      importer.note("KDUMP_FREE_DISK_SIZE", in_quotes(*free) + " is no number of MiB");
  }
}

bool is_no(const std::optional<std::string>& value) {
  return value && (*value == "no" || *value == "false" || *value == "0");
}

}  // namespace

void import_suse(Importer& importer) {
  import_savedir(importer);
  import_collector(importer);
  import_programs(importer);
  import_retention(importer);
  if (const auto key = importer.take("KDUMP_SSH_IDENTITY"))
    importer.directive("KDUMP_SSH_IDENTITY", "sshkey", split_words(*key).front());
  if (is_no(importer.take("KDUMP_CONTINUE_ON_ERROR")))
    importer.directive("KDUMP_CONTINUE_ON_ERROR", "failure_action", "shell");
  if (is_no(importer.take("KDUMP_IMMEDIATE_REBOOT")))
    importer.note("KDUMP_IMMEDIATE_REBOOT",
                  "no shell follows a dump that was saved; final_action may be halt or poweroff");
  if (const auto release = importer.take("KDUMP_KERNELVER")) importer.kernel_release(*release);
  if (const auto line = importer.take("KDUMP_COMMANDLINE")) importer.base_parameters(*line);
  if (const auto line = importer.take("KDUMP_COMMANDLINE_APPEND"))
    importer.append_parameters(*line, {});

  importer.take_with_note({"KDUMP_CPUS"},
                          "the capture kernel runs on one CPU; nr_cpus= in "
                          "KDUMP_COMMANDLINE_APPEND of /etc/sysconfig/kdump changes that");
  importer.take_with_note(
      {"KDUMP_NOTIFICATION_TO", "KDUMP_NOTIFICATION_CC", "KDUMP_SMTP_SERVER", "KDUMP_SMTP_USER",
       "KDUMP_SMTP_PASSWORD"},
      "mail is sent by a command of yours: write it as notify into policy.yaml");
  importer.take_with_note({"KDUMP_HOST_KEY"},
                          "'kdumpctl propagate' asks for the host's key and keeps it");
  importer.take_with_note({"KDUMP_NETCONFIG"},
                          "is not needed: addresses and routes of the running system are used");
  importer.take_with_note({"KDUMP_NET_TIMEOUT"},
                          "is not needed: a target is tried until limits.stall of policy.yaml");
  importer.take_with_note({"KEXEC_OPTIONS"},
                          "is not needed: kdumpd loads the kernel itself, without kexec");
  importer.take_with_note({"KDUMP_TRANSFER"}, "dumps are written by kdumpd itself");
}

}  // namespace kdump

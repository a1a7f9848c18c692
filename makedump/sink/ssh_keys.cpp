#include "makedump/sink/ssh_keys.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/sink/ssh_handles.h"

namespace kdump {

namespace {

// NIST and BSI: enough beyond 2030.
constexpr int kRsaBits = 3072;
constexpr mode_t kForOthers = 077;

// libssh writes the base64 of OpenSSH's container as one line; ssh-keygen has them 70 wide.
std::string wrapped(std::string_view pem) {
  constexpr size_t kWidth = 70;
  std::string out;
  std::istringstream lines{std::string(pem)};
  for (std::string line; std::getline(lines, line);)
    for (size_t at = 0; at == 0 || at < line.size(); at += kWidth)
      out += line.substr(at, kWidth) + "\n";
  return out;
}

// "*.example.com,!x.example.com" leaves x out. libssh counts what the first pattern says.
bool leaves_out(std::string_view line, const std::string& name) {
  std::istringstream patterns(std::string(line.substr(0, line.find(' '))));
  for (std::string pattern; std::getline(patterns, pattern, ',');) {
    if (!pattern.starts_with('!')) continue;
    pattern.erase(0, 1);
    // "[host]:22" is no set of characters.
    const bool same = pattern.find('[') != std::string::npos
                          ? pattern == name
                          : ::fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0;
    if (same) return true;
  }
  return false;
}

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

Result<SshPublicKey> describe_public_key(ssh_key_struct* key) {
  SshPublicKey out;
  const char* type = ::ssh_key_type_to_char(::ssh_key_type(key));
  char* base64 = nullptr;
  unsigned char* hash = nullptr;
  size_t hash_size = 0;
  if (!type || ::ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
    return Error(Errc::unsupported, "public key: of a kind that libssh does not know");
  const ssh::Text owned_base64(base64);
  if (::ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &hash_size) != SSH_OK)
    return Error(Errc::unsupported, "public key: no fingerprint");
  const ssh::Text fingerprint(
      ::ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, hash_size));
  ::ssh_clean_pubkey_hash(&hash);
  if (!fingerprint) return Error(Errc::no_memory, "public key: no fingerprint");
  out.type = type;
  out.base64 = base64;
  out.fingerprint = fingerprint.get();
  return out;
}

Result<void> KnownHosts::add_file(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(path, size_t{16} << 20));
  add_text(text, path);
  return {};
}

void KnownHosts::add_text(std::string_view text, const std::string& name) {
  std::istringstream lines{std::string(text)};
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.front() == '#') continue;
    lines_.push_back({line, name + ":" + std::to_string(number)});
  }
}

std::vector<KnownHosts::Known> KnownHosts::keys_of(const SshAddress& address) const {
  constexpr std::string_view kRevoked = "@revoked ";
  const std::string name = lower_case(address.known_name());
  std::vector<Known> found;
  for (const Line& line : lines_) {
    const bool revoked = line.text.starts_with(kRevoked);
    if (line.text.front() == '@' && !revoked) continue;
    const std::string text = revoked ? line.text.substr(kRevoked.size()) : line.text;
    if (leaves_out(text, name)) continue;
    ssh_knownhosts_entry* entry = nullptr;
    if (::ssh_known_hosts_parse_line(name.c_str(), text.c_str(), &entry) != SSH_OK) continue;
    const ssh::KnownEntry owned(entry);
    auto key = describe_public_key(entry->publickey);
    if (key) found.push_back({std::move(*key), line.where, revoked});
  }
  return found;
}

Result<void> KnownHosts::check(const SshAddress& address, const SshPublicKey& shown) const {
  const std::string who = address.describe();
  const std::string got = shown.type + " " + shown.fingerprint;
  std::string expected, first_where;
  bool same = false;
  for (const Known& known : keys_of(address)) {
    if (known.revoked) {
      if (known.key == shown)
        return Error(Errc::bad_input,
                     who + ": its host key " + got + " is revoked by " + known.where);
      continue;
    }
    same = same || known.key == shown;
    if (first_where.empty()) first_where = known.where;
    expected += (expected.empty() ? "" : " or ") + known.key.type + " " + known.key.fingerprint;
  }
  if (same) return {};
  if (expected.empty())
    return Error(Errc::not_found, who + ": host key " + got +
                                      " is not known: 'kdumpctl propagate' shows it and pins it");
  return Error(Errc::bad_input,
               who + ": its host key has changed: expected " + expected + " (" + first_where +
                   "), got " + got +
                   ": somebody is in between, or the host was set up anew; if so, remove that line "
                   "and run 'kdumpctl propagate'");
}

void SshKey::FreeKey::operator()(ssh_key_struct* key) const {
  ::ssh_key_free(key);
}

Result<SshKey> SshKey::generate(Type type) {
  ssh_key key = nullptr;
  const int made = type == Type::rsa ? ::ssh_pki_generate(SSH_KEYTYPE_RSA, kRsaBits, &key)
                                     : ::ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key);
  ssh::Key owned(key);
  if (made != SSH_OK)
    return Error(Errc::unsupported, type == Type::rsa
                                        ? "generating an RSA key: libssh cannot"
                                        : "generating an ed25519 key: libssh cannot (in FIPS mode, "
                                          "choose --type rsa)");
  KDUMP_TRY_ASSIGN(SshPublicKey public_key, describe_public_key(key));
  return SshKey(owned.release(), std::move(public_key));
}

Result<SshKey> SshKey::read(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(path);
  if (!S_ISREG(info.st_mode)) return Error(Errc::usage, path + ": not a file with a private key");
  if ((info.st_mode & kForOthers) != 0) {
    char mode[8];
    (void)std::snprintf(mode, sizeof(mode), "%04o", info.st_mode & 07777u);
    return Error(Errc::usage, path + ": others than its owner may use this private key (mode " +
                                  mode + "): chmod 600 " + path);
  }
  if (::geteuid() == 0 && info.st_uid != 0)
    return Error(Errc::usage, path + ": belongs to another user than root: chown root " + path);
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(path));

  // libssh asks for the passphrase of a key that has one: that it asks is the answer.
  bool asked = false;
  const auto on_ask = [](const char*, char*, size_t, int, int, void* flag) {
    *static_cast<bool*>(flag) = true;
    return -1;
  };
  ssh_key key = nullptr;
  const int imported =
      ::ssh_pki_import_privkey_base64(text.c_str(), nullptr, +on_ask, &asked, &key);
  ssh::Key owned(key);
  if (asked)
    return Error(Errc::unsupported, path +
                                        ": is protected by a passphrase, which nobody can type "
                                        "after a crash: ssh-keygen -p -N '' -f " +
                                        path + ", or name another key in sshkey");
  if (imported != SSH_OK)
    return Error(Errc::bad_input, path + ": not a private key that libssh can read");
  KDUMP_TRY_ASSIGN(SshPublicKey public_key, describe_public_key(key));
  return SshKey(owned.release(), std::move(public_key));
}

Result<void> SshKey::write(const std::string& path, const std::string& comment) const {
  char* pem = nullptr;
  if (::ssh_pki_export_privkey_base64(key_.get(), nullptr, nullptr, nullptr, &pem) != SSH_OK)
    return Error(Errc::unsupported, path + ": libssh cannot write this kind of key");
  const ssh::Text owned(pem);
  KDUMP_TRY(publish_file(path, as_bytes(wrapped(pem)), 0600));
  const std::string line = public_.line() + " " + comment + "\n";
  return publish_file(path + ".pub", as_bytes(line), 0644);
}

}  // namespace kdump

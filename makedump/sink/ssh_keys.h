// Keys of both sides of an SSH connection: the one that a host shows, those that are known for it,
// and our own pair.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"
#include "makedump/sink/ssh_address.h"

struct ssh_key_struct;

namespace kdump {

// A public key: type and base64 text are what known_hosts and authorized_keys hold.
struct SshPublicKey {
  std::string type;         // "ssh-ed25519"
  std::string base64;       // of the key
  std::string fingerprint;  // "SHA256:…", as ssh-keygen -l prints it

  [[nodiscard]] std::string line() const { return type + " " + base64; }
  bool operator==(const SshPublicKey& other) const { return line() == other.line(); }
};

// known_hosts, as OpenSSH has it: hashed names, patterns, [host]:port, @revoked. Lines with
// @cert-authority are passed over: certificates are not asked for.
class KnownHosts {
 public:
  // A file that is not there knows no host.
  Result<void> add_file(const std::string& path);
  // `name` is what messages call the text.
  void add_text(std::string_view text, const std::string& name);

  struct Known {
    SshPublicKey key;
    std::string where;  // "file:line"
    bool revoked = false;
  };
  [[nodiscard]] std::vector<Known> keys_of(const SshAddress& address) const;

  // not_found: no key is known for it. bad_input: others are, or this one is revoked; the error has
  // the fingerprints that were expected and the one that came.
  [[nodiscard]] Result<void> check(const SshAddress& address, const SshPublicKey& shown) const;

 private:
  struct Line {
    std::string text, where;
  };
  std::vector<Line> lines_;
};

// A private key, in memory.
class SshKey {
 public:
  enum class Type { ed25519, rsa };

  static Result<SshKey> generate(Type type);
  // Refused as ssh refuses it when others than its owner could read it (usage), and when a
  // passphrase protects it (unsupported): nobody types one in a capture kernel.
  static Result<SshKey> read(const std::string& path);

  // Writes `path` (mode 0600, OpenSSH's or PKCS#8 format, which ssh reads) and `path`.pub (0644).
  [[nodiscard]] Result<void> write(const std::string& path, const std::string& comment) const;

  [[nodiscard]] const SshPublicKey& public_key() const { return public_; }
  [[nodiscard]] ssh_key_struct* get() const { return key_.get(); }

 private:
  struct FreeKey {
    void operator()(ssh_key_struct* key) const;
  };
  SshKey(ssh_key_struct* key, SshPublicKey public_key)
      : key_(key), public_(std::move(public_key)) {}

  std::unique_ptr<ssh_key_struct, FreeKey> key_;
  SshPublicKey public_;
};

// What `key` looks like; the error says that libssh cannot tell.
Result<SshPublicKey> describe_public_key(ssh_key_struct* key);

}  // namespace kdump

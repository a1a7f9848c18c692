// Owners of what libssh hands out. Only the ssh_ files of this folder see libssh's types.
#pragma once

#include <libssh/libssh.h>
#include <memory>

namespace kdump::ssh {

struct Free {
  void operator()(ssh_session_struct* session) const {
    if (::ssh_is_connected(session) != 0) ::ssh_disconnect(session);
    ::ssh_free(session);
  }
  void operator()(ssh_channel_struct* channel) const { ::ssh_channel_free(channel); }
  void operator()(ssh_key_struct* key) const { ::ssh_key_free(key); }
  void operator()(ssh_knownhosts_entry* entry) const { ::ssh_knownhosts_entry_free(entry); }
  void operator()(char* text) const { ::ssh_string_free_char(text); }
};

using Session = std::unique_ptr<ssh_session_struct, Free>;
using Channel = std::unique_ptr<ssh_channel_struct, Free>;
using Key = std::unique_ptr<ssh_key_struct, Free>;
using KnownEntry = std::unique_ptr<ssh_knownhosts_entry, Free>;
using Text = std::unique_ptr<char, Free>;

}  // namespace kdump::ssh

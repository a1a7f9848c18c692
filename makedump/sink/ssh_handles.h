// Owners of what libssh hands out. Only the ssh_ files of this folder see libssh's types.
#pragma once

#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <memory>

namespace kdump::ssh {

struct Free {
  void operator()(ssh_session_struct* session) const {
    if (::ssh_is_connected(session) != 0) ::ssh_disconnect(session);
    ::ssh_free(session);
  }
  void operator()(ssh_channel_struct* channel) const { ::ssh_channel_free(channel); }
  void operator()(ssh_key_struct* key) const { ::ssh_key_free(key); }
  void operator()(sftp_session_struct* sftp) const { ::sftp_free(sftp); }
  void operator()(sftp_file_struct* file) const { (void)::sftp_close(file); }
  void operator()(sftp_attributes_struct* attributes) const { ::sftp_attributes_free(attributes); }
  void operator()(sftp_statvfs_struct* room) const { ::sftp_statvfs_free(room); }
  void operator()(ssh_knownhosts_entry* entry) const { ::ssh_knownhosts_entry_free(entry); }
  void operator()(char* text) const { ::ssh_string_free_char(text); }
};

using Session = std::unique_ptr<ssh_session_struct, Free>;
using Channel = std::unique_ptr<ssh_channel_struct, Free>;
using Key = std::unique_ptr<ssh_key_struct, Free>;
using SftpSession = std::unique_ptr<sftp_session_struct, Free>;
using SftpHandle = std::unique_ptr<sftp_file_struct, Free>;
using Attributes = std::unique_ptr<sftp_attributes_struct, Free>;
using Room = std::unique_ptr<sftp_statvfs_struct, Free>;
using KnownEntry = std::unique_ptr<ssh_knownhosts_entry, Free>;
using Text = std::unique_ptr<char, Free>;

}  // namespace kdump::ssh

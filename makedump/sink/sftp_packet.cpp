#include "makedump/sink/sftp_packet.h"

namespace kdump {

namespace {

template <class T>
void append(std::string& to, T value) {
  std::byte bytes[sizeof(T)];
  store(bytes, value, ByteOrder::big);
  to += as_text(bytes);
}

constexpr uint32_t kHasSize = 1, kHasOwner = 2, kHasMode = 4, kHasTimes = 8, kHasMore = 0x80000000;

}  // namespace

SftpBody& SftpBody::u32(uint32_t value) {
  append(bytes_, value);
  return *this;
}

SftpBody& SftpBody::u64(uint64_t value) {
  append(bytes_, value);
  return *this;
}

SftpBody& SftpBody::text(std::string_view text) {
  append(bytes_, static_cast<uint32_t>(text.size()));
  bytes_ += text;
  return *this;
}

SftpBody& SftpBody::mode(uint32_t mode) {
  return u32(kHasMode).u32(mode);
}

std::string sftp_head(SftpType type, uint32_t id, size_t body_bytes) {
  std::string head;
  append(head, static_cast<uint32_t>(1 + sizeof(id) + body_bytes));
  head += static_cast<char>(type);
  append(head, id);
  return head;
}

uint32_t SftpReader::u32() {
  const auto value = load_at<uint32_t>(rest_, 0, ByteOrder::big);
  bad_ = bad_ || !value;
  rest_ = value ? rest_.subspan(sizeof(*value)) : Bytes();
  return value.value_or(0);
}

uint64_t SftpReader::u64() {
  const auto value = load_at<uint64_t>(rest_, 0, ByteOrder::big);
  bad_ = bad_ || !value;
  rest_ = value ? rest_.subspan(sizeof(*value)) : Bytes();
  return value.value_or(0);
}

std::string_view SftpReader::text() {
  const uint32_t size = u32();
  if (size > rest_.size()) {
    bad_ = true;
    rest_ = {};
    return {};
  }
  const Bytes text = rest_.first(size);
  rest_ = rest_.subspan(size);
  return as_text(text);
}

SftpStat read_attributes(SftpReader& reader) {
  SftpStat stat;
  const uint32_t flags = reader.u32();
  if ((flags & kHasSize) != 0) stat.size = reader.u64();
  if ((flags & kHasOwner) != 0) (void)reader.u64();
  if ((flags & kHasMode) != 0) stat.mode = reader.u32();
  if ((flags & kHasTimes) != 0) {
    (void)reader.u32();
    stat.mtime = reader.u32();
  }
  if ((flags & kHasMore) != 0) {
    const uint32_t count = reader.u32();
    for (uint32_t i = 0; i < count && !reader.is_bad(); ++i) {
      (void)reader.text();
      (void)reader.text();
    }
  }
  return stat;
}

}  // namespace kdump

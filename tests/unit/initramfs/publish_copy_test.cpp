#include "initramfs/capture/publish_copy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

// Takes files, as the targets that take a stream do.
class Files final : public Destination {
 public:
  Result<void> reach() override { return {}; }
  [[nodiscard]] std::string local_ip() const override { return ""; }
  Result<std::string> make_directory(const std::string& its_name) override { return its_name; }
  Result<std::optional<uint64_t>> room() override { return std::optional<uint64_t>(); }
  Result<void> publish(const std::string& its_name, std::string_view its_text) override {
    name = its_name;
    text = its_text;
    return {};
  }
  [[nodiscard]] std::optional<std::string> path_of(const std::string&) const override {
    return std::nullopt;
  }
  Result<std::unique_ptr<DumpStream>> open_stream() override {
    return Error(Errc::unsupported, "no stream");
  }
  Result<void> leave() override { return {}; }

  std::string name, text;
};

TEST(PublishCopy, ALogOfManyMebibytesIsWhole) {
  for (const size_t size : {size_t{0}, size_t{17}, (size_t{5} << 20) + 3}) {
    TempDir directory;
    const std::string log(size, 'x'), path = directory.path() + "/log";
    directory.write("log", log);
    Files files;
    ASSERT_TRUE(publish_copy(files, path, "vmcore-dmesg.txt"));
    EXPECT_EQ(files.name, "vmcore-dmesg.txt");
    EXPECT_EQ(files.text, log);
    EXPECT_NE(::access(path.c_str(), F_OK), 0) << "its memory is needed";
  }
}

TEST(PublishCopy, WhatIsNotThereIsTold) {
  Files files;
  EXPECT_EQ(publish_copy(files, "/nonexistent/log", "x").error().code(), Errc::not_found);
}

}  // namespace
}  // namespace kdump

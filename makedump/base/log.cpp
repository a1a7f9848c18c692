#include <fcntl.h>
#include <mutex>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "makedump/base/fd.h"
#include "makedump/base/log_write.h"

namespace kdump::log {

namespace {

Level level_of(spdlog::level::level_enum level) {
  return level >= spdlog::level::err    ? Level::error
         : level >= spdlog::level::warn ? Level::warning
         : level >= spdlog::level::info ? Level::info
                                        : Level::debug;
}

// One write(2) a line: the kernel makes one record of each, and a line never mixes with another's.
class KernelLogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit KernelLogSink(Fd fd) : fd_(std::move(fd)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string record(priority(level_of(message.level)));
    record.append(line.data(), line.size());
    // A lost message must not become a second failure.
    (void)write_all(fd_, as_bytes(record), "/dev/kmsg");
  }
  void flush_() override {}

 private:
  Fd fd_;
};

class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit WriterSink(Writer write) : write_(write) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    if (text.ends_with('\n')) text.remove_suffix(1);
    write_(level_of(message.level), text);
  }
  void flush_() override {}

 private:
  Writer write_;
};

class PrefixedPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& to) override {
    const std::string_view text = priority(level_of(message.level));
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrefixedPriority>();
  }
};

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::error:
      return spdlog::level::err;
    case Level::warning:
      return spdlog::level::warn;
    case Level::info:
      return spdlog::level::info;
    case Level::debug:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("kdump",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    return made;
  }();
  return instance;
}

spdlog::sink_ptr make_sink(Where where) {
  if (where == Where::kernel_log) {
    if (auto fd = open_file("/dev/kmsg", O_WRONLY))
      return std::make_shared<KernelLogSink>(std::move(*fd));
  }
  return std::make_shared<spdlog::sinks::stderr_sink_mt>();
}

void install(const spdlog::sink_ptr& sink, const std::string& pattern, Level most_verbose) {
  auto made = std::make_shared<spdlog::logger>("kdump", sink);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrefixedPriority>('*');
  formatter->set_pattern(pattern);
  made->set_formatter(std::move(formatter));
  made->set_level(level_of(most_verbose));
  made->flush_on(spdlog::level::trace);
  logger() = std::move(made);
}

}  // namespace

void write(Level level, std::string_view message) {
  logger()->log(level_of(level), "{}{}", mark(level), message);
}

void open(std::string_view prefix, Where where, Level most_verbose) {
  install(make_sink(where),
          (where == Where::journal_stream ? "%*" : "") + std::string(prefix) + ": %v",
          most_verbose);
}

void open(std::string_view prefix, Writer write, Level most_verbose) {
  install(std::make_shared<WriterSink>(write), std::string(prefix) + ": %v", most_verbose);
}

}  // namespace kdump::log

#include "makedump/summary.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "makedump/compress/crc32.h"

namespace kdump {

namespace {

template <class... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 256> text{};
  (void)std::snprintf(text.data(), text.size(), pattern, args...);
  return text.data();
}

uint64_t stored_pages(const PageCounts& pages) {
  return pages[PageClass::kept] + pages[PageClass::zero];
}

nlohmann::ordered_json crash_members(const CrashFacts& crash) {
  return {
      {"format", 1},
      {"version", KDUMP_VERSION},
      {"kernel", {{"release", crash.osrelease}, {"build_id", crash.build_id}}},
      {"crash_time", crash.crash_time},
      {"panic", crash.panic},
  };
}

// Text out of a vmcore need not be UTF-8; a manifest with replacement characters beats none.
std::string as_text(const nlohmann::ordered_json& manifest) {
  return manifest.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string explain(PageClass page_class) {
  switch (page_class) {
    case PageClass::kept:
      return "stored";
    case PageClass::zero:
      return "stored, all share one page";
    case PageClass::hwpoison:
      return "left out: memory errors";
    case PageClass::offline:
      return "left out: not there (balloon, unplugged)";
    case PageClass::unreadable:
      return "lost: the input could not give them";
    case PageClass::free:
    case PageClass::unaccepted:
    case PageClass::cache:
    case PageClass::cache_private:
    case PageClass::user:
      return "left out";
  }
  return "";
}

}  // namespace

std::string summary_line(const Summary& summary) {
  const uint64_t total = summary.pages.total();
  const double share = total == 0 ? 0
                                  : 100.0 * static_cast<double>(stored_pages(summary.pages)) /
                                        static_cast<double>(total);
  return summary.output + ": " +
         format("%llu of %llu pages (%.1f %%), ",
                static_cast<unsigned long long>(stored_pages(summary.pages)),
                static_cast<unsigned long long>(total), share) +
         human_bytes(summary.bytes_written) + format(", %.1f s, peak memory ", summary.seconds) +
         human_bytes(summary.peak_memory_kib * 1024);
}

std::string summary_table(const Summary& summary) {
  std::string table = format("%-14s %12s %12s\n", "page class", "pages", "MiB");
  const auto row = [&](std::string_view name, uint64_t pages, const std::string& note) {
    table += format("%-14.*s %12llu %12.1f  ", static_cast<int>(name.size()), name.data(),
                    static_cast<unsigned long long>(pages),
                    static_cast<double>(pages) * static_cast<double>(summary.page_size.bytes()) /
                        (1 << 20)) +
             note + "\n";
  };
  for (size_t i = 0; i < kPageClassCount; ++i) {
    const auto page_class = static_cast<PageClass>(i);
    if (summary.pages[page_class] != 0 || page_class == PageClass::kept)
      row(page_class_name(page_class), summary.pages[page_class], explain(page_class));
  }
  row("sum", summary.pages.total(), "the memory map");
  table += format("filtering %.3f s, packing %.3f s, all %.3f s; %u thread%s, %s, level %u\n",
                  summary.filter_seconds, summary.pack_seconds, summary.seconds, summary.threads,
                  summary.threads == 1 ? "" : "s", std::string(codec_name(summary.codec)).c_str(),
                  summary.dump_level.bits);
  return table;
}

std::string summary_json(const Summary& summary) {
  nlohmann::ordered_json classes;
  for (size_t i = 0; i < kPageClassCount; ++i) {
    const auto page_class = static_cast<PageClass>(i);
    classes[std::string(page_class_name(page_class))] = summary.pages[page_class];
  }
  nlohmann::ordered_json manifest = crash_members(summary.crash);
  manifest.update({
      {"page_size", summary.page_size.bytes()},
      {"pages", {{"total", summary.pages.total()}, {"classes", std::move(classes)}}},
      {"codec", codec_name(summary.codec)},
      {"dump_level", summary.dump_level.bits},
      {"threads", summary.threads},
      {"bytes_written", summary.bytes_written},
      {"filter_seconds", summary.filter_seconds},
      {"pack_seconds", summary.pack_seconds},
      {"seconds", summary.seconds},
      {"peak_memory_kib", summary.peak_memory_kib},
      {"warnings", summary.warnings},
  });
  if (summary.crc32) manifest["crc32"] = crc32_text(*summary.crc32);
  return as_text(manifest);
}

std::string copy_json(const CopyReport& report) {
  return as_text({{"codec", "copy"},
                  {"bytes_written", report.bytes},
                  {"unreadable_bytes", report.unreadable}});
}

std::string crash_facts_json(const CrashFacts& crash) {
  return as_text(crash_members(crash));
}

}  // namespace kdump

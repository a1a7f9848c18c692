// makedump: command line → job → dump; prints the one error; exit status. It also answers to the
// name makedumpfile.
#include <cstdio>
#include <span>

#include "makedump/base/log.h"
#include "makedump/dump.h"
#include "makedump/job.h"

namespace {

using namespace kdump;

void say(const std::string& text) {
  (void)std::fputs(text.c_str(), stdout);
}

Result<void> run(const Job& job) {
  switch (job.kind) {
    case Job::Kind::help:
      say(help_text());
      return {};
    case Job::Kind::version:
      say("makedump " KDUMP_VERSION "\n");
      return {};
    case Job::Kind::check_params:
      return {};
    case Job::Kind::dmesg:
      return run_dmesg(job);
    case Job::Kind::rearrange:
      return run_rearrange(job);
    case Job::Kind::dump:
      break;
  }
  KDUMP_TRY_ASSIGN(const Summary summary, run_dump(job));
  for (const std::string& warning : summary.warnings)
    log::warning(warning);
  if (job.says(Job::kReport)) (void)std::fputs(summary_table(summary).c_str(), stderr);
  if (job.says(Job::kCommon)) log::info(summary_line(summary));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  log::open("makedump", log::Where::standard_error);
  const auto job = parse_job(std::span(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
  if (!job) {
    log::error(job.error().message());
    return exit_status(job.error().code());
  }
  if (const auto done = run(*job); !done) {
    // Errors are shown at any --message-level: a capture that failed in silence is the worst kind.
    log::error(done.error().message());
    return exit_status(done.error().code());
  }
  return 0;
}

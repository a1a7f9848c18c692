#include "makedump/program.h"

#include <csignal>
#include <cstdio>
#include <span>

#include "makedump/base/dump_status.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"
#include "makedump/copy.h"
#include "makedump/dump.h"
#include "makedump/job.h"

namespace kdump {

namespace {

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
    case Job::Kind::copy: {
      KDUMP_TRY_ASSIGN(const CopyReport report, run_copy(job));
      if (report.unreadable != 0)
        log::warning(human_bytes(report.unreadable) + " could not be read and are zeros");
      if (job.says(Job::kCommon))
        log::info(job.output + ": copied " + human_bytes(report.bytes) + ", of which " +
                  human_bytes(report.written) + " are not zeros");
      return {};
    }
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

// What whoever ran this can do next.
DumpStatus dump_status(const Error& error) {
  switch (error.code()) {
    case Errc::bad_input:
    case Errc::unsupported:
      return DumpStatus::damaged;
    case Errc::io:
    case Errc::no_space:
    case Errc::timed_out:
    case Errc::exists:
      return DumpStatus::target;
    case Errc::too_big:
      return DumpStatus::too_big;
    case Errc::no_memory:
      return DumpStatus::no_memory;
    case Errc::not_found:
      // A file that the system does not have is a wrong request; what a vmcore lacks is damage.
      return error.sys_errno() != 0 ? DumpStatus::failed : DumpStatus::damaged;
    case Errc::usage:
    case Errc::internal:
      break;
  }
  return DumpStatus::failed;
}

}  // namespace

int makedump_main(int argc, char** argv) {
  log::open("makedump", log::Where::standard_error);
  // Who reads the flattened form may go away: that is an error to tell, not a death in silence.
  (void)std::signal(SIGPIPE, SIG_IGN);
  const auto job = parse_job(std::span(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
  if (!job) {
    log::error(job.error().message());
    return exit_status(job.error().code());
  }
  if (const auto done = run(*job); !done) {
    // Errors are shown at any --message-level: a capture that failed in silence is the worst kind.
    log::error(done.error().message());
    return static_cast<int>(dump_status(done.error()));
  }
  return 0;
}

}  // namespace kdump

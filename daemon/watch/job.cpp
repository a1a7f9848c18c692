#include "daemon/watch/job.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace kdump {

namespace {

constexpr size_t kMostOutput = 64 << 10;
constexpr std::chrono::seconds kDeathLimit{10};  // from SIGKILL to its end

// posix_spawn wants both of these destroyed.
struct SpawnActions {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
  SpawnActions() {
    (void)::posix_spawn_file_actions_init(&files);
    (void)::posix_spawnattr_init(&attributes);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    (void)::posix_spawn_file_actions_destroy(&files);
    (void)::posix_spawnattr_destroy(&attributes);
  }
};

// Who it runs for decides where its messages go. systemd is told by kdumpd alone.
std::vector<std::string> environment() {
  std::vector<std::string> out = {"KDUMP_FROM=kdumpd"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with("NOTIFY_SOCKET=") && !text.starts_with("KDUMP_FROM="))
      out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words)
    out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Job::~Job() {
  if (running()) (void)::kill(-pid_, SIGTERM);
}

Result<void> Job::start(const std::vector<std::string>& argv, std::chrono::milliseconds limit,
                        std::function<void(const JobEnd&)> on_end) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("pipe");
  Fd read_end(ends[0]);
  const Fd write_end(ends[1]);
  // Of this end only: the child need not expect it.
  if (::fcntl(read_end.get(), F_SETFL, O_NONBLOCK) != 0) return Error::from_errno("pipe");

  SpawnActions spawn;
  (void)::posix_spawn_file_actions_addopen(&spawn.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  (void)::posix_spawn_file_actions_adddup2(&spawn.files, write_end.get(), STDOUT_FILENO);
  // Blocked signals are inherited, and kdumpd has blocked those that end a child.
  sigset_t none;
  sigemptyset(&none);
  (void)::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  (void)::posix_spawnattr_setpgroup(&spawn.attributes, 0);
  (void)::posix_spawnattr_setflags(&spawn.attributes,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words = argv;
  std::vector<std::string> variables = environment();
  pid_t pid = -1;
  if (const int error = ::posix_spawn(&pid, argv.front().c_str(), &spawn.files, &spawn.attributes,
                                      pointers(words).data(), pointers(variables).data());
      error != 0)
    return Error::from_errno("cannot run " + argv.front(), error);

  pid_ = pid;
  name_ = "kdumpctl " + (argv.size() > 1 ? argv[1] : "");
  limit_ = limit;
  killed_ = false;
  output_.clear();
  on_end_ = std::move(on_end);
  pipe_ = std::move(read_end);

  auto end = loop_.on_end_of(pid, [this](const ChildEnd& how) {
    read_output();
    JobEnd job;
    if (how.exited)
      job.status = how.number;
    else if (!killed_)
      job.problem = name_ + " was killed by signal " + std::to_string(how.number);
    finish(std::move(job));
  });
  if (!end) {
    (void)::kill(-pid, SIGKILL);
    pid_ = -1;
    return std::move(end).error();
  }
  end_source_ = std::move(*end);
  // Without these two it runs without being heard or limited, which is better than not at all.
  if (auto source = loop_.on_readable(pipe_.get(), [this] { read_output(); }))
    output_source_ = std::move(*source);
  if (auto timer = loop_.after(limit, std::chrono::seconds(1), [this] { kill_it(); }))
    timer_ = std::move(*timer);
  return {};
}

void Job::read_output() {
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while (pipe_ && (got = ::read(pipe_.get(), buffer.data(), buffer.size())) > 0)
    if (output_.size() < kMostOutput) output_.append(buffer.data(), static_cast<size_t>(got));
  if (got == 0) output_source_ = {};  // closed: it would be readable for ever
}

void Job::kill_it() {
  (void)::kill(-pid_, SIGKILL);
  killed_ = true;
  auto timer = loop_.after(kDeathLimit, std::chrono::seconds(1), [this] {
    // Its report comes now; pid_ stays until the kernel lets go of it.
    JobEnd job;
    job.problem = name_ + " hangs in the kernel and cannot be killed";
    job.timed_out = true;
    if (const auto report = std::exchange(on_end_, nullptr)) report(job);
  });
  if (timer) timer_ = std::move(*timer);
}

void Job::finish(JobEnd end) {
  pid_ = -1;
  if (killed_ && end.status < 0) {
    end.timed_out = true;
    end.problem = name_ + " did not end within " +
                  std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit_).count()) +
                  " s and was killed";
  }
  end.output = std::exchange(output_, {});
  end_source_ = {};
  output_source_ = {};
  timer_ = {};
  pipe_.reset();
  // Last: it may start the next one.
  if (const auto report = std::exchange(on_end_, nullptr)) report(end);
}

}  // namespace kdump

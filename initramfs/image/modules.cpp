#include "initramfs/image/modules.h"

#include <array>
#include <filesystem>
#include <libkmod.h>
#include <set>

namespace kdump {

namespace {

struct UnrefContext {
  void operator()(kmod_ctx* context) const { kmod_unref(context); }
};
struct UnrefModule {
  void operator()(kmod_module* module) const { kmod_module_unref(module); }
};
struct FreeInfo {
  void operator()(kmod_list* list) const { kmod_module_info_free_list(list); }
};
struct UnrefList {
  void operator()(kmod_list* list) const { kmod_module_unref_list(list); }
};
using Context = std::unique_ptr<kmod_ctx, UnrefContext>;
using Module = std::unique_ptr<kmod_module, UnrefModule>;
using ModuleList = std::unique_ptr<kmod_list, UnrefList>;

template <class Visit>
Result<void> for_each_module(kmod_list* list, Visit visit) {
  kmod_list* entry = nullptr;
  kmod_list_foreach(entry, list) {
    const Module module(kmod_module_get_module(entry));
    KDUMP_TRY(visit(module.get()));
  }
  return {};
}

std::string text_or_empty(const char* text) {
  return text ? text : "";
}

// File systems and protocols have none, and reading what a module says of itself unpacks it.
std::vector<std::string> firmware_of(kmod_module* module, std::string_view path) {
  std::vector<std::string> names;
  kmod_list* raw = nullptr;
  if (path.find("/drivers/") == std::string_view::npos || kmod_module_get_info(module, &raw) < 0)
    return names;
  const std::unique_ptr<kmod_list, FreeInfo> info(raw);
  kmod_list* entry = nullptr;
  kmod_list_foreach(entry, info.get()) {
    if (text_or_empty(kmod_module_info_get_key(entry)) == "firmware")
      names.push_back(text_or_empty(kmod_module_info_get_value(entry)));
  }
  return names;
}

}  // namespace

struct ModuleResolver::State {
  std::string directory;  // …/lib/modules/<release>
  std::array<std::string, 4> configuration;
  Context context;
  std::vector<KernelModule> modules;
  std::set<std::string> visited;

  // Depth first. `visited` is marked on the way in, so that a circle of soft dependencies ends.
  Result<void> visit(kmod_module* module) {
    const char* path = kmod_module_get_path(module);
    if (!path) return {};  // built in
    if (!visited.insert(kmod_module_get_name(module)).second) return {};

    kmod_list* pre_raw = nullptr;
    kmod_list* post_raw = nullptr;
    (void)kmod_module_get_softdeps(module, &pre_raw, &post_raw);
    const ModuleList pre(pre_raw);
    const ModuleList post(post_raw);
    const ModuleList dependencies(kmod_module_get_dependencies(module));
    const auto visit_each = [this](kmod_module* other) { return visit(other); };
    KDUMP_TRY(for_each_module(dependencies.get(), visit_each));
    KDUMP_TRY(for_each_module(pre.get(), visit_each));
    modules.push_back({kmod_module_get_name(module), path,
                       text_or_empty(kmod_module_get_options(module)), firmware_of(module, path)});
    return for_each_module(post.get(), visit_each);
  }
};

ModuleResolver::ModuleResolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
ModuleResolver::ModuleResolver(ModuleResolver&&) noexcept = default;
ModuleResolver& ModuleResolver::operator=(ModuleResolver&&) noexcept = default;
ModuleResolver::~ModuleResolver() = default;

Result<ModuleResolver> ModuleResolver::open(const std::string& release, const std::string& root) {
  auto state = std::make_unique<State>();
  const std::string prefix = root == "/" ? "" : root;
  state->directory = prefix + "/lib/modules/" + release;
  std::error_code ignored;
  if (!std::filesystem::exists(state->directory + "/modules.dep.bin", ignored))
    return Error(Errc::not_found, state->directory + "/modules.dep.bin is missing: install the " +
                                      "modules of kernel " + release + ", or run depmod " +
                                      release);
  state->configuration = {prefix + "/etc/modprobe.d", prefix + "/run/modprobe.d",
                          prefix + "/usr/lib/modprobe.d", prefix + "/lib/modprobe.d"};
  std::array<const char*, 5> configuration{};
  for (size_t i = 0; i < state->configuration.size(); ++i)
    configuration[i] = state->configuration[i].c_str();
  state->context.reset(kmod_new(state->directory.c_str(), configuration.data()));
  if (!state->context) return Error(Errc::no_memory, state->directory + ": libkmod cannot start");
  // Its complaints would go to stderr, in words of its own.
  kmod_set_log_fn(
      state->context.get(), [](void*, int, const char*, int, const char*, const char*, va_list) {},
      nullptr);
  (void)kmod_load_resources(state->context.get());
  return ModuleResolver(std::move(state));
}

Result<ModuleResolver::Match> ModuleResolver::add(const std::string& name_or_alias) {
  kmod_list* raw = nullptr;
  const int rc = kmod_module_new_from_lookup(state_->context.get(), name_or_alias.c_str(), &raw);
  const ModuleList found(raw);
  if (rc < 0 && rc != -ENOENT && rc != -ENOSYS)
    return Error::from_errno(state_->directory + ": looking up " + name_or_alias, -rc);
  if (!found) return Match::none;
  Match match = Match::built_in;
  KDUMP_TRY(for_each_module(found.get(), [&](kmod_module* module) -> Result<void> {
    if (!kmod_module_get_path(module)) return {};
    match = Match::module;
    return state_->visit(module);
  }));
  return match;
}

const std::vector<KernelModule>& ModuleResolver::modules() const {
  return state_->modules;
}

}  // namespace kdump

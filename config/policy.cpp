#include "config/policy.h"

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "config/action_names.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include "config/target_value.h"
#include "config/words.h"

namespace kdump {

namespace {

// yaml-cpp needs some hundred bytes of memory for each byte of a hostile file.
constexpr size_t kLongestFile = size_t{64} << 10;

// Goes through a document before any of it is kept. Refuses aliases, with which a short file can
// stand for an endless one, and ends what yaml-cpp would not: there is damaged YAML of which its
// parser makes empty nodes for ever. What is thrown here is caught in read_policy(), as is what
// yaml-cpp throws itself.
class Inspector : public YAML::EventHandler {
 public:
  explicit Inspector(size_t bytes) : nodes_left_(4 * bytes + 16) {}

  [[nodiscard]] const YAML::Mark& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    throw YAML::ParserException(mark, "aliases are not taken: write the value itself");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { count(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {
    count(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    count(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    count(mark);
  }
  void OnMapEnd() override {}

 private:
  void count(const YAML::Mark& mark) {
    if (nodes_left_-- == 0) throw YAML::ParserException(mark, "the text means nothing");
  }

  size_t nodes_left_;  // a byte makes three at most: a map, its key, and no value
  YAML::Mark start_ = YAML::Mark::null_mark();
};

class PolicyReader {
 public:
  PolicyReader(const std::string& name, Draft& draft)
      : name_(name), draft_(draft), settings_(draft.loaded.settings) {}

  void read(const YAML::Node& root) {
    read_map(root, "", "this file",
             {
                 {"targets", [this](const Node& node) { read_targets(node); }},
                 {"limits", [this](const Node& node) { read_limits(node); }},
                 {"space", [this](const Node& node) { read_space(node); }},
                 {"retention", [this](const Node& node) { read_retention(node); }},
                 {"naming", [this](const Node& node) { read_naming(node); }},
                 {"image", [this](const Node& node) { read_image(node); }},
                 {"notify", [this](const Node& node) { read_notify(node); }},
                 {"prove_every",
                  [this](const Node& node) {
                    read_duration(node, "prove_every", settings_.prove_every);
                  }},
             });
  }

  void fail(const YAML::Mark& mark, const std::string& what) {
    draft_.fail(where(mark) + (mark.is_null() ? "" : ":" + std::to_string(mark.column + 1)), what);
  }

 private:
  using Node = YAML::Node;
  struct Key {
    std::string_view name;
    std::function<void(const Node&)> read;
  };

  [[nodiscard]] std::string where(const YAML::Mark& mark) const {
    return mark.is_null() ? name_ : name_ + ":" + std::to_string(mark.line + 1);
  }
  void fail(const Node& node, const std::string& what) { fail(node.Mark(), what); }

  // Calls the reader of each key that is there. `prefix` opens the names of settings: "limits.".
  void read_map(const Node& map, const std::string& prefix, const std::string& what,
                const std::vector<Key>& keys) {
    if (!map.IsMap()) return fail(map, what + " takes 'key: value' lines");
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const Node& key = entry.first;
      if (!key.IsScalar()) {
        fail(key, what + ": a key is a word");
        continue;
      }
      const std::string& word = key.Scalar();
      const auto known = std::ranges::find(keys, word, &Key::name);
      if (known == keys.end()) {
        unknown_key(key, what, keys);
      } else if (!seen.insert(word).second) {
        fail(key, prefix + word + " is there twice; keep one of them");
      } else {
        draft_.loaded.origins[prefix + word] = where(key.Mark());
        known->read(entry.second);
      }
    }
  }

  void unknown_key(const Node& key, const std::string& what, const std::vector<Key>& keys) {
    std::vector<std::string_view> words;
    std::string list;
    for (const Key& known : keys) {
      words.push_back(known.name);
      list += (list.empty() ? "" : ", ") + std::string(known.name);
    }
    const auto near = nearest_word(key.Scalar(), words);
    fail(key, what + " has no key " + in_quotes(key.Scalar()) +
                  (near ? "; did you mean '" + std::string(*near) + "'?" : "; it has " + list));
  }

  // A text on one line, not empty; says so otherwise.
  std::optional<std::string> text_of(const Node& node, const std::string& what) {
    if (!node.IsScalar() || trimmed(node.Scalar()).empty()) {
      fail(node, what + " takes one value");
      return std::nullopt;
    }
    if (holds_control_character(node.Scalar())) {
      fail(node, what + " holds a control character");
      return std::nullopt;
    }
    return node.Scalar();
  }

  void read_duration(const Node& node, const std::string& what, std::chrono::seconds& into) {
    const auto text = text_of(node, what);
    if (!text) return;
    const auto duration = parse_duration(*text);
    if (!duration)
      return fail(node, what + " is " + in_quotes(*text) +
                            "; write a whole number with s, min, h or d, such as 10min");
    into = *duration;
  }

  void read_size(const Node& node, const std::string& what, uint64_t& into) {
    const auto text = text_of(node, what);
    if (!text) return;
    const auto size = parse_size(*text);
    if (!size)
      return fail(node, what + " is " + in_quotes(*text) +
                            "; write a whole number with KiB, MiB, GiB or TiB, such as 20GiB");
    into = *size;
  }

  void read_port(const Node& node, Target& target) {
    const auto text = text_of(node, "port");
    if (!text) return;
    const auto port = parse_number(*text);
    if (!port || *port == 0 || *port > 65535)
      return fail(node, "port is " + in_quotes(*text) + "; write a number from 1 to 65535");
    target.port = static_cast<uint16_t>(*port);
  }

  void read_limits(const Node& node) {
    read_map(node, "limits.", "limits",
             {
                 {"stall",
                  [this](const Node& value) {
                    read_duration(value, "limits.stall", settings_.stall_limit);
                    if (settings_.stall_limit.count() == 0) {
                      fail(value,
                           "limits.stall is 0; write how long a target may stand still, "
                           "such as 10min");
                    }
                  }},
                 {"capture",
                  [this](const Node& value) {
                    read_duration(value, "limits.capture", settings_.capture_limit);
                  }},
                 {"hook",
                  [this](const Node& value) {
                    read_duration(value, "limits.hook", settings_.hook_limit);
                    if (settings_.hook_limit.count() == 0)
                      fail(value, "limits.hook is 0; write how long a hook may take, such as 5min");
                  }},
             });
  }

  void read_space(const Node& node) {
    read_map(node, "space.", "space",
             {
                 {"keep_free",
                  [this](const Node& value) {
                    read_size(value, "space.keep_free", settings_.keep_free);
                  }},
                 {"when_short", [this](const Node& value) { read_when_short(value); }},
             });
  }

  void read_when_short(const Node& node) {
    std::vector<WhenShort> order;
    const auto read_one = [&](const Node& item) {
      const auto text = text_of(item, "space.when_short");
      if (!text) return;
      const auto known = value_in(kWhenShortNames, trimmed(*text));
      if (!known)
        return fail(item, "space.when_short is " + in_quotes(*text) +
                              "; write stricter level, dmesg only or refuse");
      if (std::ranges::find(order, *known) != order.end())
        return fail(item, "space.when_short has " + in_quotes(*text) + " twice");
      // Both end the attempt: what follows would never be tried.
      if (!order.empty() && order.back() != WhenShort::stricter_level)
        return fail(item, "space.when_short: nothing is tried after dmesg only or refuse; remove " +
                              in_quotes(*text));
      order.push_back(*known);
    };
    if (node.IsSequence())
      for (const auto& item : node)
        read_one(item);
    else
      read_one(node);
    if (!order.empty())
      settings_.when_short = std::move(order);
    else if (node.IsSequence() && node.size() == 0)
      fail(node, "space.when_short is empty; write stricter level, dmesg only or refuse");
  }

  void read_retention(const Node& node) {
    read_map(node, "retention.", "retention",
             {
                 {"keep",
                  [this](const Node& value) {
                    const auto text = text_of(value, "retention.keep");
                    if (!text) return;
                    const auto number = parse_number(*text);
                    if (!number || *number > 1'000'000)
                      return fail(value, "retention.keep is " + in_quotes(*text) +
                                             "; write a number of captures, or 0 for all of them");
                    settings_.retention.keep = static_cast<unsigned>(*number);
                  }},
                 {"max_bytes",
                  [this](const Node& value) {
                    read_size(value, "retention.max_bytes", settings_.retention.max_bytes);
                  }},
                 {"max_age",
                  [this](const Node& value) {
                    read_duration(value, "retention.max_age", settings_.retention.max_age);
                  }},
             });
  }

  void read_naming(const Node& node) {
    const auto text = text_of(node, "naming");
    if (!text) return;
    if (text->find('/') != std::string::npos || text->front() == '.')
      return fail(node, "naming is " + in_quotes(*text) +
                            "; write the name of one directory, without '/' or a dot in front");
    std::string_view rest = *text;
    for (size_t open; (open = rest.find_first_of("{}")) != std::string_view::npos;) {
      const size_t end = rest.find('}', open);
      const std::string_view word =
          end == std::string_view::npos ? rest.substr(open) : rest.substr(open, end - open + 1);
      if (word != "{ip}" && word != "{hostname}" && word != "{time}")
        return fail(node,
                    "naming has " + in_quotes(word) + "; it knows {ip}, {hostname} and {time}");
      rest.remove_prefix(end + 1);
    }
    if (text->find("{time}") == std::string::npos)
      return fail(node, "naming is " + in_quotes(*text) +
                            "; without {time} a crash would meet the dump of another one");
    settings_.naming = *text;
  }

  void read_image(const Node& node) {
    const auto text = text_of(node, "image");
    if (!text) return;
    const auto known = value_in(kImageKindNames, *text);
    if (!known)
      return fail(node, "image is " + in_quotes(*text) + "; write auto, native or dracut");
    settings_.image_kind = *known;
  }

  void read_notify(const Node& node) {
    if (!node.IsSequence() || node.size() == 0)
      return fail(node, "notify takes a list: [/path/of/program, argument, …]");
    std::vector<std::string> command;
    for (const auto& item : node) {
      if (!item.IsScalar() || holds_control_character(item.Scalar()))
        return fail(item, "notify takes a list of words: [/path/of/program, argument, …]");
      command.push_back(item.Scalar());
    }
    if (!command.front().starts_with("/"))
      return fail(node, "notify runs " + in_quotes(command.front()) +
                            "; write the program's whole path, from /");
    settings_.notify_command = std::move(command);
  }

  void read_targets(const Node& node) {
    const std::string list_origin = draft_.loaded.origins["targets"];
    if (!node.IsSequence() || node.size() == 0)
      return fail(node,
                  "targets takes a list, first choice first: '- kdump.conf', '- sftp: "
                  "user@host', …");
    constexpr size_t kMostTargets = 16;
    if (node.size() > kMostTargets)
      return fail(node, "targets has " + std::to_string(node.size()) + " entries; at most " +
                            std::to_string(kMostTargets) + " make sense in one crash");
    std::vector<Target> targets;
    unsigned conf_line = 0;
    for (const auto& item : node) {
      if (item.IsMap()) {
        read_target(item, targets);
      } else if (!item.IsScalar() || item.Scalar() != "kdump.conf") {
        fail(item,
             "a target is 'kdump.conf', for what that file says, or a map such as 'sftp: "
             "user@host'");
      } else if (conf_line != 0) {
        fail(item, "kdump.conf is in the list twice, first on line " + std::to_string(conf_line));
      } else {
        conf_line = static_cast<unsigned>(item.Mark().line) + 1;
        targets.push_back(settings_.targets.front());
        if (targets.back().origin.empty()) targets.back().origin = where(item.Mark());
      }
    }
    // A line that has no effect is found out on the day of the crash.
    if (conf_line == 0 && !draft_.kdump_conf_target_origin.empty())
      draft_.fail(list_origin, "the list of targets does not take in the one of " +
                                   draft_.kdump_conf_target_origin +
                                   "; write '- kdump.conf' into the list, or remove that line");
    if (!targets.empty()) settings_.targets = std::move(targets);
  }

  void read_target(const Node& node, std::vector<Target>& targets) {
    Target target;
    std::string kind;  // the key that says what it is
    const auto set_kind = [&](std::string_view word, const Node& value) {
      const std::string name(word);
      if (!kind.empty())
        return fail(value, "one target is both " + kind + " and " + name +
                               "; begin each with a '-' of its own");
      kind = name;
      const auto text = text_of(value, name);
      if (!text) return;
      auto parsed = parse_target(word, *text);
      if (!parsed) return fail(value, parsed.error().message());
      target.kind = parsed->kind;
      target.type = parsed->type;
      target.device = parsed->device;
      target.nfs_source = parsed->nfs_source;
      target.user = parsed->user;
      target.host = parsed->host;
    };
    const auto set_text = [this](const Node& value, const std::string& what, std::string& into) {
      if (auto text = text_of(value, what)) into = *text;
    };
    std::set<std::string> given;
    const auto note = [&given](const char* key) { given.insert(key); };

    std::vector<Key> keys;
    for (const std::string_view word : target_words())
      keys.push_back({word, [&, word](const Node& value) { set_kind(word, value); }});
    keys.push_back({"port", [&](const Node& v) { note("port"), read_port(v, target); }});
    keys.push_back({"key", [&](const Node& v) { note("key"), set_text(v, "key", target.key); }});
    keys.push_back({"options", [&](const Node& v) {
                      note("options"), set_text(v, "options", target.options);
                    }});
    keys.push_back({"path", [&](const Node& v) { read_target_path(v, target); }});
    keys.push_back({"stall_limit",
                    [&](const Node& v) { read_duration(v, "stall_limit", target.stall_limit); }});
    const size_t errors = draft_.errors.size();
    read_map(node, "targets[" + std::to_string(targets.size()) + "].", "a target", keys);
    if (draft_.errors.size() != errors) return;
    target.origin = where(node.Mark());
    check_target(node, kind, given, target);
    targets.push_back(std::move(target));
  }

  void read_target_path(const Node& node, Target& target) {
    const auto text = text_of(node, "path");
    if (!text) return;
    const auto clean = clean_path(*text);
    if (!clean || !text->starts_with("/"))
      return fail(node, "path is " + in_quotes(*text) + "; write it from '/' and without '..'");
    target.path = *clean;
  }

  void check_target(const Node& node, const std::string& kind, const std::set<std::string>& given,
                    const Target& target) {
    if (kind.empty() && target.path.empty())
      return fail(node,
                  "a target needs one of " + words_of_targets() + ", or a path on this host alone");
    const bool is_login = kind == "ssh" || kind == "sftp";
    const bool is_mounted = !is_login && kind != "raw" && !kind.empty();
    const std::string name = kind.empty() ? "path" : kind;
    for (const char* key : {"port", "key"})
      if (given.count(key) != 0 && !is_login)
        fail(node, std::string(key) + " goes with an ssh or sftp target, not with " + name);
    if (given.count("options") != 0 && !is_mounted)
      fail(node, "options (of mount) go with a file system or nfs, not with " + name);
    if (kind == "raw" && !target.path.empty())
      fail(node, "a raw device has no path; remove the key");
    if (!target.key.empty() && !target.key.starts_with("/"))
      fail(node, "key is " + in_quotes(target.key) + "; write its whole path, from /");
  }

  static std::string words_of_targets() {
    std::string list;
    for (const std::string_view word : target_words())
      list += (list.empty() ? "" : ", ") + std::string(word);
    return list;
  }

  const std::string& name_;
  Draft& draft_;
  Settings& settings_;
};

}  // namespace

void read_policy(std::string_view text, const std::string& name, Draft& draft) {
  if (text.size() > kLongestFile)
    return draft.fail(name,
                      "the file is longer than " + size_text(kLongestFile) + ": this is no policy");
  if (text.find('\0') != std::string_view::npos)
    return draft.fail(name, "the file holds a NUL byte: this is not a text file", Errc::bad_input);
  PolicyReader reader(name, draft);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Inspector inspector(text.size());
    // All in comments, as it is shipped.
    if (!parser.HandleNextDocument(inspector)) return;
    if (parser) {
      parser.HandleNextDocument(inspector);
      return reader.fail(inspector.start(), "the file holds more than one YAML document");
    }
    const YAML::Node document = YAML::Load(std::string(text));
    if (!document.IsNull()) reader.read(document);
  } catch (const YAML::Exception& error) {
    reader.fail(error.mark, "not valid YAML: " + shown(error.msg));
  } catch (const std::exception& error) {
    draft.fail(name, std::string("not valid YAML: ") + error.what(), Errc::bad_input);
  }
}

}  // namespace kdump

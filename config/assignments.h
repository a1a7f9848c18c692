// Files that their owners run as shell and that hold nothing but NAME="value" lines: read as data.
// /etc/sysconfig/kdump is one, and so are the files that `kdumpctl config import` reads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct Assignment {
  std::string name, value;
  unsigned line = 0;  // where it begins
};

struct Assignments {
  // One of each name, in the order in which the names come first; the last value counts.
  std::vector<Assignment> all;
  // What would take a shell to be understood: $(…), $NAME, `…`, commands, conditions. With file
  // and line.
  std::vector<Error> errors;

  // Nothing if there is none of this name.
  [[nodiscard]] const Assignment* find(std::string_view name) const;

  std::map<std::string, size_t, std::less<>> index;  // into `all`
};

// `name` is what messages call the text. Knows quotes, comments, backslashes, continued lines,
// `export`, several assignments on a line, and NAME+=value.
Assignments read_assignments(std::string_view text, const std::string& name);

}  // namespace kdump

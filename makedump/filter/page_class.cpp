#include "makedump/filter/page_class.h"

namespace kdump {

std::string_view page_class_name(PageClass page_class) {
  switch (page_class) {
    case PageClass::kept:
      return "kept";
    case PageClass::zero:
      return "zero";
    case PageClass::free:
      return "free";
    case PageClass::unaccepted:
      return "unaccepted";
    case PageClass::cache:
      return "cache";
    case PageClass::cache_private:
      return "cache_private";
    case PageClass::user:
      return "user";
    case PageClass::hwpoison:
      return "hwpoison";
    case PageClass::offline:
      return "offline";
    case PageClass::unreadable:
      return "unreadable";
  }
  return "unknown";
}

}  // namespace kdump

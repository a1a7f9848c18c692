// Messages in the journal with fields of their own, so that tools need not take sentences apart:
// `journalctl KDUMP_ACTION=refresh`, `journalctl -o json -u kdumpd`.
//
//   KDUMP_ACTION  start, stop, restart, reload, rebuild, refresh
//   KDUMP_REASON  why it could not be done
//   KDUMP_TARGET  where dumps go
//   KDUMP_IMAGE   the capture image's file
//   MESSAGE_ID    what kind of event it is: message_ids.h
#pragma once

#include <string>

namespace kdump {

// Where a service's program logs: to the journal when that is what stderr is, with the fields that
// are set, else to stderr with priorities. "prefix: message", as log::open() has it.
void open_journal(const std::string& prefix);

// Whether this program was started by kdumpd, whose messages go to the journal.
bool started_by_kdumpd();

// Goes with every message from now on; "" takes it away. Nothing happens without open_journal().
void set_journal_field(const std::string& name, const std::string& value);

// While it lives, messages carry the MESSAGE_ID of one event.
class JournalEvent {
 public:
  explicit JournalEvent(const char* id) { set_journal_field("MESSAGE_ID", id); }
  ~JournalEvent() { set_journal_field("MESSAGE_ID", ""); }
  JournalEvent(const JournalEvent&) = delete;
  JournalEvent& operator=(const JournalEvent&) = delete;
};

}  // namespace kdump
